"""Signing in with Google and GitHub, played by `responses`: whom it lets in, and into whose account it never does."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django import Settings

from accounts import services
from accounts.models import User
from tests.accounts.pages import LOGIN, SIGN_UP, is_signed_in, last_mail, prove_again, sign_in, sign_up, text_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ADA = {"email": "ada@example.com", "verified": True, "primary": True}
OLD = {"email": "old@example.com", "verified": True, "primary": False}
UNVERIFIED = {"email": "ada@example.com", "verified": False, "primary": True}


@pytest.fixture
def provider(settings: Settings) -> Iterator[responses.RequestsMock]:
    """Both providers have credentials; their servers say what a test lets them."""
    both = {name: settings.SOCIALACCOUNT_PROVIDERS[name] | {"APPS": [app]} for name, app in _APPS.items()}
    settings.SOCIALACCOUNT_PROVIDERS = both
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post("https://oauth2.googleapis.com/token", json={"access_token": "t", "token_type": "Bearer"})
        mock.post("https://github.com/login/oauth/access_token", json={"access_token": "t", "token_type": "bearer"})
        yield mock


_APPS = {"google": {"client_id": "google-id", "secret": "s"}, "github": {"client_id": "github-id", "secret": "s"}}


def github_says(provider: responses.RequestsMock, *emails: dict[str, Any], number: int = 1) -> None:
    user = {"id": number, "login": "ada", "name": "Ada Lovelace", "email": None}
    provider.upsert(responses.GET, "https://api.github.com/user", json=user)
    provider.upsert(responses.GET, "https://api.github.com/user/emails", json=list(emails))


def google_says(provider: responses.RequestsMock, *, email: str = "ada@example.com", verified: bool = True) -> None:
    told = {"id": "g1", "email": email, "verified_email": verified, "given_name": "Ada", "family_name": "Lovelace"}
    provider.upsert(responses.GET, "https://www.googleapis.com/oauth2/v2/userinfo", json=told)


def come_by(client: Client, name: str, *, process: str = "login", **query: str) -> Any:
    """Through our button, the provider's page, and back; the answer to the provider's redirect."""
    address = f"/accounts/{name}/login/?process={process}" + "".join(f"&{key}={value}" for key, value in query.items())
    start = client.post(address)
    assert start.status_code == 302, text_of(start)
    asked = parse_qs(urlsplit(start.headers["Location"]).query)
    assert asked["redirect_uri"][0].endswith(f"/accounts/{name}/login/callback/")
    assert "code_challenge" in asked
    return client.get(f"/accounts/{name}/login/callback/", {"code": "c", "state": asked["state"][0]})


# The buttons


def test_without_credentials_there_is_no_button_and_no_page(client: Client) -> None:
    for address in (LOGIN, SIGN_UP):
        assert "Continue with" not in client.get(address).content.decode()
    for path in ("google/login/", "google/login/callback/", "github/login/", "github/login/callback/"):
        assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post("/accounts/google/login/token/").status_code == 404


def test_with_credentials_there_is_a_button_that_works_without_javascript(
    client: Client, provider: responses.RequestsMock
) -> None:
    page = client.get(SIGN_UP, {"next": "/app/new/"}).content.decode()

    assert "Continue with Google" in page
    found = re.search(r'action="(/accounts/github/login/\?[^"]*)"', page)
    assert found
    assert "next=%2Fapp%2Fnew%2F" in found[1]
    start = client.post(found[1].replace("&amp;", "&"))
    assert start.headers["Location"].startswith("https://github.com/login/oauth/authorize?")


def test_a_link_alone_does_not_begin_a_sign_in(client: Client, provider: responses.RequestsMock) -> None:
    response = client.get("/accounts/github/login/")

    assert response.status_code == 200
    assert "Continue to GitHub" in response.content.decode()


# New people


@pytest.mark.parametrize("name", ["google", "github"])
def test_a_new_person_signs_up_with_the_verified_address(
    client: Client, provider: responses.RequestsMock, name: str
) -> None:
    google_says(provider)
    github_says(provider, OLD, ADA)

    response = come_by(client, name)

    assert response.headers["Location"] == "/onboarding/"
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == ("ada@example.com", "Ada Lovelace", False)
    assert services.has_verified_email(user)
    assert user.emailaddress_set.count() == 1  # type: ignore[attr-defined]  # of allauth

    client.post("/accounts/logout/")
    come_by(client, name)
    assert is_signed_in(client)
    assert User.objects.count() == 1


def test_the_wanted_page_comes_after_the_provider(client: Client, provider: responses.RequestsMock) -> None:
    github_says(provider, ADA)

    assert come_by(client, "github", next="/app/new/").headers["Location"] == "/app/new/"


def test_the_provider_leads_nowhere_else(client: Client, provider: responses.RequestsMock) -> None:
    github_says(provider, ADA)

    assert come_by(client, "github", next="https://evil.example/").headers["Location"] == "/onboarding/"


@pytest.mark.parametrize("name", ["google", "github"])
def test_an_address_that_the_provider_has_not_verified_makes_no_account(
    client: Client, provider: responses.RequestsMock, name: str
) -> None:
    google_says(provider, verified=False)
    github_says(provider, UNVERIFIED)

    response = come_by(client, name)

    assert response.status_code == 403
    assert "knows no confirmed address of yours" in response.content.decode()
    assert not User.objects.exists()


def test_where_sign_up_is_closed_the_provider_opens_it_for_nobody(
    client: Client, provider: responses.RequestsMock, settings: Settings
) -> None:
    settings.SIGNUP_OPEN = False
    github_says(provider, ADA)

    assert "by invitation" in come_by(client, "github").content.decode()
    assert not User.objects.exists()


# People who have an account


def test_a_confirmed_account_is_opened_and_connected_and_its_owner_told(
    client: Client, provider: responses.RequestsMock
) -> None:
    ada = make_user("ada@example.com")
    services.mark_verified(user=ada)
    github_says(provider, ADA)

    come_by(client, "github")

    assert client.session["_auth_user_id"] == str(ada.pk)
    assert SocialAccount.objects.get().user == ada
    ada.refresh_from_db()
    assert ada.has_usable_password()
    assert "GitHub account was connected" in str(last_mail("ada@example.com").body)


def test_an_account_that_a_stranger_made_with_ones_address_is_not_opened(
    client: Client, provider: responses.RequestsMock
) -> None:
    stranger = Client()
    sign_up(stranger, "ada@example.com")
    github_says(provider, ADA)

    response = come_by(client, "github")

    assert response.status_code == 409
    page = text_of(response)
    assert "nobody has confirmed that address yet" in page
    assert "/accounts/password/reset/" in page
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_an_unverified_address_opens_nobodys_account(client: Client, provider: responses.RequestsMock) -> None:
    services.mark_verified(user=make_user("ada@example.com"))
    github_says(provider, UNVERIFIED)

    assert come_by(client, "github").status_code == 403
    assert not is_signed_in(client)


def test_a_stranger_can_leave_no_way_back_into_an_account_with_ones_address(
    client: Client, provider: responses.RequestsMock
) -> None:
    sign_up(client, "ada@example.com")
    prove_again(client)
    github_says(provider, {"email": "eve@example.com", "verified": True, "primary": True})

    response = come_by(client, "github", process="connect")

    assert response.headers["Location"] == "/accounts/3rdparty/"
    assert "Confirm your e-mail address first" in client.get("/accounts/3rdparty/").content.decode()
    assert not SocialAccount.objects.exists()


def test_a_change_that_somebody_only_asked_for_keeps_no_address_from_its_owner(
    client: Client, provider: responses.RequestsMock
) -> None:
    eve, stranger = make_user("eve@example.com"), Client()
    sign_in(stranger, eve)
    prove_again(stranger)
    stranger.post("/accounts/email/", {"action_add": "", "email": "ada@example.com"})
    github_says(provider, ADA)

    come_by(client, "github")

    assert client.session["_auth_user_id"] == str(User.objects.get(email="ada@example.com").pk)


def test_the_second_factor_is_asked_for_after_the_provider_too(
    client: Client, provider: responses.RequestsMock
) -> None:
    ada = make_user("ada@example.com")
    services.mark_verified(user=ada)
    TOTP.activate(ada, generate_totp_secret())
    github_says(provider, ADA)

    assert come_by(client, "github").headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_signed_in(client)


def test_a_locked_account_stays_locked(client: Client, provider: responses.RequestsMock) -> None:
    services.mark_verified(user=make_user("ada@example.com", is_active=False))
    github_says(provider, ADA)

    assert come_by(client, "github").headers["Location"] == "/accounts/inactive/"
    assert not is_signed_in(client)


# Connecting


def test_a_person_connects_and_disconnects_an_account(client: Client, provider: responses.RequestsMock) -> None:
    ada = make_user("ada@example.com")
    services.mark_verified(user=ada)
    sign_in(client, ada)
    prove_again(client)
    github_says(provider, {"email": "other@example.com", "verified": True, "primary": True})

    come_by(client, "github", process="connect")
    page = client.get("/accounts/3rdparty/").content.decode()
    assert "GitHub" in page
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"

    client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert not SocialAccount.objects.exists()


def test_the_only_way_in_cannot_be_disconnected(client: Client, provider: responses.RequestsMock) -> None:
    github_says(provider, ADA)
    come_by(client, "github")

    response = client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})

    assert response.status_code == 200
    assert SocialAccount.objects.exists()
    assert "/accounts/password/set/" in text_of(client.get("/accounts/password/change/", follow=True))


def test_one_account_of_a_provider_opens_one_account_here(client: Client, provider: responses.RequestsMock) -> None:
    github_says(provider, ADA)
    come_by(Client(), "github")
    bob = make_user("bob@example.com")
    services.mark_verified(user=bob)
    sign_in(client, bob)
    prove_again(client)

    come_by(client, "github", process="connect")

    assert "opens another account here" in client.get("/accounts/3rdparty/").content.decode()
    assert SocialAccount.objects.get().user.email == "ada@example.com"


# What can go wrong


def test_going_back_at_the_provider_is_no_error(client: Client, provider: responses.RequestsMock) -> None:
    start = client.post("/accounts/github/login/")
    state = parse_qs(urlsplit(start.headers["Location"]).query)["state"][0]

    response = client.get("/accounts/github/login/callback/", {"error": "access_denied", "state": state}, follow=True)

    assert "You did not sign in" in response.content.decode()


@pytest.mark.parametrize("status", [401, 500])
def test_a_provider_that_fails_is_told_in_words(client: Client, provider: responses.RequestsMock, status: int) -> None:
    provider.upsert(responses.GET, "https://api.github.com/user", status=status)

    assert "gave no usable answer" in come_by(client, "github").content.decode()


def test_an_answer_that_was_not_asked_for_is_refused(client: Client, provider: responses.RequestsMock) -> None:
    github_says(provider, ADA)

    response = client.get("/accounts/github/login/callback/", {"code": "c", "state": "made-up"})

    assert "gave no usable answer" in response.content.decode()
    assert not User.objects.exists()
