"""The endpoints' answers: documented fields, sums, periods."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orgs.services import keys, teams
from tests.analytics.aggregations import ENDPOINTS, LISTS, ask, found, issue, read, send
from tests.analytics.rollup_rows import FEBRUARY, spend
from tests.factories import make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

SUMS = {
    *("total_cost", "request_count", "avg_cost_per_request", "priced_count", "unpriced_count", "partial_count"),
    *("estimated_count", "unmetered_count", "interrupted_count", "error_count", "input_tokens", "cache_read_tokens"),
    *("cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens", "output_tokens", "output_audio_tokens"),
    *("reasoning_tokens", "web_searches", "pending_count", "failed_request_count", "input_image_tokens"),
    *("output_image_tokens", "file_searches", "characters", "audio_ms"),
}
OF_A_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENVELOPE = SUMS | {"period", "timezone", "organization", "provider", "currency"}


def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_the_total_is_as_documented() -> None:
    example = found()
    spend(example.key, "12.45", 3)
    answer = send("monthly", example.text, FEBRUARY)
    assert answer.content.startswith(b'{"total_cost":12.45,"period":{"start":"2026-02-01","end":"2026-02-28"},')
    assert set(read(answer)) == ENVELOPE


def test_prompts_are_as_documented() -> None:
    example = found()
    spend(example.key, "2.10", 890, prompt_key="chat-assistant")
    spend(example.key, "4.20", 312, prompt_key="document-summarizer")
    answer = send("by-prompt", example.text, FEBRUARY)
    assert answer.content.startswith(
        b'{"prompts":[{"prompt_key":"document-summarizer","total_cost":4.2,"request_count":312,'
    )
    body = read(answer)
    assert set(body) == ENVELOPE | {"prompts", "next_cursor"}
    assert set(body["prompts"][0]) == SUMS | {"prompt_key"}
    assert columns(body["prompts"], "prompt_key", "total_cost", "request_count") == [
        ("document-summarizer", Decimal("4.2"), 312),
        ("chat-assistant", Decimal("2.1"), 890),
    ]


def test_teams_are_as_documented() -> None:
    backend = found()
    frontend = issue(make_team(backend.organization, "frontend"))
    spend(frontend.key, "3.15", 220)
    spend(backend.key, "8.30", 540)
    body = ask("by-team", frontend.text, **FEBRUARY)
    assert set(body) == ENVELOPE | {"teams", "next_cursor"}
    assert set(body["teams"][0]) == SUMS | {"team_name", "team_id", "is_archived"}
    assert columns(body["teams"], "team_name", "total_cost", "request_count", "team_id", "is_archived") == [
        ("backend", Decimal("8.3"), 540, backend.team.pk, False),
        ("frontend", Decimal("3.15"), 220, frontend.team.pk, False),
    ]


def test_versions_are_as_documented() -> None:
    example = found()
    spend(example.key, "4.20", 400, prompt_key="summarizer", version=2)
    spend(example.key, "6.00", 400, prompt_key="summarizer", version=1)
    spend(example.key, "50", 1, prompt_key="another", version=1)
    body = ask("version-comparison", example.text, prompt_key="summarizer", **FEBRUARY)
    assert set(body) == ENVELOPE | {"versions", "prompt_key", "next_cursor"}
    assert set(body["versions"][0]) == SUMS | {"version_number"}
    assert columns(body["versions"], "version_number", "total_cost", "request_count", "avg_cost_per_request") == [
        (1, 6, 400, Decimal("0.015")),
        (2, Decimal("4.2"), 400, Decimal("0.0105")),
    ]
    assert body["total_cost"] == Decimal("10.2")


def test_requests_without_a_prompt_key_are_called_unknown() -> None:
    example = found()
    spend(example.key, "1", prompt_key="", version=0)
    spend(example.key, "2", prompt_key="", version=7)
    assert columns(ask("by-prompt", example.text, **FEBRUARY)["prompts"], "prompt_key", "total_cost") == [
        ("unknown", 3)
    ]
    versions = ask("version-comparison", example.text, prompt_key="unknown", **FEBRUARY)
    assert versions["prompt_key"] == "unknown"
    assert columns(versions["versions"], "version_number", "total_cost") == [(7, 2), (None, 1)]


def test_an_archived_team_and_a_revoked_key_keep_what_they_spent() -> None:
    gone = found(team="gone")
    here = issue(make_team(gone.organization, "here"))
    second = issue(here.team)
    spend(gone.key, "3")
    spend(second.key, "1")
    teams.archive(team=gone.team)
    keys.revoke(key=second.key)
    body = ask("by-team", here.text, **FEBRUARY)
    assert columns(body["teams"], "team_name", "total_cost", "is_archived") == [("gone", 3, True), ("here", 1, False)]
    assert body["total_cost"] == 4


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_empty_range_has_zeros_and_empty_lists(endpoint: str) -> None:
    example = found()
    spend(example.key, "1", prompt_key="summarizer")
    body = ask(endpoint, example.text, start="2026-03-01", end="2026-03-31")
    assert {body[name] for name in SUMS} == {0}
    assert b'"total_cost":0,' in send(endpoint, example.text, {"start": "2026-03-01", "end": "2026-03-31"}).content
    rows = body.get(LISTS.get(endpoint, ""), [])
    assert len(rows) == (31 if endpoint == "daily" else 0)
    assert {row[name] for row in rows for name in SUMS} <= {0}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_requests_of_unknown_cost_are_counted_and_cost_nothing(endpoint: str) -> None:
    example = found()
    spend(example.key, "0", 4, prompt_key="summarizer", priced_count=0, unpriced_count=4)
    body = ask(endpoint, example.text, **FEBRUARY)
    rows = [row for row in body.get(LISTS.get(endpoint, ""), []) if row["request_count"]]
    assert len(rows) == (endpoint not in {"monthly", "by-tag"})
    for sums in (body, *rows):
        assert (sums["total_cost"], sums["request_count"], sums["unpriced_count"]) == (0, 4, 4)
        assert sums["avg_cost_per_request"] == 0


def test_an_average_leaves_out_requests_of_unknown_cost() -> None:
    example = found()
    spend(example.key, "3", 10, prompt_key="summarizer", version=1, priced_count=2, unpriced_count=8)
    (version,) = ask("version-comparison", example.text, **FEBRUARY)["versions"]
    assert version["avg_cost_per_request"] == Decimal("1.5")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_provider_filters_and_is_named(endpoint: str) -> None:
    example = found()
    spend(example.key, "1", prompt_key="summarizer", provider="openai")
    spend(example.key, "2", prompt_key="summarizer", provider="anthropic")
    for provider, cost in (("openai", 1), ("anthropic", 2)):
        body = ask(endpoint, example.text, provider=provider, **FEBRUARY)
        assert (body["total_cost"], body["provider"]) == (cost, provider)
    body = ask(endpoint, example.text, **FEBRUARY)
    assert (body["total_cost"], body["provider"]) == (3, None)


@pytest.mark.parametrize(
    ("now", "zone", "parameters", "start", "end"),
    [
        ("2026-02-28T18:14:59", "Asia/Kathmandu", {}, "2026-02-01", "2026-02-28"),
        ("2026-02-28T18:15:00", "Asia/Kathmandu", {}, "2026-03-01", "2026-03-31"),
        ("2028-02-05T12:00:00", "America/New_York", {}, "2028-02-01", "2028-02-29"),
        ("2026-01-01T04:59:59", "America/New_York", {}, "2025-12-01", "2025-12-31"),
        ("2026-03-31T22:30:00", "Europe/Berlin", {"start": "2026-03-29"}, "2026-03-29", "2026-04-01"),
        ("2026-03-31T22:30:00", "Europe/Berlin", {"start": "2026-05-29"}, "2026-05-29", "2026-05-29"),
        ("2026-03-31T22:30:00", "Europe/Berlin", {"end": "2026-03-29"}, "2026-03-01", "2026-03-29"),
        ("2026-03-31T22:30:00", "UTC", {"start": "2025-11-30", "end": "2026-11-30"}, "2025-11-30", "2026-11-30"),
    ],
)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_days_are_those_of_the_organization(
    endpoint: str,
    now: str,
    zone: str,
    parameters: dict[str, str],
    start: str,
    end: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = found(timezone=zone)
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromisoformat(now).replace(tzinfo=UTC))
    body = ask(endpoint, example.text, **parameters)
    assert body["period"] == {"start": start, "end": end}
    assert body["timezone"] == zone


@pytest.mark.parametrize(
    ("endpoint", "queries"), [(name, 4 if name in {"by-team", "by-key", "by-tag"} else 3) for name in ENDPOINTS]
)
def test_an_answer_takes_the_same_few_queries_however_much_was_spent(
    endpoint: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    example = found()
    for number in range(20):
        other = issue(make_team(example.organization, f"team {number}"))
        spend(other.key, "1", prompt_key="summarizer", version=number)
        spend(other.key, "1", prompt_key=f"prompt {number}")
    with django_assert_num_queries(queries):  # the key, its organization, the roll-ups; names, or the total
        ask(endpoint, example.text, **FEBRUARY)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_trailing_slash_and_the_accept_header_of_a_browser_make_no_difference(endpoint: str) -> None:
    example = found()
    spend(example.key, "1.5", prompt_key="summarizer")
    question = {"prompt_key": "summarizer"} if endpoint == "version-comparison" else {}
    plain = send(endpoint, example.text, {**FEBRUARY, **question})
    slashed = send(f"{endpoint}/", example.text, {**FEBRUARY, **question})
    browser = send(endpoint, example.text, {**FEBRUARY, **question}, headers={"Accept": OF_A_BROWSER})
    assert plain.status_code == 200
    assert plain.content == slashed.content == browser.content
