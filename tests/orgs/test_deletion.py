"""Deleting an organization: who may, what stops at once, and how it is had back."""

import asyncio
from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from orgs import access
from orgs.key_cache import KeyCache, OrganizationSuspended
from orgs.models import AuditEntry, Organization, RevocationEntry
from orgs.services import keys, organizations
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

PAGE = "/app/acme/settings/delete/"
UNDO = "/app/acme/settings/delete/undo/"


@pytest.fixture
def owner() -> User:
    return make_user("owner@example.com")


@pytest.fixture
def acme(owner: User) -> Organization:
    return make_organization("Acme", owner=owner)


def log(organization: Organization) -> list[str]:
    return list(RevocationEntry.objects.filter(organization=organization).order_by("id").values_list("kind", flat=True))


def is_gone(organization: Organization, user: User) -> bool:
    try:
        access.get_access(user, organization.slug)
    except access.NoAccess:
        return True
    return False


# The service


def test_deleting_refuses_the_keys_and_undoing_lets_them_work_again(acme: Organization, owner: User) -> None:
    organizations.delete(organization=acme, by=owner)
    organizations.delete(organization=acme, by=owner)
    assert log(acme) == ["organization_suspended"]
    assert is_gone(acme, owner)
    assert not access.memberships_of(owner).exists()
    assert not access.organizations_of(owner).exists()

    organizations.undo_deletion(organization=acme, by=owner)
    organizations.undo_deletion(organization=acme, by=owner)
    assert log(acme) == ["organization_suspended", "organization_resumed"]
    assert not is_gone(acme, owner)
    actions = AuditEntry.objects.of(acme).order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["organization.deleted", "organization.restored"]


@pytest.mark.django_db(transaction=True)
def test_a_warm_key_dies_with_the_next_poll_and_a_cold_one_at_once(acme: Organization) -> None:
    team = make_team(acme)
    _, warm = make_key(team)
    _, cold = make_key(team)
    cache = KeyCache(grace_seconds=60)
    cache.poll()
    assert asyncio.run(cache.get(warm)) is not None

    organizations.delete(organization=acme)
    cache.poll()

    with pytest.raises(OrganizationSuspended):
        cache.find(warm)
    with pytest.raises(OrganizationSuspended):
        asyncio.run(cache.get(cold))
    organizations.undo_deletion(organization=acme)
    cache.poll()
    assert cache.find(warm) is not None
    assert asyncio.run(cache.get(cold)) is not None
    cache.stop()


def test_a_revoked_key_stays_revoked_when_the_organization_is_back(acme: Organization) -> None:
    key, _ = make_key(make_team(acme))
    keys.revoke(key=key)

    organizations.delete(organization=acme)
    organizations.undo_deletion(organization=acme)

    key.refresh_from_db()
    assert key.is_revoked


def test_undoing_does_not_lift_a_suspension_nor_resuming_a_deletion(acme: Organization) -> None:
    organizations.suspend(organization=acme)
    organizations.delete(organization=acme)
    organizations.undo_deletion(organization=acme)
    assert log(acme) == ["organization_suspended"]

    organizations.delete(organization=acme)
    organizations.resume(organization=acme)
    assert log(acme) == ["organization_suspended"]
    organizations.undo_deletion(organization=acme)
    assert log(acme) == ["organization_suspended", "organization_resumed"]


def test_after_thirty_days_it_cannot_be_had_back(acme: Organization) -> None:
    now = timezone.now()
    organizations.delete(organization=acme, now=now)

    with pytest.raises(ValidationError):
        organizations.undo_deletion(organization=acme, now=now + timedelta(days=30))
    organizations.undo_deletion(organization=acme, now=now + timedelta(days=29, hours=23))


def test_the_owners_are_told_and_shown_the_way_back(
    acme: Organization, owner: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_member(acme)
    other = make_member(acme, role="owner")

    with django_capture_on_commit_callbacks(execute=True):
        organizations.delete(organization=acme, by=owner)

    assert sorted(message.to[0] for message in mail.outbox) == sorted([owner.email, other.email])
    assert f"http://127.0.0.1:8000{PAGE}" in str(mail.outbox[0].body)
    assert "deleted by owner@example.com" in str(mail.outbox[0].body)


def test_the_api_refuses_a_deleted_organizations_key(acme: Organization, client: Client) -> None:
    _, key = make_key(make_team(acme))
    organizations.delete(organization=acme)

    answer = client.get("/api/aggregations/by-team", headers={"authorization": f"Bearer {key}"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "organization_suspended")


# The page


def test_an_owner_deletes_it_by_typing_its_name_and_has_it_back(
    client: Client, acme: Organization, owner: User
) -> None:
    make_key(make_team(acme))
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "1 API key stops working" in page

    assert client.post(PAGE, {"typed": "Acne"}).context["form"].errors
    assert not is_gone(acme, owner)
    response = client.post(PAGE, {"typed": " acme "}, follow=True)
    assert "Acme is deleted" in response.content.decode()
    assert client.get("/app/acme/").status_code == 404
    assert PAGE in client.get("/accounts/profile/").content.decode()

    assert client.post(UNDO).headers["Location"] == "/app/acme/"
    assert client.get("/app/acme/").status_code == 200


def test_who_has_none_left_is_shown_the_way_back_where_a_new_one_is_made(
    client: Client, acme: Organization, owner: User
) -> None:
    organizations.delete(organization=acme, by=owner)
    client.force_login(owner)

    page = client.get("/app/", follow=True)

    assert page.redirect_chain == [("/app/new/", 302)]
    assert f"/app/{acme.slug}/settings/delete/" in page.content.decode()


def test_it_is_told_when_it_is_too_late(client: Client, acme: Organization, owner: User) -> None:
    organizations.delete(organization=acme, now=timezone.now() - timedelta(days=31))
    client.force_login(owner)

    assert "It is too late" in client.post(UNDO, follow=True).content.decode()


@pytest.mark.parametrize("is_deleted", [False, True])
def test_nobody_else_deletes_it_or_has_it_back(client: Client, acme: Organization, is_deleted: bool) -> None:
    member, outsider = make_member(acme), make_user()
    if is_deleted:
        organizations.delete(organization=acme)

    for address in (PAGE, UNDO):
        assert client.post(address, {"typed": "Acme"}).headers["Location"].startswith("/accounts/login/")
    for person, expected in ((member, 404 if is_deleted else 403), (outsider, 404)):
        client.force_login(person)
        assert client.get(PAGE).status_code == expected
        assert client.post(PAGE, {"typed": "Acme"}).status_code == expected
        assert client.post(UNDO).status_code == expected
    acme.refresh_from_db()
    assert acme.is_deleted is is_deleted
