"""The second factor: turning it on, signing in with it, recovery codes, turning it off."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import services
from accounts.models import User
from tests.accounts.pages import is_signed_in, last_mail, link_in, prove_again, sign_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ACTIVATE = "/accounts/2fa/totp/activate/"


@pytest.fixture
def ada(client: Client) -> User:
    """Signed in, with a confirmed address, and has just typed the password again."""
    user = make_user("ada@example.com")
    services.mark_verified(user=user)
    sign_in(client, user)
    prove_again(client)
    return user


def code(secret: str, steps: int = 0) -> str:
    """What the app shows now, or so many times 30 s later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def turn_on(client: Client) -> str:
    """The secret."""
    secret: str = client.get(ACTIVATE).context["form"].secret
    assert client.post(ACTIVATE, {"code": code(secret)}).headers["Location"] == "/accounts/2fa/recovery-codes/"
    return secret


def test_the_page_shows_the_key_as_a_picture_and_as_text(client: Client, ada: User) -> None:
    response = client.get(ACTIVATE)

    page = response.content.decode()
    assert response.context["form"].secret in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert "AI Prompt Cost" in page


def test_a_wrong_code_turns_nothing_on(client: Client, ada: User) -> None:
    assert client.post(ACTIVATE, {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()


def test_with_it_the_password_alone_opens_nothing(
    client: Client, ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        secret = turn_on(client)
    assert "Two-factor sign-in was turned on" in str(last_mail("ada@example.com").body)
    browser = Client()

    assert sign_in(browser, ada, next="/app/new/").headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_signed_in(browser)
    assert "Enter your code" in browser.get("/accounts/2fa/authenticate/").content.decode()
    assert browser.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    response = browser.post("/accounts/2fa/authenticate/", {"code": code(secret, 1)})

    assert response.headers["Location"] == "/app/new/"
    assert is_signed_in(browser)


def test_a_code_works_once(client: Client, ada: User) -> None:
    secret = turn_on(client)
    once = code(secret, 1)
    for expected in (True, False):
        browser = Client()
        sign_in(browser, ada)
        browser.post("/accounts/2fa/authenticate/", {"code": once})
        assert is_signed_in(browser) is expected


def test_guessing_codes_is_stopped(client: Client, ada: User) -> None:
    secret = turn_on(client)
    browser = Client()
    sign_in(browser, ada)
    for _ in range(5):
        browser.post("/accounts/2fa/authenticate/", {"code": "000000"})

    browser.post("/accounts/2fa/authenticate/", {"code": code(secret, 1)})

    assert not is_signed_in(browser)


def test_a_recovery_code_opens_the_account_once(client: Client, ada: User) -> None:
    turn_on(client)
    codes = client.get("/accounts/2fa/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10
    for expected in (True, False):
        browser = Client()
        sign_in(browser, ada)
        browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert is_signed_in(browser) is expected
    assert codes[1] in client.get("/accounts/2fa/recovery-codes/download/").content.decode()
    assert "9 of 10 are left" in client.get("/accounts/2fa/").content.decode()

    client.post("/accounts/2fa/recovery-codes/generate/")

    assert codes[1] not in client.get("/accounts/2fa/recovery-codes/").context["unused_codes"]


def test_it_is_turned_off_after_the_password(client: Client, ada: User) -> None:
    turn_on(client)
    assert "Turn off" in client.get("/accounts/2fa/totp/deactivate/").content.decode()

    client.post("/accounts/2fa/totp/deactivate/")

    assert not Authenticator.objects.exists()
    browser = Client()
    sign_in(browser, ada)
    assert is_signed_in(browser)


def test_turning_it_on_asks_for_the_password(ada: User) -> None:
    browser = Client()
    sign_in(browser, ada)

    assert browser.get(ACTIVATE).headers["Location"].startswith("/accounts/reauthenticate/")


def test_a_stranger_cannot_lock_an_address_that_is_not_confirmed(client: Client) -> None:
    eve = make_user("victim@example.com")
    sign_in(client, eve)
    prove_again(client)

    assert client.get(ACTIVATE).headers["Location"] == "/accounts/2fa/"
    assert client.post(ACTIVATE, {"code": "000000"}).status_code == 302
    assert not Authenticator.objects.exists()


def test_the_address_can_be_changed_while_it_is_on(client: Client, ada: User) -> None:
    turn_on(client)

    client.post("/accounts/email/", {"action_add": "", "email": "countess@example.com"})
    client.post(link_in(last_mail("countess@example.com"), "/accounts/confirm-email/"))

    ada.refresh_from_db()
    assert ada.email == "countess@example.com"
    assert Authenticator.objects.filter(user=ada).exists()


def test_staff_need_it_for_the_admin_pages_too(client: Client, ada: User) -> None:
    turn_on(client)
    ada.is_staff = ada.is_superuser = True
    ada.save()
    browser = Client()

    sign_in(browser, ada, next="/admin/")

    assert browser.get("/admin/").status_code == 302
    answer = browser.post("/admin/login/", {"username": "ada@example.com", "password": "correct horse battery staple"})
    assert answer.status_code == 302
    assert not is_signed_in(browser)
