"""The one door: owner, member and outsider."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from orgs import access
from orgs.services import organizations
from tests.factories import make_member, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_an_owner_and_a_member_come_in_with_their_roles() -> None:
    owner = make_user()
    organization = make_organization(owner=owner)
    member = make_member(organization)

    assert access.get_access(owner, organization.slug) == access.Access(organization, "owner")
    assert access.get_access(owner, organization.slug).is_owner
    assert not access.get_access(member, organization.slug).is_owner


def test_for_outsiders_an_organization_does_not_exist() -> None:
    organization = make_organization()
    insider = make_member(organization)
    locked = make_member(organization)
    locked.is_active = False
    operator = make_user(is_staff=True, is_superuser=True)

    for outsider in (make_member(make_organization()), AnonymousUser(), locked, operator):
        with pytest.raises(Http404):
            access.get_access(outsider, organization.slug)
        assert organization not in access.organizations_of(outsider)
    with pytest.raises(Http404):
        access.get_access(insider, "no-such-organization")


def test_a_person_sees_all_their_organizations_and_no_others() -> None:
    person = make_user()
    mine = [make_organization(name, owner=person) for name in ("Beta", "Alpha")]
    make_organization("Gamma")

    assert {organization.name for organization in access.organizations_of(person)} == {"Alpha", "Beta"}
    assert [membership.organization for membership in access.memberships_of(person)] == mine[::-1]


def test_a_suspended_organization_is_still_found() -> None:
    person = make_user()
    organization = make_organization(owner=person)
    organizations.suspend(organization=organization)

    assert not access.get_access(person, organization.slug).organization.is_active
