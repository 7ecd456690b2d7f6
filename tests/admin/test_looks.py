"""Staff looking at an organization as its members see it: for a reason, for an hour, changing nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orgs.models import AuditEntry, Organization, Team
from orgs.services import looks, organizations
from tests.admin.staff import make_staff, signed_in
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team, make_user
from tests.orgs.people import make_invitation, make_verified_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def owner() -> User:
    return make_verified_user("owner@example.com")


@pytest.fixture
def acme(owner: User) -> Organization:
    organization = make_organization("Acme", owner=owner)
    key, _ = make_key(make_team(organization, "Backend"), "checkout")
    post(make_record(key))
    make_invitation(organization=organization, by=owner)
    return organization


@pytest.fixture
def support() -> User:
    return make_staff("Support", "sue@staff.example.com")


def look(person: User, organization: Organization, reason: str = "Ticket 4711") -> tuple[Client, Any]:
    client = signed_in(person)
    return client, client.post(f"/admin/orgs/organization/{organization.pk}/look/", {"reason": reason}, follow=True)


def test_staff_see_the_dashboard_under_a_banner_and_the_owners_read_who_looked_and_why(
    acme: Organization, owner: User, support: User
) -> None:
    client, page = look(support, acme, "Ticket 4711: the figures of October")

    assert page.redirect_chain[-1][0] == f"/app/{acme.slug}/"
    parts = ["requests", "keys", "teams", "prompts", "builder", "organization", "settings", "versions", "completeness"]
    for path in ("", *(f"{part}/" for part in parts)):
        content = client.get(f"/app/{acme.slug}/{path}").content.decode()
        assert "as staff until" in content, path
    assert "as staff until" in client.get("/accounts/profile/").content.decode()
    until = timezone.now() + looks.LASTS
    assert f"{until:%H:}" in content
    audit = signed_in(owner).get(f"/app/{acme.slug}/audit/").content.decode()
    assert "sue@staff.example.com" in audit
    assert "looked at the organization as staff, until" in audit
    assert "Ticket 4711: the figures of October" in audit


def test_what_only_owners_see_is_not_shown(acme: Organization, support: User) -> None:
    client, _ = look(support, acme)

    assert client.get(f"/app/{acme.slug}/audit/").status_code == 403
    assert client.get(f"/app/{acme.slug}/settings/delete/").status_code == 404
    people = client.get(f"/app/{acme.slug}/organization/").content.decode()
    assert "/invitations/" not in people


def test_nothing_can_be_changed_not_even_where_the_form_is_reached(acme: Organization, support: User) -> None:
    client, _ = look(support, acme)
    team = Team.objects.get()
    before = AuditEntry.objects.count()
    home = f"/app/{acme.slug}/"

    for path in (
        "teams/new/",
        "keys/new/",
        "prompts/new/",
        "onboarding/key/",
        f"keys/{team.api_keys.get().pk}/revoke/",
    ):
        assert client.get(home + path).status_code == 403, path
    sent = {"name": "Mine", "description": "mine", "team": team.pk, "new_team": "", "key": "mine"}
    for path in ("teams/new/", "keys/new/", "prompts/new/", "onboarding/key/", "builder/import/", "builder/code/"):
        answer = client.post(home + path, sent)
        assert (answer.status_code, "Nothing can be changed" in answer.content.decode()) == (403, True), path

    assert AuditEntry.objects.count() == before
    assert Team.objects.count() == 1


def test_it_is_for_this_organization_and_for_the_pages_only(acme: Organization, support: User) -> None:
    other = make_organization("Other")
    client, _ = look(support, acme)

    assert client.get(f"/app/{other.slug}/").status_code == 404
    assert client.get("/api/aggregations/daily", {"organization": acme.slug}).status_code == 404
    assert signed_in(support).get(f"/app/{acme.slug}/").status_code == 404  # another session


def test_it_ends_by_leaving(acme: Organization, support: User) -> None:
    client, _ = look(support, acme)

    assert client.get("/admin/orgs/organization/leave/").status_code == 405
    assert client.post("/admin/orgs/organization/leave/").status_code == 302
    assert client.get(f"/app/{acme.slug}/").status_code == 404


def test_it_ends_after_an_hour(acme: Organization, support: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LASTS", timedelta(0))
    client, page = look(support, acme)

    assert page.redirect_chain[-1][0] == f"/admin/orgs/organization/{acme.pk}/change/"
    assert "is over" in page.content.decode()
    assert client.get(f"/app/{acme.slug}/").status_code == 404


@pytest.mark.parametrize("lost", ["role", "staff", "account"])
def test_it_ends_with_the_right_to_it(acme: Organization, support: User, lost: str) -> None:
    client, _ = look(support, acme)
    if lost == "role":
        support.groups.clear()
    else:
        User.objects.filter(pk=support.pk).update(**{"is_staff" if lost == "staff" else "is_active": False})

    assert client.get(f"/app/{acme.slug}/").status_code in {302, 404}
    assert "checkout" not in client.get(f"/app/{acme.slug}/keys/").content.decode()


def test_it_ends_with_the_organization(acme: Organization, support: User) -> None:
    client, _ = look(support, acme)
    organizations.suspend(organization=acme)
    assert client.get(f"/app/{acme.slug}/").status_code == 200
    organizations.delete(organization=acme)

    assert client.get(f"/app/{acme.slug}/").status_code == 404
    assert client.get(f"/admin/orgs/organization/{acme.pk}/look/").status_code == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_without_a_reason_there_is_nothing_to_see(acme: Organization, support: User, reason: str) -> None:
    before = AuditEntry.objects.count()

    client, page = look(support, acme, reason)

    assert "Give a reason" in page.content.decode()
    assert client.get(f"/app/{acme.slug}/").status_code == 404
    assert AuditEntry.objects.count() == before


def test_others_cannot_look(acme: Organization) -> None:
    for person, status in ((make_user(), 302), (make_staff(), 403)):
        client = signed_in(person)
        address = f"/admin/orgs/organization/{acme.pk}/look/"
        assert client.get(address).status_code == status
        assert client.post(address, {"reason": "curious"}).status_code == status
        assert client.get(f"/app/{acme.slug}/").status_code == 404


def test_a_member_who_is_staff_goes_in_as_a_member(acme: Organization, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)

    _, page = look(owner, acme)

    assert "your own way in" in page.content.decode()
    assert not AuditEntry.objects.filter(action="organization.looked_at").exists()
