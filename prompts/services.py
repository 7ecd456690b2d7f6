"""Writing prompts, versions and activations, and resolving for the ledger which version a request belongs to."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from orgs.models import Organization
from orgs.services import audit
from prompts.models import NO_PROMPT_KEY, Prompt, PromptActivation, PromptVersion

# Rows of one INSERT; six parameters a row stay far below what either database takes in one statement.
_INSERT_ROWS = 500


@transaction.atomic
def create_prompt(
    *,
    organization: Organization,
    key: str,
    name: str = "",
    description: str = "",
    by: AbstractBaseUser | None = None,
) -> Prompt:
    """Raises `ValidationError` when the key is empty, `unknown`, too long, taken, or holds control characters."""
    key = key.strip()
    if not key.isprintable():
        raise ValidationError({"key": "A prompt's key cannot hold control characters."}, code="control_characters")
    prompt = Prompt(organization=organization, key=key, name=name.strip(), description=description.strip())
    prompt.full_clean()
    prompt.save(force_insert=True)
    audit.record(organization_id=organization.pk, action="prompt.created", target=prompt.key, by=by)
    return prompt


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
    by: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> PromptVersion:
    """`number=None` takes the next one. Raises `ValidationError` for an archived prompt, a taken number, bad values."""
    locked = _lock(prompt)
    _require_current(locked)
    if number is None:
        number = (locked.versions.aggregate(highest=Max("number"))["highest"] or 0) + 1
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
def deactivate(*, prompt: Prompt, by: AbstractBaseUser | None = None, now: datetime | None = None) -> None:
    """From `now` on no version is active. Does nothing when none is."""
    locked = _lock(prompt)
    current = locked.activations.open().select_related("version").first()
    if current is not None:
        _close(locked, now or timezone.now())
        _record(locked, "prompt.version_deactivated", by, version=current.version.number)


@transaction.atomic
def archive(*, prompt: Prompt, by: AbstractBaseUser | None = None, now: datetime | None = None) -> None:
    """Take the prompt off the lists and close its active version. Its spend, past and future, is still shown."""
    moment = now or timezone.now()
    locked = _lock(prompt)
    if not locked.is_archived:
        _close(locked, moment)
        locked.archived_at = moment
        locked.save(update_fields=["archived_at"])
        _record(locked, "prompt.archived", by)
    prompt.archived_at = locked.archived_at


# For the ledger. No audit entries: these follow from traffic, not from anybody's act.


def known_keys(*, organization_id: int, keys: Iterable[str]) -> set[str]:
    """Those of the keys that already have a prompt, archived ones included."""
    wanted = set(keys)
    if not wanted:
        return set()
    return set(Prompt.objects.of(organization_id).filter(key__in=wanted).values_list("key", flat=True))


def count_auto_created_since(*, organization_id: int, since: datetime) -> int:
    """How many prompts requests have made since then; for the caller's daily cap."""
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
        raise ValidationError("This prompt is archived.", code="archived_prompt")


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


def _record(prompt: Prompt, action: str, by: AbstractBaseUser | None, **details: int) -> None:
    audit.record(organization_id=prompt.organization_id, action=action, target=prompt.key, by=by, **details)
