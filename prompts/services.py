"""Writing prompts, versions and activations, and resolving for the ledger which version a request belongs to."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from analytics.caps import OVERFLOW
from orgs.models import Organization
from orgs.services import audit
from prompts.models import (
    CONTROL_CHARACTERS,
    MAX_KEY_LENGTH,
    MAX_VERSION_NUMBER,
    NO_PROMPT_KEY,
    Prompt,
    PromptActivation,
    PromptVersion,
)

# Rows of one INSERT; six parameters a row stay far below what either database takes in one statement.
_INSERT_ROWS = 500


class KeyTaken(ValidationError):
    """The organization has a prompt of this key already, archived or not; `prompt` is that one."""

    def __init__(self, prompt: Prompt) -> None:
        words = "This organization already has a prompt with that key."
        if prompt.is_archived:
            words = "This organization already has a prompt with that key. It is archived."
        super().__init__({"key": words}, code="key_taken")
        self.prompt = prompt


@transaction.atomic
def create_prompt(
    *,
    organization: Organization,
    key: str,
    name: str = "",
    description: str = "",
    by: AbstractBaseUser | None = None,
) -> Prompt:
    """Raises `KeyTaken`, and `ValidationError` when the key is empty, reserved, too long or has control characters."""
    key = key.strip()
    if words := _find_fault(key):
        raise ValidationError({"key": words}, code="bad_key")
    prompt = Prompt(organization=organization, key=key, name=_tidy(name), description=description.strip())
    prompt.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            prompt.save(force_insert=True)
    except IntegrityError:
        # Made before, or at this very moment: by somebody else, or by a request that named it.
        taken = Prompt.objects.of(organization.pk).filter(key=key).first()
        if taken is None:
            raise
        raise KeyTaken(taken) from None
    audit.record(organization_id=organization.pk, action="prompt.created", target=prompt.key, by=by)
    return prompt


@transaction.atomic
def describe(*, prompt: Prompt, name: str, description: str, by: AbstractBaseUser | None = None) -> None:
    """Call and describe a prompt otherwise; it is marked as made by a request no more. Its key never changes.

    Raises `ValidationError` when the name is too long. Nothing is noted when nothing changed.
    """
    locked = _lock(prompt)
    wanted = {"name": _tidy(name), "description": description.strip(), "is_auto_created": False}
    changed = [field for field, value in wanted.items() if getattr(locked, field) != value]
    if changed:
        for field in changed:
            setattr(locked, field, wanted[field])
        locked.full_clean(validate_constraints=False)
        locked.save(update_fields=changed)
        said = ", ".join(field for field in changed if field != "is_auto_created")
        if said:
            _record(locked, "prompt.changed", by, fields=said)
    for field in wanted:
        setattr(prompt, field, getattr(locked, field))


@transaction.atomic
def add_version(
    *,
    prompt: Prompt,
    model: str,
    number: int | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    note: str = "",
    activate: bool = False,
    latest: int | None = None,
    by: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> PromptVersion:
    """`number=None` takes the one after the highest, of which the caller may say by `latest` that they know of it.

    Raises `ValidationError` for an archived prompt, a taken number, bad values, and when the next number is not
    that after `latest` any more: somebody else, or the same form sent twice, was faster.
    """
    locked = _lock(prompt)
    _require_current(locked)
    if number is None:
        number = _next_number(locked, latest)
    elif not 1 <= number <= MAX_VERSION_NUMBER:
        raise ValidationError({"number": f"Version numbers go from 1 to {MAX_VERSION_NUMBER:,}."}, code="out_of_range")
    version = PromptVersion(
        prompt=locked,
        number=number,
        model=model.strip(),
        temperature=temperature,
        max_tokens=max_tokens,
        note=note.strip(),
        created_at=now or timezone.now(),
    )
    version.full_clean()
    version.save(force_insert=True)
    _record(locked, "prompt.version_added", by, version=version.number)
    if activate:
        _activate(locked, version, by, now or timezone.now())
    return version


@transaction.atomic
def activate(
    *, version: PromptVersion, by: AbstractBaseUser | None = None, now: datetime | None = None
) -> PromptActivation:
    """Requests that name no version belong to this one from `now` on. The version active until then is closed.

    Does nothing when the version is active already. Raises `ValidationError` for an archived prompt.
    """
    locked = _lock(version.prompt)
    _require_current(locked)
    return _activate(locked, version, by, now or timezone.now())


@transaction.atomic
def deactivate(
    *, prompt: Prompt, number: int | None = None, by: AbstractBaseUser | None = None, now: datetime | None = None
) -> None:
    """From `now` on no version is active. Does nothing when none is.

    `number` says which one is meant: raises `ValidationError` when it is another one that is active.
    """
    locked = _lock(prompt)
    current = locked.activations.open().select_related("version").first()
    if current is not None:
        if number not in {None, current.version.number}:
            words = f"Version {current.version.number} was made active meanwhile, and it still is. Nothing was changed."
            raise ValidationError(words, code="another_is_active")
        _close(locked, now or timezone.now())
        _record(locked, "prompt.version_deactivated", by, version=current.version.number)


@transaction.atomic
def archive(*, prompt: Prompt, by: AbstractBaseUser | None = None, now: datetime | None = None) -> None:
    """Take the prompt off the lists and close its active version. Its spend, past and future, is still shown.

    Requests that name it go on working, and count under it.
    """
    moment = now or timezone.now()
    locked = _lock(prompt)
    if not locked.is_archived:
        _close(locked, moment)
        locked.archived_at = moment
        locked.save(update_fields=["archived_at"])
        _record(locked, "prompt.archived", by)
    prompt.archived_at = locked.archived_at


@transaction.atomic
def restore(*, prompt: Prompt, by: AbstractBaseUser | None = None) -> None:
    """Put an archived prompt back on the lists, without an active version."""
    locked = _lock(prompt)
    if locked.is_archived:
        locked.archived_at = None
        locked.save(update_fields=["archived_at"])
        _record(locked, "prompt.restored", by)
    prompt.archived_at = None


# For the ledger. No audit entries: these follow from traffic, not from anybody's act.


def known_keys(*, organization_id: int, keys: Iterable[str]) -> set[str]:
    """Those of the keys that already have a prompt, archived ones included."""
    wanted = set(keys)
    if not wanted:
        return set()
    return set(Prompt.objects.of(organization_id).filter(key__in=wanted).values_list("key", flat=True))


def count_auto_created_since(*, organization_id: int, since: datetime) -> int:
    """How many prompts requests have made since then, but for those that people took up; for the caller's daily cap."""
    return Prompt.objects.of(organization_id).filter(is_auto_created=True, created_at__gte=since).count()


def register_unseen(*, organization_id: int, keys: Iterable[str], now: datetime) -> set[str]:
    """Make a prompt for each key that has none; the keys newly made, by this transaction alone.

    Rows are inserted in the order of keys, so that two transactions wait for each other instead of deadlocking.
    """
    wanted = sorted(set(keys) - {"", NO_PROMPT_KEY})
    made: set[str] = set()
    for start in range(0, len(wanted), _INSERT_ROWS):
        made |= _insert_auto_created(organization_id, wanted[start : start + _INSERT_ROWS], now)
    return made


def resolve_versions(
    *, organization_id: int, wanted: Iterable[tuple[str, datetime]]
) -> dict[tuple[str, datetime], int]:
    """The number of the version that was active for each (prompt key, moment); absent where none was. One query."""
    pairs = set(wanted)
    if not pairs:
        return {}
    moments = [moment for _, moment in pairs]
    rows = (
        PromptActivation.objects.touching(organization_id, {key for key, _ in pairs}, min(moments), max(moments))
        .order_by("active_from", "id")
        .values_list("prompt__key", "version__number", "active_from", "active_until")
    )
    spans: dict[str, list[tuple[int, datetime, datetime | None]]] = {}
    for key, number, active_from, active_until in rows:
        spans.setdefault(key, []).append((number, active_from, active_until))
    return {
        (key, moment): number
        for key, moment in pairs
        for number, active_from, active_until in spans.get(key, ())
        if active_from <= moment and (active_until is None or moment < active_until)
    }


def _lock(prompt: Prompt) -> Prompt:
    return Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)


def _require_current(prompt: Prompt) -> None:
    if prompt.is_archived:
        raise ValidationError("This prompt is archived. Restore it first.", code="archived_prompt")


def _find_fault(key: str) -> str:
    """Why no prompt can have this key; "" if one can."""
    if not key:
        return "Give the prompt a key."
    if key == NO_PROMPT_KEY:
        return f"“{NO_PROMPT_KEY}” is what clients send that have no prompt. Choose another key."
    if key == OVERFLOW:
        return f"“{OVERFLOW}” stands for the prompt keys beyond a day's limit. Choose another key."
    if CONTROL_CHARACTERS.search(key):
        return "A prompt's key cannot hold control characters, like a line break or a tab."
    if len(key) > MAX_KEY_LENGTH:
        return f"At most {MAX_KEY_LENGTH} characters fit, and these are {len(key):,}."
    return ""


def _next_number(prompt: Prompt, latest: int | None) -> int:
    highest: int = prompt.versions.aggregate(highest=Max("number"))["highest"] or 0
    if latest is not None and latest != highest:
        words = f"Version {highest} was added meanwhile. Send this once more to add version {highest + 1}."
        raise ValidationError(words, code="another_was_added")
    if highest == MAX_VERSION_NUMBER:
        raise ValidationError({"number": "The highest number is taken. Choose a free one."}, code="out_of_range")
    return highest + 1


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _activate(prompt: Prompt, version: PromptVersion, by: AbstractBaseUser | None, now: datetime) -> PromptActivation:
    current = prompt.activations.open().first()
    if current is not None and current.version_id == version.pk:
        return current
    moment = _close(prompt, now)
    activation = PromptActivation.objects.create(prompt=prompt, version=version, active_from=moment)
    _record(prompt, "prompt.version_activated", by, version=version.number)
    return activation


def _close(prompt: Prompt, now: datetime) -> datetime:
    """End the open activation and tell when: at `now`, or at the latest change if that is later (clocks differ)."""
    latest = prompt.activations.order_by("-active_from", "-id").first()
    if latest is None:
        return now
    if latest.active_until is not None:
        return max(now, latest.active_until)
    latest.active_until = max(now, latest.active_from)
    latest.save(update_fields=["active_until"])
    return latest.active_until


def _insert_auto_created(organization_id: int, keys: list[str], now: datetime) -> set[str]:
    # The ORM's bulk_create(ignore_conflicts=True) cannot tell which rows were inserted; RETURNING can, on both engines.
    created_at = Prompt._meta.get_field("created_at").get_db_prep_save(now, connection)
    row = "(%s, %s, '', '', %s, %s)"
    parameters = [value for key in keys for value in (organization_id, key, True, created_at)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO prompts_prompt (organization_id, key, name, description, is_auto_created, created_at) "  # noqa: S608
            f"VALUES {', '.join([row] * len(keys))} ON CONFLICT (organization_id, key) DO NOTHING RETURNING key",
            parameters,
        )
        return {key for (key,) in cursor.fetchall()}


def _record(prompt: Prompt, action: str, by: AbstractBaseUser | None, **details: int | str) -> None:
    audit.record(organization_id=prompt.organization_id, action=action, target=prompt.key, by=by, **details)
