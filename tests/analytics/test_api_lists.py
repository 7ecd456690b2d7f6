"""The lists of the aggregations: rows by key, tag, model and day, their order, what is unused, and their files."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from orgs.services import keys, teams
from prompts import services as prompts
from tests.analytics.aggregations import ENDPOINTS, LISTS, Issued, ask, found, issue, read, refusal, send
from tests.analytics.rollup_rows import FEBRUARY, spend, spend_on_tag
from tests.factories import make_key, make_prompt, make_team, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FORMULA = '=HYPERLINK("http://example.com")'


def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def lines(answer: HttpResponse) -> list[dict[str, str]]:
    """A file's lines, by the names of its first one."""
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


@pytest.fixture
def example() -> Issued:
    """Something in every list, names among it that a spreadsheet would take for formulas."""
    backend = found()
    frontend = issue(make_team(backend.organization, FORMULA))
    for version, cost in ((0, "0.000000000001"), (1, "6"), (2, "4.2")):
        spend(backend.key, cost, 400, prompt_key="summarizer", version=version, input_tokens=7)
    spend(frontend.key, "3.15", 220, prompt_key=FORMULA, provider="anthropic", model=FORMULA, on="2026-02-11")
    spend(frontend.key, "0", 5, prompt_key="", model="", priced_count=0, unpriced_count=5, error_count=2)
    for tag in ("", "documents", FORMULA):
        spend_on_tag(frontend.key, "3.15", tag, 220)
    return backend


# --- Rows -------------------------------------------------------------------------------------------------------------


def test_keys_are_named_with_their_teams(example: Issued) -> None:
    named, _ = make_key(example.team, "nightly reports")
    spend(named, "20", 3)
    keys.revoke(key=named)

    body = ask("by-key", example.text, **FEBRUARY)

    first, second, third = body["keys"]
    assert list(first)[:7] == [
        *("api_key_name", "total_cost", "request_count", "avg_cost_per_request"),
        *("api_key_id", "team_id", "team_name"),
    ]
    of_first = ("nightly reports", 20, named.pk, example.team.pk, "backend", True)
    names = ("api_key_name", "total_cost", "api_key_id", "team_id", "team_name", "is_revoked")
    assert columns([first], *names) == [of_first]
    assert (second["api_key_name"], second["is_revoked"]) == (example.key.label, False)
    assert third["team_name"] == FORMULA
    assert sum(row["total_cost"] for row in body["keys"]) == body["total_cost"] == Decimal("33.350000000001")


def test_a_key_that_is_gone_keeps_its_row(example: Issued) -> None:
    spend(example.key, "50", api_key_id=4711)
    row = ask("by-key", example.text, **FEBRUARY)["keys"][0]
    assert columns([row], "api_key_name", "team_id", "team_name") == [("deleted key 4711", None, None)]


def test_tags_overlap_and_say_so(example: Issued) -> None:
    spend_on_tag(example.key, "1", "untagged")

    body = ask("by-tag", example.text, **FEBRUARY)

    assert body["overlap"] is True
    assert columns(body["tags"], "tag", "is_untagged", "total_cost", "request_count") == [
        (FORMULA, False, Decimal("3.15"), 220),
        ("documents", False, Decimal("3.15"), 220),
        ("untagged", True, Decimal("3.15"), 220),
        ("untagged", False, 1, 1),
    ]
    assert body["total_cost"] == Decimal("13.350000000001")
    assert b'"overlap"' not in send("by-prompt", example.text, FEBRUARY).content


def test_models_are_those_of_a_provider(example: Issued) -> None:
    spend(example.key, "1", provider="anthropic")  # under a name that the other provider has too
    body = ask("by-model", example.text, **FEBRUARY)
    assert columns(body["models"], "model", "provider", "request_count") == [
        ("gpt-4o", "openai", 1200),
        (FORMULA, "anthropic", 220),
        ("gpt-4o", "anthropic", 1),
        (None, "openai", 5),
    ]


def test_every_day_of_the_period_is_told_in_order(example: Issued) -> None:
    body = ask("daily", example.text, start="2026-02-09", end="2026-02-12")
    assert columns(body["days"], "day", "request_count", "total_cost") == [
        ("2026-02-09", 0, 0),
        ("2026-02-10", 1205, Decimal("10.200000000001")),
        ("2026-02-11", 220, Decimal("3.15")),
        ("2026-02-12", 0, 0),
    ]


def test_more_days_than_anybody_reads_are_refused(example: Issued) -> None:
    answer = send("daily", example.text, {"start": "2020-01-01", "end": "2026-02-28"})
    assert refusal(answer) == (400, "invalid_parameter", "start")
    assert "At most 1100" in read(answer)["error"]["message"]
    assert len(ask("daily", example.text, start="2023-02-25", end="2026-02-28")["days"]) == 1100


# --- What is unused ---------------------------------------------------------------------------------------------------


def test_what_is_registered_and_unused_is_listed_when_asked_for(example: Issued) -> None:
    organization = example.organization
    make_version(make_prompt(organization, "Waiting"), number=3)
    prompts.archive(prompt=make_prompt(organization, "archived"))
    teams.archive(team=make_team(organization, "dissolved"))
    idle = issue(make_team(organization, "idle"))
    revoked, _ = make_key(idle.team)
    keys.revoke(key=revoked)
    stranger = found("Stranger")
    make_prompt(stranger.organization, "of another organization")

    def unused(endpoint: str, name: str, **question: str) -> list[Any]:
        plain = ask(endpoint, example.text, **FEBRUARY, **question)
        full = ask(endpoint, example.text, include_unused="true", **FEBRUARY, **question)
        list_name = LISTS[endpoint]
        assert full | {list_name: plain[list_name]} == plain
        added = [row for row in full[list_name] if row not in plain[list_name]]
        assert {row[sums] for row in added for sums in ("total_cost", "request_count", "input_tokens")} <= {0}
        return [row[name] for row in added]

    assert unused("by-prompt", "prompt_key") == ["Waiting"]
    assert unused("by-team", "team_name") == ["idle"]
    assert unused("by-key", "api_key_id") == [idle.key.pk]
    assert unused("version-comparison", "version_number", prompt_key="Waiting") == [3]
    assert unused("version-comparison", "version_number", prompt_key="summarizer") == []


def test_an_unused_version_stands_before_usage_without_one(example: Issued) -> None:
    make_version(make_prompt(example.organization, "summarizer"), number=5)
    spend(example.key, "0", 1, prompt_key="summarizer", version=0, on="2026-02-12")
    asked = {"prompt_key": "summarizer", "start": "2026-02-12", "end": "2026-02-12", "include_unused": "true"}
    assert columns(ask("version-comparison", example.text, **asked)["versions"], "version_number") == [(5,), (None,)]


@pytest.mark.parametrize("endpoint", ["monthly", "by-tag", "by-model", "daily"])
def test_where_nothing_is_registered_nothing_unused_can_be_asked_for(endpoint: str, example: Issued) -> None:
    answer = send(endpoint, example.text, {"include_unused": "true"})
    assert refusal(answer) == (400, "unknown_parameter", "include_unused")


# --- Order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", LISTS)
def test_a_list_is_ordered_by_any_of_the_documented_fields(endpoint: str, example: Issued) -> None:
    known = read(send(endpoint, example.text, {"sort": "?"}))["error"]["message"].partition(": ")[2].strip(".")
    count = len(ask(endpoint, example.text, **FEBRUARY)[LISTS[endpoint]])
    for order in known.split(", "):
        rows = ask(endpoint, example.text, sort=order, **FEBRUARY)[LISTS[endpoint]]
        values = [row[order.removeprefix("-")] for row in rows]
        told = [value.casefold() if isinstance(value, str) else value for value in values if value is not None]
        assert told == sorted(told, reverse=order.startswith("-")), order
        assert values[len(told) :] == [None] * (count - len(told))
    assert {"total_cost", "-total_cost", "request_count", "-avg_cost_per_request", "error_count"} <= set(
        known.split(", ")
    )


def test_equals_are_ordered_by_cost_and_then_by_name() -> None:
    example = found()
    for key, cost in (("b", "1"), ("c", "2"), ("a", "1"), ("d", "3")):
        spend(example.key, cost, 5, prompt_key=key)
    for order in ("request_count", "-request_count", "-total_cost"):
        rows = ask("by-prompt", example.text, sort=order, **FEBRUARY)["prompts"]
        assert [row["prompt_key"] for row in rows] == ["d", "c", "a", "b"]


def test_an_order_that_is_none_is_refused(example: Issued) -> None:
    for text in ("", "cost", "+total_cost", "--total_cost", "total_cost,prompt_key", "team_name", "-"):
        assert refusal(send("by-prompt", example.text, {"sort": text})) == (400, "invalid_parameter", "sort")


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_file_has_the_figures_of_the_answer_and_no_formulas(endpoint: str, example: Issued) -> None:
    body = ask(endpoint, example.text, **FEBRUARY)
    rows = body.get(LISTS.get(endpoint, ""), [{**body["period"], **body}])

    answer = send(endpoint, example.text, {**FEBRUARY, "format": "csv"})

    written = lines(answer)
    assert len(written) == len(rows) > 0
    for line, row in zip(written, rows, strict=True):
        assert set(line) <= set(row)
        assert LISTS.get(endpoint) is None or list(line) == list(row)
        for name, text in line.items():
            value = row[name]
            assert not text.startswith("=")
            if isinstance(value, bool) or value is None:
                assert text == {True: "true", False: "false", None: ""}[value]
            elif isinstance(value, str):
                assert text == ("'" + value if value == FORMULA else value)
            else:
                assert Decimal(text) == value
    name = f'attachment; filename="example_{endpoint}_2026-02-01_2026-02-28.csv"'
    assert answer.headers["Content-Disposition"] == name
    asked_by_header = send(endpoint, example.text, FEBRUARY, headers={"Accept": "text/csv"})
    assert asked_by_header.content == answer.content


def test_a_file_is_ordered_and_holds_what_is_unused_like_the_answer(example: Issued) -> None:
    make_prompt(example.organization, "waiting")
    asked = {**FEBRUARY, "sort": "prompt_key", "include_unused": "true", "format": "csv"}
    assert [line["prompt_key"] for line in lines(send("by-prompt", example.text, asked))] == [
        *("'" + FORMULA, "summarizer", "unknown", "waiting")
    ]


def test_a_file_of_nothing_has_its_columns() -> None:
    for endpoint in LISTS:
        answer = send(endpoint, found(endpoint).text, {**FEBRUARY, "format": "csv"})
        first = answer.content.decode().splitlines()[0].split(",")
        assert first[1:4] == ["total_cost", "request_count", "avg_cost_per_request"]


def test_a_file_has_no_pages(example: Issued) -> None:
    for name, value in (("limit", "5"), ("cursor", "x")):
        answer = send("by-team", example.text, {"format": "csv", name: value})
        assert refusal(answer) == (400, "invalid_parameter", name)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json, text/csv;q=0.5", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv;q=0.1, text/html", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html", None),
        ("application/xml, image/*", None),
        ("text/csv;q=0", None),
        ("nonsense", None),
    ],
)
@pytest.mark.parametrize("path", ["monthly", "by-tag", "/api/requests"])
def test_the_form_is_what_the_caller_accepts(
    path: str, accepted: str | None, expected: str | None, example: Issued
) -> None:
    headers = {} if accepted is None else {"Accept": accepted}
    answer = send(path, example.text, FEBRUARY, headers=headers)
    if expected:
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, expected)
    else:
        assert refusal(answer) == (406, "not_acceptable", None)
    by_name = send(path, example.text, {**FEBRUARY, "format": "json"}, headers=headers)
    assert by_name.headers["Content-Type"] == "application/json"
    assert by_name.status_code == 200


def test_a_file_of_the_dashboard_is_refused_to_who_takes_json_only(example: Issued) -> None:
    answer = send("/api/exports/prompts", example.text, headers={"Accept": "application/json"})
    assert refusal(answer) == (406, "not_acceptable", None)
    assert refusal(send("/api/exports/prompts", example.text, {"format": "json"})) == (
        400,
        "invalid_parameter",
        "format",
    )


# --- What caches are told, and how often one may ask ------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_who_has_an_answer_already_is_told_so(endpoint: str, example: Issued) -> None:
    first = send(endpoint, example.text, FEBRUARY)
    tag = first.headers["ETag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = send(endpoint, example.text, FEBRUARY, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    as_csv = send(endpoint, example.text, {**FEBRUARY, "format": "csv"}, headers={"If-None-Match": tag})
    assert as_csv.status_code == 200
    spend(example.key, "1", prompt_key="summarizer", version=9)
    changed = send(endpoint, example.text, FEBRUARY, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    for answer in (first, changed):
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert {"Accept", "Authorization", "X-Api-Key", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_who_asks_too_often_is_told_to_wait(
    example: Issued, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    second = issue(example.team)
    monkeypatch.setattr("time.time", lambda: 1_771_000_015.0)
    for _ in range(3):
        assert send("monthly", example.text).status_code == 200
    answer = send("monthly", example.text)
    assert refusal(answer) == (429, "throttled", None)
    assert "within a minute" in json.loads(answer.content)["error"]["message"]
    assert int(answer.headers["Retry-After"]) == 60 - 1_771_000_015 % 60
    assert send("/api/requests", example.text).status_code == 429
    assert send("monthly", second.text).status_code == 200
    settings.API_REQUESTS_PER_MINUTE = 0
    assert send("monthly", example.text).status_code == 200
