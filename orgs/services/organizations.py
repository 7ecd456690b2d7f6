"""Making, suspending, deleting organizations. Their keys follow within a second, through the revocation log."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.text import slugify

from config import mails
from orgs.models import Membership, Organization, RevocationEntry
from orgs.services import audit, members

MAX_SLUG_LENGTH = 60
_SLUG_ATTEMPTS = 20
# `/app/new/` is a page of its own.
_RESERVED_SLUGS = {"new"}


@transaction.atomic
def create(
    *, name: str, timezone: str = "UTC", owner: AbstractBaseUser | None = None, by: AbstractBaseUser | None = None
) -> Organization:
    """The slug is made from the name. Raises `ValidationError` for an empty or long name and an unknown time zone."""
    organization = Organization(name=" ".join(name.split()), timezone=timezone)
    organization.clean_fields(exclude=["slug"])
    _save_under_free_slug(organization)
    audit.record(
        organization_id=organization.pk,
        action="organization.created",
        target=organization.name,
        by=by or owner,
        slug=organization.slug,
        timezone=timezone,
    )
    if owner is not None:
        members.add(organization=organization, user=owner, role=Membership.Role.OWNER, by=by or owner)
    return organization


@transaction.atomic
def rename(*, organization: Organization, name: str, by: AbstractBaseUser | None = None) -> None:
    """The slug stays, and with it all addresses. Raises `ValidationError` for an empty or long name."""
    locked = _lock(organization)
    before, locked.name = locked.name, " ".join(name.split())
    locked.clean_fields(exclude=["slug"])
    if locked.name != before:
        locked.save(update_fields=["name"])
        audit.record(organization_id=locked.pk, action="organization.renamed", target=locked.name, by=by, before=before)
    organization.name = locked.name


def suspend(*, organization: Organization, by: AbstractBaseUser | None = None) -> None:
    """Refuse all of the organization's keys until it is resumed. Does nothing when it is suspended already."""
    _set_active(organization, by, is_active=False)


def resume(*, organization: Organization, by: AbstractBaseUser | None = None) -> None:
    """Its keys work again, except those that were revoked. Does nothing when it is active already."""
    _set_active(organization, by, is_active=True)


@transaction.atomic
def delete(*, organization: Organization, by: AbstractBaseUser | None = None, now: datetime | None = None) -> None:
    """Refuse its keys and close its pages at once; `undo_deletion` brings it back until its data is purged.

    Does nothing when it is deleted already.
    """
    locked = _lock(organization)
    if not locked.is_deleted:
        accepted_keys = locked.accepts_keys
        locked.deleted_at = now or clock.now()
        locked.save(update_fields=["deleted_at"])
        _tell_processes(locked, accepted_keys)
        audit.record(organization_id=locked.pk, action="organization.deleted", target=locked.name, by=by)
        transaction.on_commit(lambda: _tell_owners(locked, by))
    organization.deleted_at = locked.deleted_at


@transaction.atomic
def undo_deletion(
    *, organization: Organization, by: AbstractBaseUser | None = None, now: datetime | None = None
) -> None:
    """All is as it was: keys that were not revoked work again, unless the organization is suspended.

    Raises `ValidationError` when the time is over, since the purge may have begun.
    """
    locked = _lock(organization)
    if locked.purged_at is not None:
        if locked.purged_at <= (now or clock.now()):
            raise ValidationError("It is too late: the organization's data is being purged.", code="too_late")
        accepted_keys = locked.accepts_keys
        locked.deleted_at = None
        locked.save(update_fields=["deleted_at"])
        _tell_processes(locked, accepted_keys)
        audit.record(organization_id=locked.pk, action="organization.restored", target=locked.name, by=by)
    organization.deleted_at = None


def lock_shared(ids: Iterable[int]) -> dict[int, Organization]:
    """The organizations by id, kept from deletion and `FOR UPDATE` until the transaction ends; others may share the
    lock, and a plain change (renaming, suspending) does not wait for it: docs/adr/0006.

    Locks are taken in the order of ids. SQLite has one writer at a time, so there a plain reading says the same.
    """
    wanted = sorted(set(ids))
    if connection.vendor != "postgresql":
        return {found.pk: found for found in Organization.objects.filter(pk__in=wanted)}
    locked = Organization.objects.raw(
        "SELECT * FROM orgs_organization WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
        [wanted],
    )
    return {found.pk: found for found in locked}


def _save_under_free_slug(organization: Organization) -> None:
    stem = slugify(organization.name)[: MAX_SLUG_LENGTH - 4].strip("-") or "organization"
    for attempt in range(1, _SLUG_ATTEMPTS + 1):
        taken = _RESERVED_SLUGS | set(Organization.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
        number = attempt
        while (slug := stem if number == 1 else f"{stem}-{number}") in taken:
            number += 1
        organization.slug = slug
        try:
            with transaction.atomic():
                organization.save(force_insert=True)
        except IntegrityError:
            # Somebody else took the slug just now. Anything else that is wrong shows again in the last attempt.
            if attempt == _SLUG_ATTEMPTS:
                raise
        else:
            return


@transaction.atomic
def _set_active(organization: Organization, by: AbstractBaseUser | None, *, is_active: bool) -> None:
    locked = _lock(organization)
    organization.is_active = is_active
    if locked.is_active == is_active:
        return
    accepted_keys = locked.accepts_keys
    locked.is_active = is_active
    locked.save(update_fields=["is_active"])
    _tell_processes(locked, accepted_keys)
    action = "organization.resumed" if is_active else "organization.suspended"
    audit.record(organization_id=locked.pk, action=action, target=locked.name, by=by)


def _lock(organization: Organization) -> Organization:
    # The row lock also puts the log's entries about one organization in the order in which they are committed.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _tell_owners(organization: Organization, by: AbstractBaseUser | None) -> None:
    context = {
        "organization": organization,
        "by": by.get_username() if by else "",
        "undo_url": mails.absolute(reverse("organization-delete", args=[organization.slug])),
    }
    owners = Membership.objects.owners().filter(organization=organization).select_related("user")
    for owner in owners:
        mails.send("emails/organization_deleted", to=owner.user.get_username(), context=context)


def _tell_processes(organization: Organization, accepted_keys: bool) -> None:
    """Suspension and deletion each refuse all keys; only a change of the sum of both is news to the key caches."""
    if organization.accepts_keys == accepted_keys:
        return
    kinds = RevocationEntry.Kind
    kind = kinds.ORGANIZATION_RESUMED if organization.accepts_keys else kinds.ORGANIZATION_SUSPENDED
    RevocationEntry.objects.create(kind=kind, organization=organization)
