"""The one door: from a person and a slug to an organization, or to nothing at all.

An outsider learns nothing, not even that the organization exists: `NoAccess` is a 404. What lies inside an organization
is reached from the `Access` only, by query sets that are narrowed to `access.organization`.
"""

from dataclasses import dataclass

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from orgs.models import Membership, Organization
from orgs.models.organization import MembershipQuerySet, OrganizationQuerySet


class NoAccess(Http404):
    """There is no such organization, or not for this person."""


@dataclass(frozen=True, slots=True)
class Access:
    organization: Organization
    role: str

    @property
    def is_owner(self) -> bool:
        return self.role == Membership.Role.OWNER


def get_access(user: AbstractBaseUser | AnonymousUser, slug: str, *, or_deleted: bool = False) -> Access:
    """Raises `NoAccess`. A suspended organization can still be looked at; it is the caller who refuses more.

    A deleted one is gone for everybody, except where `or_deleted` asks for it, to have it back.
    """
    memberships = _all_memberships_of(user) if or_deleted else memberships_of(user)
    membership = memberships.filter(organization__slug=slug).first()
    if membership is None:
        raise NoAccess
    return Access(membership.organization, membership.role)


def memberships_of(user: AbstractBaseUser | AnonymousUser) -> MembershipQuerySet:
    """With their organizations, by name; empty for a visitor and for a locked account."""
    return _all_memberships_of(user).living()


def deleted_memberships_of(user: AbstractBaseUser | AnonymousUser) -> MembershipQuerySet:
    """Of an owner in organizations that were deleted and can still be had back."""
    return _all_memberships_of(user).owners().exclude(organization__deleted_at=None)


def _all_memberships_of(user: AbstractBaseUser | AnonymousUser) -> MembershipQuerySet:
    if isinstance(user, AnonymousUser) or not user.is_active:
        return Membership.objects.none()
    return Membership.objects.of(user)


def organizations_of(user: AbstractBaseUser | AnonymousUser) -> OrganizationQuerySet:
    if isinstance(user, AnonymousUser) or not user.is_active:
        return Organization.objects.none()
    return Organization.objects.with_member(user).filter(deleted_at=None)
