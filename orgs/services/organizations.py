"""Making, suspending and resuming organizations. Their keys follow within a second, through the revocation log."""

from collections.abc import Iterable

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from orgs.models import Membership, Organization, RevocationEntry
from orgs.services import audit, members

MAX_SLUG_LENGTH = 60
_SLUG_ATTEMPTS = 20


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


def suspend(*, organization: Organization, by: AbstractBaseUser | None = None) -> None:
    """Refuse all of the organization's keys until it is resumed. Does nothing when it is suspended already."""
    _set_active(organization, by, is_active=False)


def resume(*, organization: Organization, by: AbstractBaseUser | None = None) -> None:
    """Its keys work again, except those that were revoked. Does nothing when it is active already."""
    _set_active(organization, by, is_active=True)


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
        taken = set(Organization.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
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
    # The row lock also puts the log's entries about one organization in the order in which they are committed.
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    organization.is_active = is_active
    if locked.is_active == is_active:
        return
    locked.is_active = is_active
    locked.save(update_fields=["is_active"])
    kinds = RevocationEntry.Kind
    kind = kinds.ORGANIZATION_RESUMED if is_active else kinds.ORGANIZATION_SUSPENDED
    RevocationEntry.objects.create(kind=kind, organization=locked)
    action = "organization.resumed" if is_active else "organization.suspended"
    audit.record(organization_id=locked.pk, action=action, target=locked.name, by=by)
