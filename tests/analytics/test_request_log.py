"""The request log: which calls it lists, in which order, page by page, and what it says of each."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import request_log
from analytics.periods import Period
from analytics.reports import Scope
from analytics.request_log import Cursor, Question
from analytics.usage import TokenUsage, UsageRecord
from orgs.models import ApiKey, Organization
from tests.analytics.requests_seen import ids_everywhere, ids_on, page_of
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FEBRUARY = "start=2026-02-01&end=2026-02-28"
NOTHING_USED: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none", "model": ""}
CUT_OFF: dict[str, Any] = {"state": "interrupted", "status": 0, "error_code": "interrupted", **NOTHING_USED}


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner, timezone="Asia/Kathmandu")


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "backend"), "Checkout")[0]


def words_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<tbody>")[2])).split())


def calls_of_every_kind(key: ApiKey, other: ApiKey) -> dict[str, UsageRecord]:
    return {
        "anthropic": make_record(key, provider="anthropic", model="claude-haiku-4-5", model_requested="haiku"),
        "app": make_record(other, version=3, prompt_key="chat"),
        "tagged": make_record(key, tags=("a b", "untagged", 'q"\\')),
        "nested": make_record(key, tags=("a",), prompt_key="chat"),
        "named so": make_record(key, tags=("untagged",), model="", model_requested="mystery", streamed=True),
        "unpriced": make_record(key, model="mystery", model_requested="mystery"),
        "estimated": make_record(key, usage_source="estimated", error_code="client_disconnected"),
        "partial": make_record(key, usage=TokenUsage(input=5, is_partial=True)),
        "simulated": make_record(key, state="simulated"),
        "interrupted": make_record(key, **CUT_OFF),
        "refused": make_record(key, status=429, error_code="rate_limit", **NOTHING_USED),
        "pending": make_record(key, state="pending", object_id="resp_1", **NOTHING_USED),
        "free": make_record(key, method="GET", metering="free", route="models", **NOTHING_USED),
        "failed for free": make_record(
            key, method="GET", metering="free", route="models", status=404, error_code="not_found", **NOTHING_USED
        ),
        "earlier": make_record(key, at=datetime(2026, 1, 31, 18, 14, 59, tzinfo=UTC)),
        "at midnight": make_record(key, at=datetime(2026, 1, 31, 18, 15, tzinfo=UTC)),
    }


def test_every_filter_means_the_same_on_the_page_in_the_api_and_in_the_file(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    other, _ = make_key(make_team(acme, "mobile"), "App")
    calls = calls_of_every_kind(key, other)
    post(*calls.values())
    names = {record.id: name for name, record in calls.items()}
    listed = set(calls) - {"free", "failed for free", "earlier"}

    def found(query: str) -> set[str]:
        return {names[call_id] for call_id in ids_everywhere(client, acme, f"{FEBRUARY}&{query}")}

    assert found("") == listed
    assert found("provider=anthropic") == {"anthropic"}
    assert found(f"team={other.team_id}") == found(f"key={other.pk}") == found("version=3") == {"app"}
    assert found("prompt=chat") == {"app", "nested"}
    assert found("prompt=unknown&version=none") == listed - {"app", "nested"}
    assert found("model=mystery") == {"unpriced", "named so"}
    assert found("model=claude-haiku-4-5") == {"anthropic"}
    assert found("tag=a") == {"nested"}
    assert found("tag=q%22%5C") == {"tagged"}
    assert found("tag==untagged") == {"named so", "tagged"}
    assert found("tag=untagged") == listed - {"tagged", "nested", "named so"}
    assert found("status=error") == {"interrupted", "refused"}
    assert found("status=ok&provider=openai&flag=streamed") == {"named so"}
    assert found("flag=free") == {"free", "failed for free"}
    assert found("flag=free&status=error") == {"failed for free"}
    for flag in ("estimated", "partial", "unpriced", "pending", "simulated", "interrupted"):
        assert found(f"flag={flag}") == {flag} | ({"named so"} if flag == "unpriced" else set())
    assert {names[call_id] for call_id in ids_everywhere(client, acme, "start=2026-01-31&end=2026-01-31")} == {
        "earlier"
    }


def test_the_list_goes_on_from_page_to_page_and_back_by_plain_links(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    records = [make_record(key, at=NOON + timedelta(seconds=number // 3)) for number in range(120)]
    post(*records)
    expected = [record.id for record in sorted(records, key=lambda one: (one.started_at, one.id), reverse=True)]

    def follow(page: str, rel: str) -> str:
        (query,) = re.findall(rf'href="\?([^"]+)" rel="{rel}"', page)
        return page_of(client, acme, unescape(query))

    first = page_of(client, acme, f"{FEBRUARY}&status=ok")
    second = follow(first, "next")
    third = follow(second, "next")

    assert ids_on(first) + ids_on(second) + ids_on(third) == expected
    assert "<strong>120</strong> requests for <strong" in first
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in third
    assert ids_on(follow(third, "prev")) == ids_on(second)
    assert ids_on(follow(second, "prev")) == ids_on(first)


def test_a_page_is_found_from_any_place_in_both_directions_whatever_started_at_once(key: ApiKey) -> None:
    post(*(make_record(key) for _ in range(7)))
    month = Period(date(2026, 2, 1), date(2026, 2, 28))
    question = Question(Scope(key.organization_id, month), UTC)
    everything = [row.record.pk for row in request_log.read_page(question, size=7).rows]

    for number, call_id in enumerate(everything):
        place = Cursor(NOON, call_id)
        older = request_log.read_page(question, older=place, size=3)
        assert [row.record.pk for row in older.rows] == everything[number + 1 :][:3]
        newer = request_log.read_page(question, newer=place, size=3)
        assert [row.record.pk for row in newer.rows] == everything[max(number - 3, 0) :][:3]
        assert (newer.newer is None) == (number <= 3)
    assert everything == sorted(everything, reverse=True)


def test_what_has_no_cost_says_so_and_is_never_zero(
    client: Client, acme: Organization, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON + timedelta(hours=1))  # Days of another year have it with them.
    post(
        make_record(key, model="mystery", prompt_key="mystery", tags=("beta",), version=4),
        make_record(key, prompt_key="cut", **CUT_OFF),
        make_record(key, prompt_key="sandbox", state="simulated"),
        make_record(key, prompt_key="batch", route="other", metering="unmetered", **NOTHING_USED),
        make_record(key, prompt_key="later", state="pending", object_id="resp_1", **NOTHING_USED),
        make_record(key, prompt_key="heard", usage=TokenUsage(audio_ms=90_500)),
        make_record(key, prompt_key="spoken", usage=TokenUsage(characters=1200)),
        make_record(key, prompt_key="plain", latency_ms=1240, streamed=True),
    )

    for prompt, expected in {
        "mystery": "10 Feb 17:45:00 mystery v4 beta mystery OpenAI Checkout backend 200 unpriced 1,100 no price 850 ms",
        "cut": "10 Feb 17:45:00 cut gpt-4o OpenAI Checkout backend no answer interrupted unknown unknown unknown",
        "sandbox": "10 Feb 17:45:00 sandbox gpt-4o-2024-08-06 OpenAI Checkout backend 200 simulated 1,100 simulated "
        "850 ms",
        "batch": "10 Feb 17:45:00 batch gpt-4o OpenAI Checkout backend 200 0 not metered 850 ms",
        "later": "10 Feb 17:45:00 later gpt-4o OpenAI Checkout backend 200 pending not yet pending 850 ms",
        "heard": "10 Feb 17:45:00 heard gpt-4o-2024-08-06 OpenAI Checkout backend 200 unpriced 90.5 s no price",
        "spoken": "10 Feb 17:45:00 spoken gpt-4o-2024-08-06 OpenAI Checkout backend 200 unpriced 1,200 characters",
        "plain": "10 Feb 17:45:00 plain gpt-4o-2024-08-06 OpenAI Checkout backend 200 streamed 1,100 $0.0035 1.24 s",
    }.items():
        assert words_of(page_of(client, acme, f"{FEBRUARY}&prompt={prompt}")).startswith(expected)


def test_a_call_is_found_by_the_id_that_its_answer_had_and_by_nobody_elses(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    mine, theirs = make_record(key), make_record(make_key()[0])
    post(mine, theirs)
    log, receipt = f"/app/{acme.slug}/requests/", f"/app/{acme.slug}/requests/{UUID(mine.id)}/"

    for text in (mine.id, f" {UUID(mine.id)} "):
        assert client.get(log, {"id": text}).headers["Location"] == receipt
    for text in (theirs.id, "not an id"):
        assert client.get(log, {"id": text}).headers["Location"] == log
        assert b"No request of this organization has this id" in client.get(log).content
    assert ids_everywhere(client, acme, FEBRUARY) == [mine.id]
    assert client.get(receipt).status_code == 200
    assert client.get(f"/app/{acme.slug}/requests/{UUID(theirs.id)}/").status_code == 404
    assert client.get(f"/api/requests/{theirs.id}").status_code == 404
    client.force_login(make_member(acme))
    assert client.get(receipt).status_code == 200
    client.force_login(make_member(make_organization()))
    assert client.get(receipt).status_code == 404


def test_the_page_takes_the_same_few_queries_for_any_number_of_calls(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    post(make_record(key))
    page_of(client, acme)
    with CaptureQueriesContext(connection) as of_one:
        page_of(client, acme, FEBRUARY)

    post(*(make_record(make_key(make_team(acme))[0], prompt_key=f"p{number}") for number in range(9)))
    with CaptureQueriesContext(connection) as of_ten:
        page_of(client, acme, FEBRUARY)

    # Session, person, access, memberships, the address's banner; the filters' five; the total's two; calls and names.
    assert len(of_one) == len(of_ten) <= 15


def test_what_cannot_be_read_is_left_out_and_named(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(key)
    post(record)

    page = page_of(client, acme, f"{FEBRUARY}&status=fine&flag=gold&team=x&cursor=yesterday&newer=1-2")

    assert ids_on(page) == [record.id]
    for label in ("Outcome", "Marked", "Team"):
        assert re.search(rf"<strong>.{label}. cannot be used and was left out\.</strong>", page)


def test_an_organization_without_calls_is_told_how_they_come(client: Client, acme: Organization) -> None:
    assert "No request has come through yet" in page_of(client, acme)
    assert "No request fits these filters" in page_of(client, acme, "flag=unpriced")
