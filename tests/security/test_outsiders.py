"""Guessed identifiers: whoever does not belong gets the answer of what does not exist, learns nothing, changes nothing.

Every address of the resolver is tried, so a new one is tried as well.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from orgs.services import organizations
from tests.factories import make_user
from tests.pages.addresses import ROUTES, address, parts_of
from tests.security.two_organizations import CANARY, Two, client_of, everything_of, make_two, told

pytestmark = pytest.mark.django_db

PAGES = sorted(route for route in ROUTES if parts_of(route) and not route.startswith("admin/"))
OF_ORGANIZATIONS = sorted(route for route in ROUTES if "<slug:slug>" in route)
# Narrowed by each filter alone; elsewhere all of them are given at once.
NARROWED = ("", "requests/", "versions/", "export/days.csv", "export/requests.csv")
FILTERS = ("team", "key", "prompt", "model", "tag", "version", "id")
Answer = tuple[int, dict[str, str], str]
_READS = re.compile(
    r"(?s)(?:SELECT|WITH)\b(?!.*\b(?:INSERT|UPDATE|DELETE|MERGE)\b)|(?:RELEASE |ROLLBACK TO )?SAVEPOINT "
)
_OF_SESSIONS = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM) "django_session" ')


@pytest.fixture(scope="module")
def two(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Two]:
    """One for all tests; what each did is undone."""
    whole = transaction.atomic()
    whole._from_testcase = True  # type: ignore[attr-defined]  # as pytest-django's: posting insists on being outermost
    with django_db_blocker.unblock(), whole:
        yield make_two()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def undone(two: Two, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All of a test is asked in one moment: a page says how many minutes ago a key was used."""
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def writing() -> Iterator[list[str]]:
    """What is said to the database meanwhile, but for what only reads or keeps a session: else all is as it was."""
    said: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if not _READS.match(sql) and not _OF_SESSIONS.match(sql):
            said.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield said


class Asking:
    """A person's client, and what they may not change."""

    _before: ClassVar[dict[int, Any]] = {}  # of the world that all tests find, seen once

    def __init__(self, two: Two, person: User | None, *, is_changed: bool = False) -> None:
        self.two = two
        self.client = client_of(person)
        if is_changed:
            self.before = everything_of(two.victim)
        else:
            self.before = self._before.setdefault(id(two), {}) or everything_of(two.victim)
            self._before[id(two)] = self.before
        assert all(self.before[name] for name in ("people", "Team", "ApiKey", "Prompt", "Invitation", "LedgerRecord"))

    def ask(self, method: str, route: str, named: Mapping[str, str], fields: Mapping[str, str]) -> Answer:
        """What the request did is looked at and undone, so that the next one finds the same."""
        given = {name: value for name, value in fields.items() if name not in {"slug", "page", "table"}}
        self.client.cookies.pop("messages", None)  # else it is told on the next page
        with transaction.atomic():
            with writing() as written:
                response: Any = getattr(self.client, method)(address(route, named), given)
            seen = told(response, (*fields.values(), *named.values()))
            if written:
                assert everything_of(self.two.victim) == self.before
            transaction.set_rollback(True)
        return seen

    def assert_no_oracle(self, route: str, **kept: str) -> None:
        """What is the victim's gets the answer of what is nobody's, read or written."""
        foreign, nobodys = {**self.two.foreign, **kept}, {**self.two.nobodys, **kept}
        assert_same(self.ask("get", route, foreign, {}), self.ask("get", route, nobodys, {}))
        assert_same(
            self.ask("post", route, foreign, self.two.foreign), self.ask("post", route, nobodys, self.two.nobodys)
        )


def assert_same(seen: Answer, expected: Answer) -> None:
    assert seen == expected
    assert CANARY not in repr(seen)


@pytest.mark.slow
@pytest.mark.parametrize("route", PAGES)
def test_an_owner_of_another_organization_finds_nothing_by_numbers_in_their_own(two: Two, route: str) -> None:
    """`/app/mine/teams/<a number of yours>/`: as if there were no such team."""
    Asking(two, two.outsider).assert_no_oracle(route, slug=two.own.slug)


@pytest.mark.parametrize("kind", ["visitor", "outsider", "staff", "former", "locked"])
def test_for_those_who_do_not_belong_no_page_of_an_organization_exists(two: Two, kind: str) -> None:
    people: dict[str, User | None] = {
        "visitor": None,
        "outsider": two.outsider,
        "staff": make_user(is_staff=True, is_superuser=True),
        "former": two.former,
        "locked": two.locked,
    }
    asking = Asking(two, people[kind])
    for route in PAGES:
        asking.assert_no_oracle(route)


@pytest.mark.parametrize("state", ["suspended", "deleted"])
def test_nor_does_it_once_the_organization_is_shut(two: Two, state: str) -> None:
    """A deleted one is gone for its members, too."""
    shut = organizations.suspend if state == "suspended" else organizations.delete
    shut(organization=two.victim, by=two.owner)
    asking = Asking(two, two.member if state == "deleted" else two.outsider, is_changed=True)
    for route in PAGES:
        asking.assert_no_oracle(route)


@pytest.mark.parametrize("route", OF_ORGANIZATIONS)
def test_numbers_in_queries_and_forms_reach_no_other_organization(two: Two, route: str) -> None:
    asking = Asking(two, two.outsider)
    is_narrowed = route.removeprefix("app/<slug:slug>/").replace("<slug:table>", "days") in NARROWED
    for names in [[name] for name in FILTERS] if is_narrowed else [[*two.foreign]]:
        queries = ({name: fields[name] for name in names} for fields in (two.foreign, two.nobodys))
        assert_same(*(asking.ask("get", route, two.ours, query) for query in queries))
    assert_same(*(asking.ask("post", route, two.ours, fields) for fields in (two.foreign, two.nobodys)))


@pytest.mark.parametrize("method", ["head", "put", "patch", "delete", "options", "trace"])
def test_no_other_method_is_a_way_round(two: Two, method: str) -> None:
    """Nor is one that a header names."""
    client: Client = client_of(two.outsider)
    before = everything_of(two.victim)
    for route in PAGES:
        answers = [
            getattr(client, method)(address(route, named), headers={"x-http-method-override": "POST"}).status_code
            for named in (two.foreign, two.nobodys)
        ]
        assert answers[0] == answers[1]
        assert method in {"head", "options"} or route.startswith("accounts/") or answers[0] in {401, 404, 405}, route
    assert everything_of(two.victim) == before


# --- One by one -------------------------------------------------------------------------------------------------------


def test_a_form_that_another_organization_has_sent_is_no_way_to_its_key(two: Two) -> None:
    """A form's number is kept with the key that it made, so that sending it twice makes one key."""
    asking = Asking(two, two.outsider)
    form = {"team": two.ours["team"], "description": "mine", "form_id": two.foreign["form_id"]}

    response = asking.client.post(f"/app/{two.own.slug}/keys/new/", form, follow=True)

    assert CANARY not in response.content.decode()
    assert response.status_code == 200
    assert everything_of(two.victim) == asking.before


@pytest.mark.parametrize("path", ["requests/", "requests/{id}/", "exports/days/", "aggregations/monthly/"])
@pytest.mark.parametrize("name", ["", "organization", "team", "key", "prompt", "model", "tag", "version"])
def test_a_platform_key_reads_nothing_of_another_organization(two: Two, path: str, name: str) -> None:
    client = client_of(None)
    seen = []
    for fields in (two.foreign, two.nobodys):
        headers = {"authorization": f"Bearer {two.own_key}"}
        query = {name: fields[name]} if name else {}
        response = client.get(f"/api/{path.format(**fields)}", query, headers=headers)
        seen.append(told(response, fields.values()))
    assert_same(*seen)
    assert name or path != "requests/{id}/" or seen[0][0] == 404


@pytest.mark.parametrize("kind", ["by-prompt", "by-team", "by-key", "by-tag", "by-model", "daily"])
def test_lists_and_cursors_of_the_api_are_of_the_keys_own_organization(two: Two, kind: str) -> None:
    mine, theirs = ({"authorization": f"Bearer {key}"} for key in (two.own_key, two.foreign["platform_key"]))
    client, path = client_of(None), f"/api/aggregations/{kind}/"
    foreign = client.get(path, {"limit": "1", "sort": "-request_count"}, headers=theirs).json()
    assert kind == "daily" or CANARY in repr(foreign)

    assert CANARY not in client.get(path, headers=mine).content.decode()
    if cursor := foreign.get("next_cursor"):
        response = client.get(path, {"limit": "1", "sort": "-request_count", "cursor": cursor}, headers=mine)
        assert (response.status_code, response.json()["error"]["parameter"]) == (400, "cursor")


def test_versions_are_compared_within_the_keys_own_organization(two: Two) -> None:
    headers = {"authorization": f"Bearer {two.own_key}"}
    seen = [
        told(
            client_of(None).get(
                "/api/aggregations/version-comparison/",
                {"prompt_key": fields["prompt"], "include_unused": "true"},
                headers=headers,
            ),
            fields.values(),
        )
        for fields in (two.foreign, two.nobodys)
    ]
    assert_same(*seen)
