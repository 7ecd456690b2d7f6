"""Signing up: what is made, where it leads, what strangers can learn from it, and confirming the address."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts import invitations, services
from accounts.models import User
from tests.accounts.pages import LOGIN, OTHER_HOST, SIGN_UP, is_signed_in, last_mail, link_in, sign_in, sign_up, text_of
from tests.factories import make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_signing_up_signs_in_and_leads_to_the_start(client: Client) -> None:
    response = sign_up(client, "Ada@Example.com")

    assert response.headers["Location"] == "/onboarding/"
    assert is_signed_in(client)
    user = User.objects.get()
    assert (user.email, user.is_staff, user.is_superuser) == ("ada@example.com", False, False)
    assert not services.has_verified_email(user)


def test_signing_up_goes_on_to_the_wanted_page(client: Client) -> None:
    assert sign_up(client, next="/app/new/").headers["Location"] == "/app/new/"


@pytest.mark.parametrize(
    ("told", "proposed"),
    [("Asia/Kathmandu", "Asia/Kathmandu"), ("", "UTC"), ("Mars/Olympus", "UTC"), ("x" * 900, "UTC")],
)
def test_the_browsers_time_zone_is_proposed_if_there_is_such_a_zone(client: Client, told: str, proposed: str) -> None:
    sign_up(client, timezone=told)

    assert services.proposed_timezone(User.objects.get()) == proposed


def test_the_form_asks_the_browser_for_its_time_zone(client: Client) -> None:
    page = client.get(SIGN_UP).content.decode()

    assert 'name="timezone" data-timezone' in page
    assert "js/timezone.js" in page


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.com", "short"),
        ("ada@example.com", "password1"),
        ("ada@example.com", "93284023948"),
        ("augusta.lovelace@example.com", "augusta.lovelace"),
        ("not an address", "correct horse battery staple"),
        ("", ""),
        (f"{'a' * 250}@example.com", "correct horse battery staple"),
    ],
)
def test_a_weak_password_and_a_bad_address_are_refused(client: Client, email: str, password: str) -> None:
    response = sign_up(client, email, password1=password)

    assert response.status_code == 200
    assert response.context["form"].errors
    assert not User.objects.exists()


def test_signing_up_with_a_taken_address_says_nothing_but_tells_its_owner(client: Client) -> None:
    make_user("ada@example.com")

    response = sign_up(client, "Ada@example.com")

    assert response.headers["Location"] == "/accounts/confirm-email/"
    page = text_of(client.get("/accounts/confirm-email/"))
    assert "Look into your mailbox" in page
    assert "ada@example.com" not in page
    assert not is_signed_in(client)
    assert User.objects.count() == 1
    assert link_in(last_mail("ada@example.com"), "/accounts/password/reset/") == "/accounts/password/reset/"


def test_the_owner_of_an_address_is_not_flooded(client: Client) -> None:
    make_user("ada@example.com")

    for _ in range(3):
        sign_up(client)

    assert len(mail.outbox) == 1


def test_many_sign_ups_from_one_place_are_stopped(client: Client) -> None:
    statuses = [client.post(SIGN_UP, {"email": "no"}).status_code for _ in range(21)]

    assert statuses == [200] * 20 + [429]


def test_somebody_signed_in_is_not_asked_to_sign_up(client: Client) -> None:
    sign_up(client)

    for address in (SIGN_UP, LOGIN):
        assert client.get(address).headers["Location"] == "/app/"


# Closed


def test_where_sign_up_is_closed_nobody_gets_in_and_nothing_leads_there(client: Client, settings: Settings) -> None:
    settings.SIGNUP_OPEN = False

    assert "Sign-up is by invitation" in client.get(SIGN_UP).content.decode()
    assert sign_up(client).status_code == 200
    assert not User.objects.exists()
    assert "No account yet?" not in client.get(LOGIN).content.decode()


def test_without_an_invitation_nobody_is_invited(client: Client) -> None:
    request = client.get(SIGN_UP).wsgi_request

    assert not invitations.is_invited(request)
    assert invitations.find_landing_path(request) is None


# The address


def test_the_first_mail_has_both_parts_and_a_link_that_confirms_the_address(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = [OTHER_HOST, "testserver"]
    fields = {"email": "ada@example.com", "password1": "correct horse battery"}
    client.post(SIGN_UP, fields, headers={"host": OTHER_HOST})
    message = last_mail("ada@example.com")

    link = link_in(message, "/accounts/confirm-email/")
    assert message.from_email == settings.DEFAULT_FROM_EMAIL
    assert OTHER_HOST not in str(message.body)
    client.get(link)
    assert not services.has_verified_email(User.objects.get())  # a mail scanner that follows links confirms nothing

    client.post(link)
    assert services.has_verified_email(User.objects.get())
    assert "no longer good" in client.get(link).content.decode()


def test_whoever_has_not_confirmed_sees_a_banner_and_can_have_the_mail_again(client: Client) -> None:
    sign_up(client)
    assert "/accounts/email/resend/" in client.get("/accounts/profile/").content.decode()

    client.post("/accounts/email/resend/")
    assert len(mail.outbox) == 1  # the first is only seconds old
    cache.clear()
    response = client.post("/accounts/email/resend/", {"next": "/app/new/"})

    assert response.headers["Location"] == "/app/new/"
    client.post(link_in(mail.outbox[-1], "/accounts/confirm-email/"))  # type: ignore[arg-type]
    assert "/accounts/email/resend/" not in client.get("/accounts/profile/").content.decode()


def test_resending_leads_nowhere_else_and_needs_a_person(client: Client) -> None:
    assert client.post("/accounts/email/resend/").headers["Location"].startswith(LOGIN)
    sign_up(client)

    response = client.post("/accounts/email/resend/", {"next": "https://evil.example/"})

    assert response.headers["Location"] == "/accounts/profile/"
    assert client.get("/accounts/email/resend/").status_code == 405


def test_accounts_of_commands_and_of_staff_can_confirm_their_address_too(client: Client) -> None:
    user = make_user("ada@example.com")
    sign_in(client, user)

    client.post("/accounts/email/resend/")
    client.post(link_in(last_mail("ada@example.com"), "/accounts/confirm-email/"))

    assert services.has_verified_email(user)


def test_an_account_without_a_word_from_its_mailbox_leaves_the_address_free(client: Client) -> None:
    squatter = make_user("eve@example.com")
    EmailAddress.objects.create(user=squatter, email="ada@example.com")  # asked to change to it

    sign_up(client)

    assert User.objects.filter(email="ada@example.com").exists()
    client.post(link_in(last_mail("ada@example.com"), "/accounts/confirm-email/"))
    assert services.has_verified_email(User.objects.get(email="ada@example.com"))
