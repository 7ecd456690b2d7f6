"""Every address of the resolver, and what each kind of person gets there. One without a row in the table fails.

`ANSWERS` has a row for each route: what GET answers, and what a POST of an empty form does, to a visitor, an outsider
(who has an organization of their own), a member, an owner, and staff (who are in no organization). In words: `in` is
the way to sign in, `again` the question for the password, `away` any other redirect; else the status.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from accounts.models import User
from tests.factories import (
    make_key,
    make_member,
    make_organization,
    make_prompt,
    make_team,
    make_user,
    make_version,
)
from tests.orgs.people import make_invitation, make_verified_user
from tests.pages.addresses import ROUTES, address

pytestmark = pytest.mark.django_db

PEOPLE = ("visitor", "outsider", "member", "owner", "staff")
ANSWERS: dict[str, tuple[str, str]] = {
    # Without an account
    "": ("200 200 200 200 200", "405 405 405 405 405"),
    "design/": ("404 404 404 404 404", "405 405 405 405 405"),
    "docs/": ("200 200 200 200 200", "405 405 405 405 405"),
    "docs/<slug:page>/": ("200 200 200 200 200", "405 405 405 405 405"),
    "docs/search/": ("200 200 200 200 200", "405 405 405 405 405"),
    "invitation/": ("404 404 404 404 404", "404 404 404 404 404"),
    "invitations/<str:token>/": ("404 404 404 404 404", "405 405 405 405 405"),
    "login/": ("in in in in in", "405 405 405 405 405"),
    "logout/": ("away away away away away", "away away away away away"),
    "signup/": ("away away away away away", "405 405 405 405 405"),
    # The API and the proxy
    r"^api/aggregations(?:/[\s\S]*)?\Z": ("401 404 404 404 404", "401 405 405 405 405"),
    r"^api/aggregations/by-key/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/by-model/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/by-prompt/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/by-tag/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/by-team/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/daily/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/monthly/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/aggregations/version-comparison/?\Z": ("401 400 400 400 404", "401 405 405 405 405"),
    r"^api/exports/(?P<table>[^/]+)/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    "api/schema/": ("200 200 200 200 200", "405 405 405 405 405"),
    "api/proxy/": ("501 501 501 501 501", "501 501 501 501 501"),
    r"^api/requests/?\Z": ("401 200 200 200 404", "401 405 405 405 405"),
    r"^api/requests/(?P<call_id>[^/]+)/?\Z": ("401 404 404 404 404", "401 405 405 405 405"),
    # An account
    "accounts/2fa/": ("in 200 200 200 200", "in 405 405 405 405"),
    "accounts/2fa/authenticate/": ("in away away away away", "in away away away away"),
    "accounts/2fa/reauthenticate/": ("in again again again again", "in again again again again"),
    "accounts/2fa/recovery-codes/": ("in 404 404 404 404", "in 405 405 405 405"),
    "accounts/2fa/recovery-codes/download/": ("in 404 404 404 404", "in 404 404 404 404"),
    "accounts/2fa/recovery-codes/generate/": ("in again again again again", "in again again again again"),
    "accounts/2fa/totp/activate/": ("in away away again away", "in away away again away"),
    "accounts/2fa/totp/deactivate/": ("in 404 404 404 404", "in 404 404 404 404"),
    "accounts/3rdparty/": ("in 200 200 200 200", "in 200 200 200 200"),
    "accounts/3rdparty/login/cancelled/": ("200 200 200 200 200", "405 405 405 405 405"),
    "accounts/3rdparty/login/error/": ("401 401 401 401 401", "405 405 405 405 405"),
    "accounts/3rdparty/signup/": ("in in in in in", "in in in in in"),
    r"accounts/^confirm-email/(?P<key>[-:\w]+)/$": ("200 200 200 200 200", "404 404 404 404 404"),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (
        "200 200 200 200 200",
        "200 200 200 200 200",
    ),
    "accounts/confirm-email/": ("200 200 200 200 200", "405 405 405 405 405"),
    "accounts/email/": ("in 200 200 200 200", "in away away away away"),
    "accounts/email/resend/": ("405 405 405 405 405", "in away away away away"),
    "accounts/github/login/": ("404 404 404 404 404", "404 404 404 404 404"),
    "accounts/github/login/callback/": ("404 404 404 404 404", "404 404 404 404 404"),
    "accounts/google/login/": ("404 404 404 404 404", "404 404 404 404 404"),
    "accounts/google/login/callback/": ("404 404 404 404 404", "404 404 404 404 404"),
    "accounts/google/login/token/": ("404 404 404 404 404", "404 404 404 404 404"),
    "accounts/inactive/": ("200 200 200 200 200", "405 405 405 405 405"),
    "accounts/login/": ("200 away away away away", "200 away away away away"),
    "accounts/login/code/confirm/": ("in away away away away", "in away away away away"),
    "accounts/logout/": ("away 200 200 200 200", "away away away away away"),
    "accounts/password/change/": ("in 200 200 200 200", "in 200 200 200 200"),
    "accounts/password/reset/": ("200 200 200 200 200", "200 200 200 200 200"),
    "accounts/password/reset/done/": ("200 200 200 200 200", "405 405 405 405 405"),
    "accounts/password/reset/key/done/": ("200 200 200 200 200", "405 405 405 405 405"),
    "accounts/password/set/": ("in away away away away", "in away away away away"),
    "accounts/profile/": ("in 200 200 200 200", "in 200 200 200 200"),
    "accounts/profile/delete/": ("in again again again again", "in again again again again"),
    "accounts/reauthenticate/": ("in 200 200 200 200", "in 200 200 200 200"),
    "accounts/sessions/": ("in 200 200 200 200", "in away away away away"),
    "accounts/signup/": ("200 away away away away", "200 away away away away"),
    "accounts/social/connections/": ("away away away away away", "away away away away away"),
    "accounts/social/login/cancelled/": ("away away away away away", "away away away away away"),
    "accounts/social/login/error/": ("away away away away away", "away away away away away"),
    "accounts/social/signup/": ("away away away away away", "away away away away away"),
    # Setting up and coming in
    "app/": ("in away away away away", "405 405 405 405 405"),
    "app/<slug:slug>/onboarding/": ("in 404 away away 404", "405 405 405 405 405"),
    "app/<slug:slug>/onboarding/code/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/onboarding/code/arrival/": ("in 404 away away 404", "405 405 405 405 405"),
    "app/<slug:slug>/onboarding/key/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/onboarding/prompt/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/onboarding/results/<uuid:call_id>/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/new/": ("in 200 200 200 200", "in 200 200 200 200"),
    "onboarding/": ("in away away away away", "405 405 405 405 405"),
    "onboarding/welcome/": ("in 200 200 200 200", "in away away away 200"),
    # An organization
    "app/<slug:slug>/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/audit/": ("in 404 403 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/completeness/": ("in 404 403 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/builder/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/builder/code/": ("in 404 away away 404", "in 404 200 200 404"),
    "app/<slug:slug>/builder/import/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/export/<slug:table>.csv": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/keys/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/keys/<int:key_id>/revoke/": ("in 404 200 200 404", "in 404 away away 404"),
    "app/<slug:slug>/keys/new/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/organization/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/organization/invitations/<int:invitation_id>/resend/": (
        "405 405 405 405 405",
        "in 404 403 away 404",
    ),
    "app/<slug:slug>/organization/invitations/<int:invitation_id>/revoke/": (
        "in 404 403 200 404",
        "in 404 403 away 404",
    ),
    "app/<slug:slug>/organization/invite/": ("405 405 405 405 405", "in 404 403 200 404"),
    "app/<slug:slug>/organization/leave/": ("in 404 200 200 404", "in 404 away away 404"),
    "app/<slug:slug>/organization/members/<int:membership_id>/remove/": ("in 404 403 200 404", "in 404 403 away 404"),
    "app/<slug:slug>/organization/members/<int:membership_id>/role/": ("405 405 405 405 405", "in 404 403 away 404"),
    "app/<slug:slug>/prompts/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/prompts/<int:pk>/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/prompts/<int:pk>/archive/": ("in 404 200 200 404", "in 404 away away 404"),
    "app/<slug:slug>/prompts/<int:pk>/deactivate/": ("405 405 405 405 405", "in 404 away away 404"),
    "app/<slug:slug>/prompts/<int:pk>/edit/": ("in 404 200 200 404", "in 404 away away 404"),
    "app/<slug:slug>/prompts/<int:pk>/restore/": ("405 405 405 405 405", "in 404 away away 404"),
    "app/<slug:slug>/prompts/<int:pk>/versions/<int:number>/activate/": (
        "405 405 405 405 405",
        "in 404 away away 404",
    ),
    "app/<slug:slug>/prompts/<int:pk>/versions/new/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/prompts/new/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/requests/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/requests/<uuid:call_id>/": ("in 404 404 404 404", "405 405 405 405 405"),
    "app/<slug:slug>/settings/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/settings/budget/": ("405 405 405 405 405", "in 404 403 away 404"),
    "app/<slug:slug>/settings/delete/": ("in 404 403 200 404", "in 404 403 200 404"),
    "app/<slug:slug>/settings/delete/undo/": ("405 405 405 405 405", "in 404 403 away 404"),
    "app/<slug:slug>/settings/name/": ("405 405 405 405 405", "in 404 403 200 404"),
    "app/<slug:slug>/settings/timezone/": ("405 405 405 405 405", "in 404 403 200 404"),
    "app/<slug:slug>/teams/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/teams/<int:team_id>/": ("in 404 200 200 404", "405 405 405 405 405"),
    "app/<slug:slug>/teams/<int:team_id>/archive/": ("in 404 403 200 404", "in 404 403 409 404"),
    "app/<slug:slug>/teams/<int:team_id>/rename/": ("in 404 403 200 404", "in 404 403 200 404"),
    "app/<slug:slug>/teams/new/": ("in 404 200 200 404", "in 404 200 200 404"),
    "app/<slug:slug>/versions/": ("in 404 200 200 404", "405 405 405 405 405"),
    # The admin, but for its models
    "admin/": ("in in in in 200", "in in in in 200"),
    "admin/(?P<url>.*)$": ("in in in in 404", "in in in in 404"),
    "admin/^(?P<app_label>accounts|auth|orgs|account|socialaccount|mfa|admin|prompts|analytics)/$": (
        "in in in in 200",
        "in in in in 200",
    ),
    "admin/autocomplete/": ("in in in in 403", "in in in in 405"),
    "admin/jsi18n/": ("in in in in 200", "in in in in 405"),
    "admin/login/": ("in 403 403 403 away", "in 403 403 403 200"),
    "admin/logout/": ("away away away away 405", "away away away away away"),
    "admin/password_change/": ("in in in in 200", "in in in in 200"),
    "admin/password_change/done/": ("in in in in 200", "in in in in 405"),
    "admin/pulse/": ("in in in in 200", "in in in in 200"),
    "admin/unpriced/": ("in in in in 200", "in in in in 200"),
    "admin/r/<path:content_type_id>/<path:object_id>/": ("in in in in 404", "in in in in 404"),
}
# What staff may do with the records of a model; everybody else is shown the way to sign in.
MAY: dict[str, set[str]] = {
    "account/emailaddress": set(),
    "accounts/user": {"add", "change", "delete"},
    "admin/logentry": set(),
    "analytics/createdobject": set(),
    "analytics/dailytagusage": set(),
    "analytics/dailyusage": set(),
    "analytics/discount": {"add", "change", "delete"},
    "analytics/ledgerdifference": set(),
    "analytics/ledgerrecord": set(),
    "analytics/modelprice": {"add", "change", "delete"},
    "analytics/priceedit": set(),
    "analytics/rejectedrecord": set(),
    "analytics/seenvalue": set(),
    "analytics/usagebatch": set(),
    "auth/group": {"add", "change", "delete"},
    "mfa/authenticator": set(),
    "orgs/apikey": {"change"},
    "orgs/auditentry": set(),
    "orgs/budgetalert": set(),
    "orgs/invitation": set(),
    "orgs/membership": {"add", "change"},
    "orgs/organization": {"add", "change"},
    "orgs/refusedcall": set(),
    "orgs/revocationentry": set(),
    "orgs/team": {"add", "change"},
    "prompts/prompt": {"add", "change"},
    "prompts/promptactivation": set(),
    "prompts/promptversion": {"add", "change"},
    "socialaccount/socialaccount": set(),
}


def find_model(route: str) -> str | None:
    """`orgs/team` of the admin's `admin/orgs/team/add/`; None for any other page."""
    found = re.match(r"admin/([a-z]+/[a-z]+)/", route)
    return found[1] if found and found[1].partition("/")[0] in _APPS else None


_APPS = {config.label for config in apps.get_app_configs()}
OF_MODELS = [route for route in ROUTES if find_model(route)]


def test_every_address_has_its_row_and_every_row_its_address() -> None:
    assert set(ROUTES) - set(OF_MODELS) == set(ANSWERS)
    assert {find_model(route) for route in OF_MODELS} == set(MAY)


@dataclass(frozen=True)
class World:
    sessions: dict[str, str | None]  # the cookie of each person, none for the visitor
    named: dict[str, object]  # what stands for the parts of an address


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """One for all tests: no request leaves anything behind (see `answer`)."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


def make_world() -> World:
    owner = make_verified_user("owner@example.com")
    acme = make_organization("Acme", owner=owner)
    member, outsider = make_member(acme), make_user("outsider@example.com")
    make_organization("Elsewhere", owner=outsider)
    staff = make_user("staff@example.com", is_staff=True, is_superuser=True)
    team = make_team(acme)
    named: dict[str, object] = {
        "slug": acme.slug,
        "team_id": team.pk,
        "key_id": make_key(team)[0].pk,
        "membership_id": member.memberships.get().pk,
        "invitation_id": make_invitation(organization=acme, by=owner).pk,
        "pk": make_version(make_prompt(acme)).prompt_id,
        "number": 1,
        "call_id": UUID(int=1),
        "table": "days",
        "token": "not-a-token",
        "page": "getting-started",
        "key": "not-a-key",
        "uidb36": "1",
        "provider": "openai",
        "model": "gpt-4o",
        "id": member.pk,
        "object_id": 10**6,  # of no record
        "content_type_id": 10**6,
        "app_label": "orgs",
        "url": "nothing/",
    }
    people = {"outsider": outsider, "member": member, "owner": owner, "staff": staff}
    return World({"visitor": None, **{name: session_of(person) for name, person in people.items()}}, named)


def session_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


def answer(session: str | None, method: str, path: str) -> str:
    """What the person gets. What their request did is undone, to the session too."""
    client = Client(raise_request_exception=False)
    if session is not None:
        client.cookies["sessionid"] = session
    with transaction.atomic():
        response = getattr(client, method)(path)
        transaction.set_rollback(True)
    if response.status_code not in (301, 302):
        return str(response.status_code)
    to = urlsplit(response.headers["Location"]).path
    if to == "/accounts/reauthenticate/":
        return "again"
    return "in" if to in {"/login/", "/accounts/login/", "/admin/login/"} else "away"


def walk(world: World, route: str) -> tuple[str, str]:
    path, sessions = address(route, world.named), world.sessions
    get, post = (" ".join(answer(sessions[name], method, path) for name in PEOPLE) for method in ("get", "post"))
    return get, post


@pytest.mark.parametrize("route", sorted(ANSWERS))
def test_everybody_gets_the_answer_that_is_meant(world: World, route: str) -> None:
    assert walk(world, route) == ANSWERS[route]


@pytest.mark.parametrize("model", sorted(MAY))
def test_the_admin_is_for_staff_and_lets_them_do_what_is_meant(world: World, model: str) -> None:
    """No record has the number in these addresses: `away` says that it would be shown or changed."""
    expected = {
        "": ("200", "200"),
        "add/": ("200", "200") if "add" in MAY[model] else ("403", "403"),
        "<path:object_id>/": ("away", "away"),
        "<path:object_id>/history/": ("away", "away"),
        "<path:object_id>/change/": ("away", "away" if "change" in MAY[model] else "403"),
        "<path:object_id>/delete/": ("away", "away") if "delete" in MAY[model] else ("403", "403"),
    }
    if model == "accounts/user":
        expected["<id>/password/"] = ("200", "200")
    if model == "orgs/organization":
        expected |= {"<int:object_id>/look/": ("404", "404"), "leave/": ("405", "away")}
    if model == "analytics/modelprice":
        expected |= {"book/": ("200", "405"), "book/<str:provider>/<path:model>/": ("200", "405")}
        expected |= {"export/": ("200", "405"), "import/": ("200", "200")}
    found = {route: walk(world, route) for route in OF_MODELS if find_model(route) == model}

    assert found == {
        f"admin/{model}/{page}": (f"in in in in {get}", f"in in in in {post}") for page, (get, post) in expected.items()
    }
