"""Who belongs to an organization, and as what. An organization that has owners never loses its last one."""

from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from orgs.models import Membership, Organization
from orgs.models.organization import MembershipQuerySet
from orgs.services import audit


class NoLongerMember(Exception):
    """The person left, or was removed, a moment ago."""


@transaction.atomic
def add(
    *,
    organization: Organization,
    user: AbstractBaseUser,
    role: str = Membership.Role.MEMBER,
    by: AbstractBaseUser | None = None,
) -> Membership:
    """Raises `ValidationError` when the person is a member already or the role is unknown."""
    membership = Membership(organization=organization, user_id=user.pk, role=role)
    membership.full_clean()
    membership.save(force_insert=True)
    _record(membership, "member.added", by)
    return membership


@transaction.atomic
def join(*, organization: Organization, user: AbstractBaseUser, role: str, now: datetime | None = None) -> Membership:
    """By the person's own act, as invited. Raises `ValidationError` as `add` does."""
    membership = Membership(organization=organization, user_id=user.pk, role=role, created_at=now or clock.now())
    membership.full_clean()
    membership.save(force_insert=True)
    _record(membership, "member.joined", user)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: AbstractBaseUser | None = None) -> None:
    """Raises `ValidationError` for an unknown role and the last owner, `NoLongerMember` for somebody who is gone."""
    locked = _lock(membership)
    if locked.role == role:
        return
    if locked.is_owner:
        _require_another_owner(locked)
    locked.role = membership.role = role
    locked.full_clean()
    locked.save(update_fields=["role"])
    _record(locked, "member.role_changed", by)


def remove(*, membership: Membership, by: AbstractBaseUser | None = None) -> None:
    """The person loses access with the next request.

    Raises `ValidationError` for the last owner and `NoLongerMember` for somebody who is gone already.
    """
    _end(membership, "member.removed", by)


def leave(*, membership: Membership) -> None:
    """By the person's own act. Raises as `remove` does."""
    _end(membership, "member.left", membership.user)


def is_last_owner(membership: Membership) -> bool:
    """At this moment; the acts themselves look again, under a lock."""
    return membership.is_owner and not _other_owners(membership).exists()


@transaction.atomic
def _end(membership: Membership, action: str, by: AbstractBaseUser | None) -> None:
    locked = _lock(membership)
    if locked.is_owner:
        _require_another_owner(locked)
    _record(locked, action, by)
    locked.delete()


def _lock(membership: Membership) -> Membership:
    # Two owners who remove each other at the same moment must see one another, so the organization is locked first.
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    found = Membership.objects.select_related("user").filter(pk=membership.pk).first()
    if found is None:
        raise NoLongerMember
    return found


def _require_another_owner(membership: Membership) -> None:
    if not _other_owners(membership).exists():
        raise ValidationError("An organization needs an owner: make somebody else an owner first.", code="last_owner")


def _other_owners(membership: Membership) -> MembershipQuerySet:
    return Membership.objects.owners().filter(organization_id=membership.organization_id).exclude(pk=membership.pk)


def _record(membership: Membership, action: str, by: AbstractBaseUser | None) -> None:
    audit.record(
        organization_id=membership.organization_id,
        action=action,
        target=membership.user.get_username(),
        by=by,
        role=membership.role,
    )
