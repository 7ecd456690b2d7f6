"""A person's own page, and leaving for good."""

import pytest
from django.test import Client

from accounts import services
from accounts.models import User
from orgs.models import AuditEntry, Membership
from orgs.services import keys, organizations
from tests.accounts.pages import is_signed_in, prove_again, sign_in, text_of
from tests.factories import make_member, make_organization, make_team, make_user

pytestmark = pytest.mark.django_db

PROFILE = "/accounts/profile/"
DELETE = "/accounts/profile/delete/"


@pytest.fixture
def ada(client: Client) -> User:
    user = make_user("ada@example.com")
    sign_in(client, user)
    prove_again(client)
    return user


def delete(client: Client, typed: str = "ada@example.com") -> str:
    return text_of(client.post(DELETE, {"typed": typed}, follow=True))


def test_a_person_gives_themselves_a_name(client: Client, ada: User) -> None:
    client.post(PROFILE, {"name": "  Ada   Lovelace "})

    ada.refresh_from_db()
    assert ada.name == "Ada Lovelace"
    assert client.post(PROFILE, {"name": "x" * 151}).context["form"].errors


def test_the_page_says_what_protects_the_account(client: Client, ada: User) -> None:
    page = client.get(PROFILE).content.decode()
    assert "Not confirmed" in page

    services.mark_verified(user=ada)
    assert "Not confirmed" not in client.get(PROFILE).content.decode()


@pytest.mark.parametrize("address", [PROFILE, DELETE, "/accounts/email/", "/accounts/2fa/", "/accounts/sessions/"])
def test_a_visitor_is_sent_to_sign_in(client: Client, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/accounts/")


# Leaving


def test_an_account_is_deleted_with_its_address_typed(client: Client, ada: User) -> None:
    organization = make_organization(owner=make_user())
    make_member(organization, ada)
    assert "This is not" in delete(client, "bob@example.com")

    delete(client, " ADA@example.com")

    assert not User.objects.filter(email="ada@example.com").exists()
    assert not is_signed_in(client)
    entry = AuditEntry.objects.of(organization).latest("id")
    assert (entry.action, entry.target, entry.actor) == ("member.removed", "ada@example.com", None)


def test_the_only_owner_is_told_which_organization_to_hand_over_or_delete(client: Client, ada: User) -> None:
    organization = make_organization("Acme", owner=ada)
    make_organization("Shared", owner=ada)
    make_member(Membership.objects.get(organization__name="Shared").organization, role="owner")

    page = delete(client)

    assert "You are the only owner of Acme." in page
    assert "/app/shared/settings/delete/" not in page
    assert "/app/acme/settings/delete/" in page
    assert User.objects.filter(pk=ada.pk).exists()

    organizations.delete(organization=organization, by=ada)
    delete(client)
    assert not User.objects.filter(pk=ada.pk).exists()


def test_an_owner_beside_others_leaves_the_organization_to_them(client: Client, ada: User) -> None:
    organization = make_organization("Acme", owner=ada)
    other = make_member(organization, role="owner")

    delete(client)

    assert [membership.user for membership in organization.memberships.all()] == [other]


def test_deleting_an_account_keeps_its_keys_at_work(client: Client, ada: User) -> None:
    organization = make_organization(owner=make_user())
    make_member(organization, ada)
    key, _ = keys.issue(team=make_team(organization), by=ada)

    delete(client)

    key.refresh_from_db()
    assert (key.created_by, key.revoked_at) == (None, None)
