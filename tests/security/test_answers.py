"""What every page says to browsers and caches, and what forms of other sites get: a refusal.

Every address of the resolver is asked, so a new one is asked as well.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from django.urls import resolve
from pytest_django import DjangoDbBlocker

from accounts.models import User
from scripts.hermetic import ROOT, environment
from tests.factories import PASSWORD, make_user
from tests.pages.addresses import ROUTES, address
from tests.security.two_organizations import Two, client_of, everything_of, make_two

pytestmark = pytest.mark.django_db

WALKED = sorted(route for route in ROUTES if not route.startswith(("admin/", "api/proxy/")))
# Google's own button posts its token with a cookie of Google's, which allauth compares: it is not used here (404).
WITHOUT_TOKEN = {"accounts/google/login/token/"}
ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def two(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Two]:
    whole = transaction.atomic()
    whole._from_testcase = True  # type: ignore[attr-defined]  # posting insists on being outermost
    with django_db_blocker.unblock(), whole:
        yield make_two()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def undone(two: Two) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def paths(two: Two) -> Iterator[tuple[str, str]]:
    """Each route with an address, in the organization of its owner."""
    for route in WALKED:
        yield route, address(route, {**two.ours, "slug": two.own.slug, "key": "not-a-key", "token": "not-a-token"})


def undo(ask: Any) -> Any:
    with transaction.atomic():
        response = ask()
        transaction.set_rollback(True)
    return response


# --- Headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_every_answer_tells_browsers_what_not_to_do(two: Two, is_signed_in: bool) -> None:
    client = client_of(two.outsider if is_signed_in else None)
    for _, path in [*paths(two), ("admin/", "/admin/"), ("", "/nothing-here")]:
        told = undo(partial(client.get, path)).headers
        assert told["X-Frame-Options"] == "DENY", path
        assert told["X-Content-Type-Options"] == "nosniff", path
        assert told["Referrer-Policy"] == "same-origin", path
        assert told["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert "camera=()" in told["Permissions-Policy"], path
        policy = told["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert path == "/api/schema/" or "Access-Control-Allow-Origin" not in told, path


def test_nobody_keeps_what_somebody_signed_in_was_shown(two: Two) -> None:
    client = client_of(two.outsider)
    for route, path in [*paths(two), ("admin/", "/admin/")]:
        response = undo(partial(client.get, path))
        told = response.headers.get("Cache-Control", "")
        if not response.streaming and not response.content:
            continue  # a refusal or a redirect, which shows nothing
        if route.startswith("^api/aggregations"):  # with an entity tag, which is asked about each time
            assert told in {"private, no-cache", "no-store"}, path
        elif route != "api/schema/":  # of nobody
            assert "no-store" in told, path


def test_pages_of_nobody_may_be_kept(client: Client) -> None:
    assert "Cache-Control" not in client.get("/docs/").headers


# --- Forms of other sites ---------------------------------------------------------------------------------------------


def test_every_unsafe_request_without_the_forms_token_is_refused(two: Two) -> None:
    client = client_of(two.outsider, enforce_csrf_checks=True)
    before = (everything_of(two.own), everything_of(two.victim))
    for route, path in paths(two):
        for method in ("post", "put", "patch", "delete"):
            status = getattr(client, method)(path, {}).status_code
            exempt = getattr(resolve(path).func, "csrf_exempt", False)
            # The API takes no writing at all; a form that came by a session would be refused before.
            allowed = {404} if route in WITHOUT_TOKEN else {403, 405} if "api/" in route else {403}
            assert status in allowed, (method, path)
            assert not exempt or route in WITHOUT_TOKEN or "api/" in route, path
    assert (everything_of(two.own), everything_of(two.victim)) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ELSEWHERE},
        {"origin": "null"},
        {"origin": ELSEWHERE, "hx-request": "true"},
        {"origin": "https://127.0.0.1:8000", "hx-request": "true"},
    ],
)
def test_the_right_token_from_another_origin_is_refused(two: Two, headers: dict[str, str]) -> None:
    """Even one that somebody has planted, with its cookie."""
    client = client_of(two.outsider, enforce_csrf_checks=True)
    request = RequestFactory().get("/")
    token = get_token(request)
    client.cookies[settings.CSRF_COOKIE_NAME] = request.META["CSRF_COOKIE"]
    path, form = f"/app/{two.own.slug}/teams/new/", {"name": "planted", "csrfmiddlewaretoken": token}

    assert client.post(path, form, headers=headers).status_code == 403
    assert not two.own.teams.filter(name="planted").exists()
    public = {"host": "127.0.0.1:8000", "origin": settings.PUBLIC_URL}
    assert client.post(path, form, headers=public).status_code == 302


# --- Where a link leads -----------------------------------------------------------------------------------------------

ASTRAY = [
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "///elsewhere.example",
    "/\\elsewhere.example",
    "\\\\elsewhere.example",
    "https:elsewhere.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://127.0.0.1:8000@elsewhere.example/",
    "http://127.0.0.1:8000.elsewhere.example/",
    "/%2f/elsewhere.example\r\nSet-Cookie: a=b",
    "\thttps://elsewhere.example/",
    "https://elsewhere.example\\@127.0.0.1:8000/",
]


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ASTRAY)
def test_no_page_leads_off_this_site(two: Two, wanted: str) -> None:
    """By none of the parameters that pages take, of whoever is signed in or not, read or written."""
    given = dict.fromkeys(("next", "redirect_to", "url", "return", "continue", "success_url"), wanted)
    right = {"login": two.outsider.email, "password": PASSWORD, "email": "new@example.com", "password1": PASSWORD}
    for session in (None, client_of(two.outsider).cookies["sessionid"].value):
        for path in (path for _, path in paths(two) if _is_of_accounts(path)):
            for method, fields in (("get", given), ("post", given | right)):
                client = client_of(None)
                if session is not None:
                    client.cookies["sessionid"] = session
                to = undo(partial(getattr(client, method), path, fields)).headers.get("Location", "/")
                assert to.startswith("/"), (path, to)
                assert not to.startswith(("//", "/\\")), (path, to)


def _is_of_accounts(path: str) -> bool:
    return path.startswith(("/accounts/", "/login/", "/signup/", "/logout/", "/invitation"))


# --- Cookies under https ----------------------------------------------------------------------------------------------


def test_cookies_are_for_this_host_https_and_no_script() -> None:
    """The settings of an https installation, asked of a process that has them."""
    names = ("SESSION_COOKIE", "CSRF_COOKIE")
    whats = ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "DOMAIN", "PATH")
    asked = [f"{name}_{what}" for name in names for what in whats]
    program = (
        "import json, django; django.setup(); from django.conf import settings;"
        f"print(json.dumps([getattr(settings, name) for name in {asked!r}]))"
    )
    https = {
        "PUBLIC_URL": "https://example.com",
        "SECRET_KEY": "x" * 60,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**environment(), **https},
        capture_output=True,
        text=True,
        check=True,
    )
    for_session, for_forms = (["__Host-sessionid"], ["__Host-csrftoken"])
    shared = [True, True, "Lax", None, "/"]
    assert json.loads(ran.stdout) == [*for_session, *shared, *for_forms, *shared]


# --- The host ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"host": "elsewhere.example"}, {"host": "127.0.0.1:8000@elsewhere.example"}, {"host": "a.127.0.0.1"}]
)
def test_another_host_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/accounts/login/", headers=headers).status_code == 400


def test_no_host_that_a_request_names_gets_into_a_mail(
    client: Client, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that a proxy is said to have passed on, nor another of the server's own names."""
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", [*settings.ALLOWED_HOSTS, "inside.elsewhere.example"])
    person: User = make_user("ada@example.com")
    headers = {
        "x-forwarded-host": "elsewhere.example",
        "forwarded": "host=elsewhere.example",
        "host": "inside.elsewhere.example",
    }

    client.post("/accounts/password/reset/", {"email": person.email}, headers=headers)

    (message,) = mailoutbox
    everything = message.subject + message.body + str(message.alternatives)
    assert "elsewhere" not in everything
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in everything
