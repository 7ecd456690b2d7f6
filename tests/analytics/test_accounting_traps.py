"""What other proxies got wrong, one test each: by real calls through a served proxy, to the ledger and the reports.

Amounts are in pico-USD and worked out by hand from the providers' "Pricing" pages: $1 per million tokens is 1,000,000.
Where the answer gets lost on its way is in `test_accounting_traps_on_the_way.py`.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.models import LedgerRecord
from analytics.templatetags.money import money
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Organization
from orgs.services import keys, teams
from tests.analytics.billed_calls import bill, breakdowns, report, rows_of
from tests.analytics.usage_lines import make_record, post
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.factories import make_key, make_organization, make_team
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, events_of, message
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer, Worker

RESPONSES = "openai/responses"
BATCHES = "anthropic/v1/messages/batches"


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """Not here: the worker's queue stays bound while it runs."""


@pytest.fixture(scope="module")
def server(committed_database: None, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    """With what posts to the ledger: a worker in production, the proxy itself in trial mode."""
    journal: Path = tmp_path_factory.mktemp("journal-of-the-traps")
    worker = Worker(settings_of_services(journal)) if IS_PRODUCTION else contextlib.nullcontext()
    with worker, serve({"JOURNAL_DIR": str(journal)}) as server:
        yield server


@pytest.fixture
def proxy(server: ProxyServer, provider: FakeProvider, issued: tuple[ApiKey, str]) -> Caller:
    return Caller(server.port, issued[1])


def response(**members: object) -> bytes:
    return json.dumps({"model": "gpt-5", "input": "Hello!"} | members).encode()


# --- Usage ------------------------------------------------------------------------------------------------------------


def test_a_stream_is_charged_although_nobody_asked_for_its_usage(proxy: Caller, provider: FakeProvider) -> None:
    # GPT-4o: 1,000 x 2.50 + 100 x 10
    usage = Scenario(prompt_tokens=1000, output_tokens=100)
    assert bill(proxy, provider, (CHAT, chat(stream=True), usage)) == [(3_500_000_000, "priced")]
    (seen,) = provider.log
    assert seen.json()["stream_options"] == {"include_usage": True}


def test_the_chunk_with_the_usage_that_we_asked_for_does_not_reach_the_client(proxy: Caller) -> None:
    chunks = events_of(proxy.post(CHAT, chat(stream=True)).body)
    assert len(chunks) > 10
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)


def test_cached_tokens_of_openai_are_inside_its_prompt_tokens(proxy: Caller, provider: FakeProvider) -> None:
    # GPT-4o: 120 x 2.50 + 1,024 x 1.25 + 50 x 10
    usage = Scenario(prompt_tokens=1144, cached_tokens=1024, output_tokens=50)
    assert bill(proxy, provider, (CHAT, chat(), usage)) == [(2_080_000_000, "priced")]


def test_cached_tokens_of_anthropic_come_on_top_of_its_input_tokens(proxy: Caller, provider: FakeProvider) -> None:
    # Claude Haiku 4.5: 100 x 1 + 1,000 x 0.10 + 400 x 1.25 + 60 x 5
    usage = Scenario(prompt_tokens=100, cached_tokens=1000, cache_write_5m_tokens=400, output_tokens=60)
    assert bill(proxy, provider, (MESSAGES, message(), usage)) == [(1_000_000_000, "priced")]


def test_message_start_and_message_delta_are_not_added_up(proxy: Caller, provider: FakeProvider) -> None:
    # Both tell of the same 500 input tokens, and of the output so far. Claude Haiku 4.5: 500 x 1 + 40 x 5
    usage = Scenario(prompt_tokens=500, output_tokens=40, start_usage={"input_tokens": 500, "output_tokens": 7})
    assert bill(proxy, provider, (MESSAGES, message(stream=True), usage)) == [(700_000_000, "priced")]


def test_a_cache_write_for_an_hour_has_its_own_price(proxy: Caller, provider: FakeProvider) -> None:
    # Claude Haiku 4.5: 300 x 2, not 300 x 1.25
    usage = Scenario(prompt_tokens=0, cache_write_1h_tokens=300, output_tokens=0)
    assert bill(proxy, provider, (MESSAGES, message(), usage)) == [(600_000_000, "priced")]


def test_reasoning_tokens_are_inside_the_output_tokens(proxy: Caller, provider: FakeProvider) -> None:
    # GPT-5: 100 x 1.25 + 300 x 10, of which 256 were thought
    usage = Scenario(prompt_tokens=100, output_tokens=300, reasoning_tokens=256)
    calls = ((CHAT, chat(model="gpt-5"), usage), (RESPONSES, response(), usage))
    assert bill(proxy, provider, *calls) == [(3_125_000_000, "priced")] * 2


def test_an_incomplete_or_failed_response_costs_what_it_used(proxy: Caller, provider: FakeProvider) -> None:
    # GPT-5: 100 x 1.25 + 30 x 10
    used = {"model": "gpt-5-2025-08-07", "usage": {"input_tokens": 100, "output_tokens": 30}, "output": []}
    errors = {"incomplete": None, "failed": {"code": "server_error", "message": "The model failed."}}
    ends = [
        {"type": f"response.{status}", "response": {"status": status, "error": error, **used}}
        for status, error in errors.items()
    ]
    streams = [Scenario(raw_body=f"event: {end['type']}\ndata: {json.dumps(end)}\n\n") for end in ends]
    calls = [(RESPONSES, response(stream=True), stream) for stream in streams]
    assert bill(proxy, provider, *calls) == [(425_000_000, "priced")] * 2
    assert report(proxy, "monthly")["error_count"] == 1  # an incomplete one is no error


def test_counting_tokens_is_not_charged(proxy: Caller, provider: FakeProvider) -> None:
    calls = [("anthropic/v1/messages/count_tokens", message(), Scenario())]
    assert bill(proxy, provider, *calls) == [(0, "free")]
    assert report(proxy, "monthly")["request_count"] == 0


# --- Prices -----------------------------------------------------------------------------------------------------------


def test_a_long_prompt_reprices_all_of_the_request_and_only_above_the_threshold(
    proxy: Caller, provider: FakeProvider
) -> None:
    # GPT-5.5: at 272,000 tokens 5 and 30, above them 10 and 45, for every token. The cache counts (0.50, then 1).
    # 272,000 x 5 + 10 x 30; 272,001 x 10 + 10 x 45; 1 x 10 + 272,000 x 1
    lengths = (
        Scenario(prompt_tokens=272_000, output_tokens=10),
        Scenario(prompt_tokens=272_001, output_tokens=10),
        Scenario(prompt_tokens=272_001, cached_tokens=272_000, output_tokens=0),
    )
    calls = [(CHAT, chat(model="gpt-5.5"), usage) for usage in lengths]
    amounts = [1_360_300_000_000, 2_720_460_000_000, 272_010_000_000]
    assert bill(proxy, provider, *calls) == [(amount, "priced") for amount in amounts]


def test_the_service_tier_is_the_one_that_answered(proxy: Caller, provider: FakeProvider) -> None:
    # GPT-5, 100 in and 10 out: 1.25 and 10; flex half; priority double.
    def call(asked: str, answered: str) -> tuple[str, bytes, Scenario]:
        usage = Scenario(prompt_tokens=100, output_tokens=10, service_tier=answered)
        return CHAT, chat(model="gpt-5", service_tier=asked), usage

    calls = [call("auto", "flex"), call("auto", "priority"), call("priority", "default")]
    assert [cost for cost, _ in bill(proxy, provider, *calls)] == [112_500_000, 450_000_000, 225_000_000]


def test_fast_mode_and_inference_in_the_us_cost_more(proxy: Caller, provider: FakeProvider) -> None:
    # Claude Opus 4.8, 100 in and 10 out: 5 and 25; fast mode 10 and 50; in the US a tenth more of either.
    usual: dict[str, Any] = {"prompt_tokens": 100, "output_tokens": 10}
    answers = (
        Scenario(**usual),
        Scenario(**usual, speed="fast"),
        Scenario(**usual, inference_geo="us"),
        Scenario(**usual, speed="fast", inference_geo="us"),
    )
    calls = [(MESSAGES, message(model="claude-opus-4-8"), answer) for answer in answers]
    assert bill(proxy, provider, *calls) == [
        (amount, "priced") for amount in (750_000_000, 1_500_000_000, 825_000_000, 1_650_000_000)
    ]


def test_an_unheard_of_tier_is_not_taken_for_the_standard_one_unsaid(proxy: Caller, provider: FakeProvider) -> None:
    usage = Scenario(prompt_tokens=100, output_tokens=10, service_tier="turbo")
    assert bill(proxy, provider, (CHAT, chat(model="gpt-5"), usage)) == [(225_000_000, "partial")]


def test_a_batch_costs_half_once_and_is_the_creating_calls(proxy: Caller, provider: FakeProvider) -> None:
    given = {"requests": [{"custom_id": str(n), "params": json.loads(message())} for n in range(2)]}
    named = {"_aipromptcost": {"prompt_key": "nightly"}}
    provider.script(Scenario(polls=1))
    created = proxy.post(BATCHES, json.dumps(given | named).encode())
    object_id = created.json()["id"]
    proxy.call("GET", f"{BATCHES}/{object_id}")
    fetched = [proxy.call("GET", f"{BATCHES}/{object_id}/results") for _ in range(2)]
    rows = rows_of(*(reply.call_id for reply in (created, *fetched)))

    used = provider.used(object_id)
    assert len(used) == 2
    # Claude Haiku 4.5 in a batch: 0.50 and 2.50.
    half = sum(500_000 * one.usage["input_tokens"] + 2_500_000 * one.usage["output_tokens"] for one in used)
    assert [(row.cost_pico_usd, row.cost_status) for row in rows] == [(half, "priced"), (0, "free"), (0, "free")]
    (by_prompt,) = report(proxy, "by-prompt")["prompts"]
    assert (by_prompt["prompt_key"], by_prompt["request_count"]) == ("nightly", 1)
    assert by_prompt["total_cost"] == Decimal(half) / 10**12


def test_searches_have_a_fee_beside_their_tokens(proxy: Caller, provider: FakeProvider) -> None:
    # $10 per 1,000 web searches, $2.50 per 1,000 file searches; GPT-5 100 x 1.25 + 10 x 10, Claude 100 x 1 + 10 x 5.
    usual: dict[str, Any] = {"prompt_tokens": 100, "output_tokens": 10}
    calls = (
        (RESPONSES, response(), Scenario(**usual, web_searches=2, file_searches=1)),
        (RESPONSES, response(stream=True), Scenario(**usual, web_searches=2, service_tier="flex")),
        (MESSAGES, message(), Scenario(**usual, web_searches=3)),
    )
    amounts = [20_000_000_000 + 2_500_000_000 + 225_000_000, 20_000_000_000 + 112_500_000, 30_150_000_000]
    assert bill(proxy, provider, *calls) == [(amount, "priced") for amount in amounts]


def test_a_model_without_a_price_is_not_free(proxy: Caller, provider: FakeProvider) -> None:
    # Dated names of known models have their price; GPT-4o mini 100 x 0.15 + 10 x 0.60.
    usual: dict[str, Any] = {"prompt_tokens": 100, "output_tokens": 10}
    calls = [
        (CHAT, chat(), Scenario(**usual, model="gpt-4o-mini-2024-07-18")),
        (CHAT, chat(), Scenario(**usual, model="gpt-unheard-of-2031-01-31")),
    ]
    assert bill(proxy, provider, *calls) == [(21_000_000, "priced"), (None, "unpriced")]
    total = report(proxy, "monthly")
    assert (total["request_count"], total["priced_count"], total["unpriced_count"]) == (2, 1, 1)


def test_a_price_changes_at_midnight_utc(issued: tuple[ApiKey, str], proxy: Caller) -> None:
    # OpenAI, "Changelog": GPT-5.6 Luna went from $1 to $0.20 on 2026-07-30. 1,000 tokens in each call.
    moments = [datetime(2026, 7, 29, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 7, 30, tzinfo=UTC)]
    luna: dict[str, Any] = {"model": "gpt-5.6-luna", "usage": TokenUsage(input=1000)}
    records = [make_record(issued[0], at=at, **luna) for at in moments]
    post(*records)
    found = LedgerRecord.objects.in_bulk([record.id for record in records])
    assert sorted(row.cost_pico_usd or 0 for row in found.values()) == [200_000_000, 1_000_000_000]


# --- Reports ----------------------------------------------------------------------------------------------------------


def test_every_breakdown_adds_up_to_the_total(
    proxy: Caller, provider: FakeProvider, organization: Organization, issued: tuple[ApiKey, str], server: ProxyServer
) -> None:
    """With what names no prompt, no tag, no version; of a revoked key and an archived team; without a price."""
    _, text = make_key(make_team(organization))
    other = Caller(server.port, text)
    named = {"_aipromptcost": {"prompt_key": "greeting", "feature_tags": ["chat"], "version": 2}}
    replies = [
        proxy.post(CHAT, chat(**named)),
        proxy.post(MESSAGES, message()),
        proxy.post(CHAT, chat(model="gpt-unheard-of")),
        other.post(MESSAGES, message(stream=True, **named)),
    ]
    rows = rows_of(*(reply.call_id for reply in replies))
    keys.revoke(key=issued[0])
    teams.archive(team=issued[0].team)

    total = report(other, "monthly")
    assert total["total_cost"] * 10**12 == sum(row.cost_pico_usd or 0 for row in rows) > 0
    assert total["request_count"] == 4
    for name, found in breakdowns(other):
        assert sum(row["total_cost"] for row in found) == total["total_cost"], name
        assert sum(row["request_count"] for row in found) == 4, name
    assert {row["prompt_key"] for row in report(other, "by-prompt")["prompts"]} == {"greeting", "unknown"}
    assert {row["tag"] for row in report(other, "by-tag")["tags"]} == {"chat", "untagged"}
    assert len(report(other, "by-key")["keys"]) == len(report(other, "by-team")["teams"]) == 2


def test_a_tiny_cost_is_not_shown_as_nothing(proxy: Caller, provider: FakeProvider) -> None:
    # One token of GPT-5 nano.
    usage = Scenario(prompt_tokens=1, output_tokens=0)
    assert bill(proxy, provider, (CHAT, chat(model="gpt-5-nano"), usage)) == [(50_000, "priced")]
    assert report(proxy, "monthly")["total_cost"] == Decimal("0.00000005")
    assert money(50_000) == "$0.00000005"


def test_days_are_those_of_the_organization_and_not_of_utc(server: ProxyServer) -> None:
    key, text = make_key(make_team(make_organization(timezone="Asia/Kolkata")))  # +05:30
    midnight = datetime(2026, 2, 10, 18, 30, tzinfo=UTC)
    post(*(make_record(key, at=at) for at in (midnight.replace(minute=29), midnight, midnight.replace(hour=23))))
    days = report(Caller(server.port, text), "daily", "?start=2026-02-10&end=2026-02-11")["days"]
    assert [(day["day"], day["request_count"]) for day in days] == [("2026-02-10", 1), ("2026-02-11", 2)]
