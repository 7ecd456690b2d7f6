"""Who belongs to an organization, and as what. An organization that has owners never loses its last one."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from orgs.models import Membership, Organization
from orgs.services import audit


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
    audit.record(
        organization_id=organization.pk, action="member.added", target=user.get_username(), by=by, role=membership.role
    )
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: AbstractBaseUser | None = None) -> None:
    """Raises `ValidationError` for an unknown role, and for the last owner."""
    locked = _lock(membership)
    if locked.role == role:
        return
    if locked.is_owner:
        _require_another_owner(locked)
    locked.role = membership.role = role
    locked.full_clean()
    locked.save(update_fields=["role"])
    _record(locked, "member.role_changed", by)


@transaction.atomic
def remove(*, membership: Membership, by: AbstractBaseUser | None = None) -> None:
    """The person loses access with the next request. Raises `ValidationError` for the last owner."""
    locked = _lock(membership)
    if locked.is_owner:
        _require_another_owner(locked)
    _record(locked, "member.removed", by)
    locked.delete()


def _lock(membership: Membership) -> Membership:
    # Two owners who remove each other at the same moment must see one another, so the organization is locked first.
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    return Membership.objects.select_related("user").get(pk=membership.pk)


def _require_another_owner(membership: Membership) -> None:
    others = Membership.objects.owners().filter(organization_id=membership.organization_id).exclude(pk=membership.pk)
    if not others.exists():
        raise ValidationError("An organization needs an owner: make somebody else an owner first.", code="last_owner")


def _record(membership: Membership, action: str, by: AbstractBaseUser | None) -> None:
    audit.record(
        organization_id=membership.organization_id,
        action=action,
        target=membership.user.get_username(),
        by=by,
        role=membership.role,
    )
