"""Issuing and revoking platform keys. A revoked key never works again."""

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from orgs import keys
from orgs.models import ApiKey, RevocationEntry, Team
from orgs.services import audit


class AlreadyIssued(Exception):
    """The form was sent before and has made its key, which cannot be shown again."""

    def __init__(self, record: ApiKey) -> None:
        super().__init__(record.label)
        self.record = record


@transaction.atomic
def issue(
    *, team: Team, by: AbstractBaseUser | None = None, description: str = "", form_id: UUID | None = None
) -> tuple[ApiKey, str]:
    """The record and the key itself, which is not kept: this is the only time that it can be shown.

    `form_id` names the form that asks. Raises `AlreadyIssued` when it has made a key before, and `ValidationError` for
    an archived team or a description that is too long.
    """
    locked = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    refuse_second_use(form_id, locked.organization_id)
    if locked.is_archived:
        raise ValidationError("This team is archived: its keys would not be seen by anybody.", code="archived_team")
    key = keys.generate()
    record = ApiKey(
        team=team,
        organization_id=locked.organization_id,
        key_hash=keys.digest(key),
        prefix=key[: keys.PREFIX_LENGTH],
        last4=key[-4:],
        description=description.strip(),
        created_by_id=by.pk if by is not None else None,
        form_id=form_id,
    )
    record.full_clean()
    record.save(force_insert=True)
    audit.record(
        organization_id=locked.organization_id,
        action="api_key.issued",
        target=record.label,
        by=by,
        api_key_id=record.pk,
        team=locked.name,
    )
    return record, key


def refuse_second_use(form_id: UUID | None, organization_id: int) -> None:
    """Raises `AlreadyIssued`. The caller holds a lock for which a second sending of the same form waits.

    A form of another organization made nothing that could be told here: `ValidationError`.
    """
    earlier = ApiKey.objects.filter(form_id=form_id).first() if form_id else None
    if earlier is None:
        return
    if earlier.organization_id != organization_id:
        raise ValidationError("This form cannot be used. Open it anew.", code="foreign_form")
    raise AlreadyIssued(earlier)


@transaction.atomic
def revoke(*, key: ApiKey, by: AbstractBaseUser | None = None) -> None:
    """Refuse the key for good, everywhere within a second. Does nothing when it is revoked already."""
    locked = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    if not locked.is_revoked:
        locked.revoked_at = timezone.now()
        locked.revoked_by_id = by.pk if by is not None else None
        locked.save(update_fields=["revoked_at", "revoked_by"])
        RevocationEntry.objects.create(
            kind=RevocationEntry.Kind.KEY_REVOKED, organization_id=locked.organization_id, api_key=locked
        )
        audit.record(
            organization_id=locked.organization_id,
            action="api_key.revoked",
            target=locked.label,
            by=by,
            api_key_id=locked.pk,
        )
    key.revoked_at = locked.revoked_at
