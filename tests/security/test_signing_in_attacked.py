"""Signing in as an attacker sees it: sessions, links that open an account, how often, and what it gives away."""

import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from accounts.models import User
from tests.accounts.pages import LOGIN, SIGN_UP, is_signed_in, last_mail, link_in, prove_again, sign_in, sign_up
from tests.factories import PASSWORD, make_organization, make_user

pytestmark = pytest.mark.django_db

RESET = "/accounts/password/reset/"
NEW = "several other words 7"


@pytest.fixture
def ada() -> User:
    return make_user("ada@example.com")


def session_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def with_session(key: str) -> Client:
    client = Client()
    client.cookies["sessionid"] = key
    return client


# --- Sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_that_somebody_planted_is_not_the_one_that_is_signed_in(ada: User) -> None:
    """Neither one that the server made for the attacker, nor one of their own invention."""
    attacker = Client()
    attacker.post(RESET, {"email": "x@example.com"})
    session = attacker.session
    session["planted"] = True
    session.save()
    for planted in (session.session_key or "", "a" * 32):
        victim = with_session(planted)
        sign_in(victim, ada)

        assert is_signed_in(victim)
        assert session_of(victim) != planted
        assert not is_signed_in(with_session(planted))
        assert Session.objects.filter(session_key=planted).count() == 0


def test_signing_out_ends_the_session_for_whoever_has_copied_it(client: Client, ada: User) -> None:
    sign_in(client, ada)
    copied = session_of(client)

    client.post("/accounts/logout/")

    assert with_session(copied).get("/accounts/profile/").status_code == 302
    assert not Session.objects.filter(session_key=copied).exists()


@pytest.mark.parametrize("way", ["changed", "reset", "by staff", "locked"])
def test_a_new_password_and_a_lock_end_all_other_sessions(client: Client, ada: User, way: str) -> None:
    other = Client()
    sign_in(other, ada)
    sign_in(client, ada)
    kept = session_of(client)
    if way == "changed":
        form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
        client.post("/accounts/password/change/", form)
        assert is_signed_in(client)
        assert session_of(client) != kept
        assert with_session(kept).get("/accounts/profile/").status_code == 302
    elif way == "reset":
        reset(ada, NEW)
    elif way == "by staff":
        site = Client()
        site.force_login(make_user(is_staff=True, is_superuser=True))
        form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
        assert site.post(f"/admin/accounts/user/{ada.pk}/password/", form).status_code == 302
    else:
        User.objects.filter(pk=ada.pk).update(is_active=False)

    assert other.get("/accounts/profile/").status_code == 302
    assert other.get("/api/requests/").status_code == 401


def reset(person: User, password: str) -> str:
    """By the mailed link, whose path is returned."""
    browser = Client()
    browser.post(RESET, {"email": person.email})
    path = link_in(last_mail(person.email), "/password/reset/key/")
    page = browser.get(path)
    browser.post(page.headers["Location"], {"password1": password, "password2": password})
    return path


# --- Links ------------------------------------------------------------------------------------------------------------


def test_a_link_for_a_new_password_works_once_and_not_after_another_change(ada: User) -> None:
    Client().post(RESET, {"email": ada.email})
    earlier = link_in(last_mail(ada.email), "/password/reset/key/")

    used = reset(ada, NEW)

    for path in (used, earlier):
        page = Client().get(path)
        assert page.status_code == 200
        assert page.context["token_fail"]
    ada.refresh_from_db()
    assert ada.check_password(NEW)


def test_a_link_for_a_new_password_leaves_the_address_before_anything_is_loaded(ada: User) -> None:
    """Its token goes into the session, so that no page with it in its address can pass it on."""
    browser = Client()
    browser.post(RESET, {"email": ada.email})
    path = link_in(last_mail(ada.email), "/password/reset/key/")

    response = browser.get(path)

    assert response.status_code == 302
    token = re.findall(r"/key/\w+?-([^/]+)/", path)[0]
    assert token not in response.headers["Location"]
    assert "no-store" in browser.get(response.headers["Location"]).headers["Cache-Control"]


@pytest.mark.parametrize("change", ["other person", "cut", "longer", "other letter"])
def test_a_link_for_a_new_password_is_for_one_person_and_as_it_is(ada: User, change: str) -> None:
    other = make_user("bob@example.com")
    Client().post(RESET, {"email": ada.email})
    path = link_in(last_mail(ada.email), "/password/reset/key/").rstrip("/")
    uid, _, token = path.rpartition("/")[2].partition("-")
    number = {"other person": str(other.pk)}.get(change, uid)
    token = {"cut": token[:-1], "longer": token + "0", "other letter": token[:-1] + "x"}.get(change, token)

    assert Client().get(f"{RESET}key/{number}-{token}/").context["token_fail"]


# --- How often --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip"])
def test_a_made_up_address_buys_no_further_tries(client: Client, ada: User, header: str) -> None:
    """Whom TRUSTED_PROXIES does not name is not believed: what counts is where the connection comes from."""
    for number in range(12):
        spoofed = {header: f"203.0.113.{number}"}
        last = client.post(LOGIN, {"login": f"{number}@example.com", "password": "wrong"}, headers=spoofed)
    assert "Too many attempts" in last.content.decode() or last.status_code == 429

    for number in range(21):
        last = client.post(RESET, {"email": f"{number}@example.com"}, headers={header: f"203.0.113.{number}"})
    assert last.status_code == 429


def test_of_forwarded_addresses_the_last_that_no_trusted_proxy_has_added_counts() -> None:
    """As `manage.py serve` sets up the server, which tells Django who asks."""
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    trusting = ProxyHeadersMiddleware(application, trusted_hosts=["10.0.0.0/8"])
    for peer, forwarded in (
        ("10.0.0.1", b"198.51.100.1, 203.0.113.9"),
        ("10.0.0.1", b"198.51.100.1, 203.0.113.9, 10.0.0.7"),
        ("203.0.113.9", b"198.51.100.1"),
    ):
        headers = [(b"x-forwarded-for", forwarded), (b"x-forwarded-proto", b"https")]
        scope: Any = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
        async_to_sync(trusting)(scope, None, None)  # type: ignore[arg-type]

    assert seen == [("203.0.113.9", "https"), ("203.0.113.9", "https"), ("203.0.113.9", "http")]


# --- What it gives away -----------------------------------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was hashed: by far the longest part of an answer's time."""
    passwords: list[str] = []
    encode = PBKDF2PasswordHasher.encode

    def noted(self: Any, password: str, *rest: Any, **more: Any) -> str:
        passwords.append(password)
        return encode(self, password, *rest, **more)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", noted)
    return passwords


def test_a_sign_in_takes_as_long_whether_there_is_an_account_or_not(ada: User, hashed: list[str]) -> None:
    User.objects.create_user("without-password@example.com")
    make_user("locked@example.com", is_active=False)
    for email in ("ada@example.com", "nobody@example.com", "locked@example.com"):
        hashed.clear()
        Client().post(LOGIN, {"login": email, "password": "wrong"})
        assert hashed == ["wrong"], email


def test_a_sign_up_takes_as_long_whether_the_address_is_taken_or_not(ada: User, hashed: list[str]) -> None:
    for email in ("ada@example.com", "new@example.com"):
        hashed.clear()
        sign_up(Client(), email)
        assert hashed.count(PASSWORD) == 1, email


def test_a_reset_says_and_does_the_same_for_every_address(ada: User) -> None:
    make_user("locked@example.com", is_active=False)
    told = []
    for email in ("ada@example.com", "nobody@example.com", "locked@example.com"):
        mail.outbox.clear()
        browser = Client()
        response = browser.post(RESET, {"email": email})
        page = browser.get(response.headers["Location"])
        content = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content.decode())
        told.append((response.status_code, response.headers["Location"], content, len(mail.outbox)))
    assert told[0] == told[1] == told[2]


def test_an_organizations_name_and_slug_are_told_to_nobody_outside(client: Client, ada: User) -> None:
    """Making one of the same name says nothing of the other."""
    make_organization("Acme", owner=ada)
    client.force_login(make_user())

    response = client.post("/app/new/", {"name": "Acme", "timezone": "UTC"}, follow=True)

    assert response.status_code == 200
    assert "taken" not in response.content.decode()


# --- No one else's forms ----------------------------------------------------------------------------------------------


def test_nothing_takes_files(client: Client, ada: User) -> None:
    """There are no uploads: a file in a form is as if it were not there."""
    sign_in(client, ada)
    prove_again(client)
    file = SimpleUploadedFile("name.html", b"<script>alert(1)</script>", content_type="text/html")
    assert client.post("/accounts/profile/", {"name": file}).status_code in {200, 302}
    assert client.post(SIGN_UP, {"email": file}).status_code in {200, 302}
    ada.refresh_from_db()
    assert ada.name == ""
