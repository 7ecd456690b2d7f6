"""`/api/requests`, its single requests and the CSV files of the API: fields, pages, refusals, whose they are."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.request_fields import FIELDS
from orgs.services import organizations
from tests.analytics.aggregations import Issued, found, issue
from tests.analytics.requests_seen import body_of, read_csv
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_team

pytestmark = pytest.mark.django_db

FEBRUARY = {"start": "2026-02-01", "end": "2026-02-28"}
_VISITOR = Client()


def send(
    path: str, key: str, parameters: Mapping[str, str] | str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    query = {"query_params": parameters} if isinstance(parameters, Mapping) else {"QUERY_STRING": parameters}
    credentials = {"Authorization": f"Bearer {key}", **(headers or {})}
    return cast(HttpResponse, _VISITOR.generic("GET", f"/api/{path}", headers=credentials, **query))


def ask(path: str, text: str, /, **parameters: str) -> dict[str, Any]:
    response = send(path, text, parameters)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
    return body


@pytest.fixture
def example() -> Issued:
    return found(timezone="Asia/Kathmandu")


def test_a_request_has_the_documented_fields(example: Issued) -> None:
    record = make_record(example.key, prompt_key="summarizer", version=2, tags=("a", "b"), streamed=True)
    bare = make_record(example.key, model="", model_requested="", error_code="", at=NOON - timedelta(1))
    post(record, bare)

    body = ask("requests", example.text, **FEBRUARY)

    first, second = body.pop("requests")
    assert tuple(first) == tuple(second) == FIELDS
    expected = {
        "id": record.id,
        "started_at": "2026-02-10T12:00:00.000000Z",
        "local_day": "2026-02-10",
        "prompt_key": "summarizer",
        "version_number": 2,
        "model": "gpt-4o-2024-08-06",
        "model_requested": "gpt-4o",
        "team_name": "backend",
        "api_key_name": example.key.masked,
        "tags": ["a", "b"],
        "status": "ok",
        "http_status": 200,
        "error_code": None,
        "flags": ["streamed"],
        "cost": Decimal("0.0035"),
        "previous_cost": None,
        "first_token_ms": None,
    }
    assert {name: first[name] for name in expected} == expected
    nothing = ("prompt_key", "version_number", "model", "tags", "cost")
    assert [second[name] for name in nothing] == ["unknown", None, None, [], None]
    assert body == {
        "next_cursor": None,
        "period": FEBRUARY,
        "timezone": "Asia/Kathmandu",
        "organization": example.organization.slug,
        "provider": None,
        "currency": "USD",
    }


def test_pages_lead_on_by_their_cursor(example: Issued, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    records = [make_record(example.key, at=NOON + timedelta(seconds=number // 2)) for number in range(7)]
    post(*records)
    expected = [one.id for one in sorted(records, key=lambda one: (one.started_at, one.id), reverse=True)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for count in (3, 3, 1):
        with django_assert_num_queries(5):  # the key, its organization, the calls, their keys and teams
            body = ask("requests", example.text, limit="3", **FEBRUARY, **cursor)
        assert len(body["requests"]) == count
        seen += [row["id"] for row in body["requests"]]
        cursor = {"cursor": body["next_cursor"]}
    assert seen == expected
    assert cursor == {"cursor": None}


def test_one_request_has_its_receipt(example: Issued) -> None:
    record = make_record(example.key)
    post(record)

    body = ask(f"requests/{record.id}", example.text)

    assert {name: body[name] for name in FIELDS} == ask("requests", example.text, **FEBRUARY)["requests"][0]
    line = {"model": "gpt-4o-2024-08-06", "unit": "token", "rate_per": 1_000_000, "is_stand_in_rate": False}
    assert body["lines"] == [
        {**line, "bucket": "input", "quantity": 1000, "rate": Decimal("2.5"), "amount": Decimal("0.0025")},
        {**line, "bucket": "output", "quantity": 100, "rate": 10, "amount": Decimal("0.001")},
    ]
    assert body["cost"] == body["lines_total"] == body["cost_at_todays_prices"] == Decimal("0.0035")
    assert body["lines_are"] == "as booked"
    (price,) = body["prices"]
    assert (price["model"], price["source"]) == ("gpt-4o-2024-08-06", "bundled")


def test_a_request_is_named_in_either_form_and_is_nobody_elses(example: Issued) -> None:
    other = found("Elsewhere")
    mine, theirs = make_record(example.key), make_record(other.key)
    post(mine, theirs)
    dashed = f"{mine.id[:8]}-{mine.id[8:12]}-{mine.id[12:16]}-{mine.id[16:20]}-{mine.id[20:]}"

    assert ask(f"requests/{dashed}/", example.text)["id"] == mine.id
    for name in (theirs.id, "x", "0" * 32):
        response = send(f"requests/{name}", example.text)
        assert (response.status_code, json.loads(response.content)["error"]["code"]) == (404, "request_not_found")
    assert [row["id"] for row in ask("requests", other.text, **FEBRUARY)["requests"]] == [theirs.id]
    assert ask("requests", other.text, key=str(example.key.pk), **FEBRUARY)["requests"] == []


@pytest.mark.parametrize(
    ("path", "query", "code", "parameter"),
    [
        ("requests", "prompt_key=x", "unknown_parameter", "prompt_key"),
        ("requests", "tag=a&tag=b", "repeated_parameter", "tag"),
        ("requests", "tag=", "invalid_parameter", "tag"),
        ("requests", "start=2026-13-01", "invalid_parameter", "start"),
        ("requests", "start=2000-01-01", "invalid_parameter", "start"),
        ("requests", "range=7d&start=2026-02-01", "invalid_parameter", "range"),
        ("requests", "provider=acme", "invalid_parameter", "provider"),
        ("requests", "status=fine", "invalid_parameter", "status"),
        ("requests", "flag=", "invalid_parameter", "flag"),
        ("requests", "limit=0", "invalid_parameter", "limit"),
        ("requests", "limit=1001", "invalid_parameter", "limit"),
        ("requests", "limit=%C2%B2", "invalid_parameter", "limit"),
        ("requests", "cursor=x", "invalid_parameter", "cursor"),
        ("requests", "cursor=99999999999999999-" + "f" * 33, "invalid_parameter", "cursor"),
        ("requests", "format=xml", "invalid_parameter", "format"),
        ("requests", "format=csv&limit=5", "invalid_parameter", "limit"),
        ("requests/" + "0" * 32, "start=2026-02-01", "unknown_parameter", "start"),
        ("exports/days", "status=ok", "unknown_parameter", "status"),
        ("exports/days", "format=json", "invalid_parameter", "format"),
    ],
)
def test_a_parameter_that_cannot_be_heeded_is_refused(
    example: Issued, path: str, query: str, code: str, parameter: str
) -> None:
    response = send(path, example.text, query)

    error = json.loads(response.content)["error"]
    assert (response.status_code, error["code"], error["parameter"]) == (400, code, parameter)


def test_csv_is_sent_when_it_is_asked_for(example: Issued) -> None:
    record = make_record(example.key, prompt_key="summarizer")
    post(record)

    asked = send("requests", example.text, {**FEBRUARY, "format": "csv"})
    accepted = send("requests", example.text, FEBRUARY, {"Accept": "text/csv, */*;q=0.1"})
    single = send(f"requests/{record.id}", example.text, {"format": "csv"})
    browser = send("requests", example.text, FEBRUARY, {"Accept": "application/json, text/csv"})

    assert browser.headers["Content-Type"] == "application/json"
    content = body_of(asked)
    assert not content.startswith(b"\xef\xbb\xbf")
    assert content == body_of(accepted) == single.content
    assert content.decode().splitlines()[0] == ",".join(FIELDS)
    assert asked.headers["Cache-Control"] == "private, no-store"
    name = f"{example.organization.slug}_requests_2026-02-01_2026-02-28.csv"
    assert asked.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_tables_are_sent_as_csv_to_keys(example: Issued) -> None:
    second = issue(make_team(example.organization, "frontend"))
    post(make_record(example.key), make_record(second.key), make_record(found("Elsewhere").key))

    teams = read_csv(send("exports/teams", example.text, FEBRUARY))

    assert [(row["team_name"], row["total_cost"]) for row in teams] == [("backend", "0.0035"), ("frontend", "0.0035")]
    missing = send("exports/nothing", example.text)
    assert (missing.status_code, json.loads(missing.content)["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["requests", "requests/" + "0" * 32, "exports/days"])
def test_a_suspended_organization_is_refused(example: Issued, path: str) -> None:
    organizations.suspend(organization=example.organization)

    response = send(path, example.text)

    assert (response.status_code, json.loads(response.content)["error"]["code"]) == (403, "organization_suspended")
