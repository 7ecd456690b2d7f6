"""Accepting an invitation by way of Google or GitHub: for the invited, verified address alone."""

import pytest
import responses
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import services
from accounts.models import User
from tests.accounts.pages import is_signed_in, text_of
from tests.accounts.test_social import come_by, github_says, google_says, provider
from tests.orgs.people import copied_path, mailed_path, make_invitation, make_verified_user, role_of

pytestmark = [pytest.mark.trial, pytest.mark.django_db]
__all__ = ["provider"]  # the fixture

BOB = "bob@example.com"


def of(email: str, *, verified: bool = True, primary: bool = False) -> dict[str, str | bool]:
    return {"email": email, "verified": verified, "primary": primary}


@pytest.mark.parametrize("name", ["google", "github"])
@pytest.mark.parametrize("is_copied", [True, False])
def test_a_new_person_joins_at_once(
    client: Client, provider: responses.RequestsMock, name: str, is_copied: bool
) -> None:
    invitation = make_invitation()
    google_says(provider, email=BOB)
    github_says(provider, of(BOB, primary=True))

    client.get(copied_path(invitation) if is_copied else mailed_path())
    response = come_by(client, name)

    assert response.headers["Location"] == reverse("dashboard", args=[invitation.organization.slug])
    bob = User.objects.get(email=BOB)
    assert role_of(bob, invitation.organization) == "member"
    assert services.has_verified_email(bob)  # the provider says so


def test_of_several_verified_addresses_the_invited_one_counts(client: Client, provider: responses.RequestsMock) -> None:
    invitation = make_invitation()
    github_says(provider, of("private@example.com", primary=True), of(BOB))

    client.get(mailed_path())
    come_by(client, "github")

    assert role_of(User.objects.get(email=BOB), invitation.organization) == "member"


def test_an_address_that_the_provider_does_not_vouch_for_joins_nothing(
    client: Client, provider: responses.RequestsMock
) -> None:
    invitation = make_invitation()
    github_says(provider, of(BOB, verified=False), of("private@example.com", primary=True))

    client.get(copied_path(invitation))
    response = come_by(client, "github")

    assert response.headers["Location"] == reverse("invitation")
    assert role_of(User.objects.get(email="private@example.com"), invitation.organization) is None
    assert "This invitation is for another address" in text_of(client.get(reverse("invitation")))


def test_a_person_with_an_account_is_asked_first(client: Client, provider: responses.RequestsMock) -> None:
    bob = make_verified_user(BOB)
    invitation = make_invitation()
    google_says(provider, email=BOB)

    client.get(copied_path(invitation))
    assert come_by(client, "google").headers["Location"] == reverse("invitation")
    assert role_of(bob, invitation.organization) is None
    client.post(reverse("invitation"))

    assert role_of(bob, invitation.organization) == "member"


def test_where_strangers_may_not_sign_up_only_the_invited_address_does(
    client: Client, provider: responses.RequestsMock, settings: Settings
) -> None:
    settings.SIGNUP_OPEN = False
    make_invitation()
    client.get(mailed_path())

    google_says(provider, email="eve@example.com")
    come_by(client, "google")
    assert not is_signed_in(client)
    assert not User.objects.filter(email="eve@example.com").exists()

    google_says(provider, email=BOB)
    come_by(client, "google")
    assert User.objects.filter(email=BOB).exists()
