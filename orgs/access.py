"""The one door: from a person and a slug to an organization, or to nothing at all.

An outsider learns nothing, not even that the organization exists: `NoAccess` is a 404. What lies inside an organization
is reached from the `Access` only, by query sets that are narrowed to `access.organization`.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.http import Http404
from django.utils import timezone as clock

from orgs.models import Membership, Organization
from orgs.models.organization import MembershipQuerySet, OrganizationQuerySet


class NoAccess(Http404):
    """There is no such organization, or not for this person."""


@dataclass(frozen=True, slots=True)
class Look:
    """Staff looking at an organization that they do not belong to. Kept in their session; `orgs.services.looks`."""

    organization_id: int
    slug: str
    name: str
    until: datetime

    def is_over(self, now: datetime | None = None) -> bool:
        return self.until <= (now or clock.now())


@dataclass(frozen=True, slots=True)
class Access:
    """With a `look` nothing may be changed: `orgs.web` refuses it."""

    organization: Organization
    role: str
    look: Look | None = None

    @property
    def is_owner(self) -> bool:
        return self.role == Membership.Role.OWNER


def get_access(
    user: AbstractBaseUser | AnonymousUser, slug: str, *, or_deleted: bool = False, look: Look | None = None
) -> Access:
    """Raises `NoAccess`. A suspended organization can still be looked at; it is the caller who refuses more.

    A deleted one is gone for everybody, except where `or_deleted` asks for it, to have it back. With a `look` that
    holds, staff with the right to it see what a plain member sees.
    """
    memberships = _all_memberships_of(user) if or_deleted else memberships_of(user)
    membership = memberships.filter(organization__slug=slug).first()
    if membership is not None:
        return Access(membership.organization, membership.role)
    if look is None or look.slug != slug or look.is_over() or not may_look(user):
        raise NoAccess
    organization = Organization.objects.filter(pk=look.organization_id, slug=slug, deleted_at=None).first()
    if organization is None:
        raise NoAccess
    return Access(organization, Membership.Role.MEMBER, look)


def may_look(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether it is staff with the right to look at organizations. It may be taken away while they look."""
    is_staff = user.is_active and getattr(user, "is_staff", False)
    return bool(is_staff and isinstance(user, PermissionsMixin) and user.has_perm("orgs.look_at_organization"))


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
