"""Pending calls and their outcomes, posted: each is booked once, to the call that created it, at that call's prices."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import transaction

from analytics import completions, condensing, price_book, repricing
from analytics.models import CondensedSpan, CreatedObject, DailyTagUsage, DailyUsage, LedgerRecord, ModelPrice
from analytics.price_book import revisions
from analytics.usage import Completion, TokenUsage, UsageRecord
from orgs.models import ApiKey
from tests.analytics.later_calls import (
    ANSWER_COST,
    ANSWERED,
    LATER,
    RESULTS,
    RESULTS_COST,
    SUMMED,
    assert_rollups_are_those_of_the_records,
    background,
    batch,
    cost_of,
    fetched,
    named,
    stored,
)
from tests.analytics.usage_lines import NOON, lines_of, post, post_lines, rollup_rows
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def key() -> ApiKey:
    return make_key(make_team(make_organization(timezone="Asia/Kathmandu")))[0]


# --- One call and its outcome -----------------------------------------------------------------------------------------


def test_a_pending_call_is_a_request_without_a_cost(key: ApiKey) -> None:
    record = background(key)
    post(record)

    assert cost_of(record) == (None, "pending")
    row = DailyUsage.objects.get()
    assert (row.request_count, row.pending_count, row.unpriced_count, row.cost_pico_usd) == (1, 1, 0, 0)


@pytest.mark.parametrize("order", ["record first", "outcome first", "together", "together, outcome first"])
def test_the_call_that_created_it_gets_the_cost(key: ApiKey, order: str) -> None:
    record, result = background(key), fetched(key, ANSWERED)
    parts: dict[str, list[tuple[UsageRecord, ...]]] = {
        "record first": [(record,), (result,)],
        "outcome first": [(result,), (record,)],
        "together": [(record, result)],
        "together, outcome first": [(result, record)],
    }
    for part in parts[order]:
        post(*part)

    row = stored(record)
    assert (row.cost_pico_usd, row.cost_status, row.previous_cost_pico_usd) == (ANSWER_COST, "priced", None)
    assert (row.input_tokens, row.output_tokens, row.usage_source) == (2000, 300, "provider")
    assert (row.model, row.finish_reason, row.error_code, row.state) == (
        "gpt-4o-2024-08-06",
        "completed",
        "",
        "complete",
    )
    assert row.price_revision == price_book.current().revision
    assert (row.started_at, row.local_day, row.completed_at) == (NOON, date(2026, 2, 10), LATER)
    assert (row.prompt_key, row.tags, row.latency_ms) == ("greeting", ["beta", "chat"], 850)
    assert cost_of(result) == (0, "free")
    (sums,) = DailyUsage.objects.all()
    assert (sums.request_count, sums.priced_count, sums.pending_count, sums.cost_pico_usd) == (1, 1, 0, ANSWER_COST)
    assert dict(DailyTagUsage.objects.values_list("tag", "cost_pico_usd")) == {"beta": ANSWER_COST, "chat": ANSWER_COST}
    assert_rollups_are_those_of_the_records(key)


def test_ten_pollings_count_once(key: ApiKey) -> None:
    record = background(key)
    post(record, *(fetched(key, ANSWERED, at=LATER + timedelta(seconds=n)) for n in range(5)))
    for n in range(5, 10):
        post(
            fetched(key, msgspec.structs.replace(ANSWERED, usage=TokenUsage(input=n)), at=LATER + timedelta(seconds=n))
        )

    assert cost_of(record) == (ANSWER_COST, "priced")
    assert stored(record).completed_at == LATER
    assert DailyUsage.objects.get().cost_pico_usd == ANSWER_COST


def test_a_segment_of_the_pending_call_that_comes_again_resets_nothing(key: ApiKey) -> None:
    lines, segment_id = lines_of(background(key)), str(uuid4())
    post_lines(lines, segment_id=segment_id)
    post(fetched(key, ANSWERED))
    before = rollup_rows(key.organization_id)

    post_lines(lines, segment_id=segment_id)
    post_lines(lines)
    assert completions.prune(now=NOON + timedelta(days=100), days=60) == 1
    post_lines(lines)
    post(fetched(key, msgspec.structs.replace(ANSWERED, usage=TokenUsage(input=1))))

    assert LedgerRecord.objects.filter(cost_status="priced", cost_pico_usd=ANSWER_COST).count() == 1
    assert rollup_rows(key.organization_id) == before


def test_sums_that_were_condensed_are_read_anew(key: ApiKey) -> None:
    post(background(key))
    condensing.condense_due(now=NOON + timedelta(days=40), least_rows=0)
    assert CondensedSpan.objects.filter(start=date(2026, 2, 10), is_ready=True).exists()

    post(fetched(key, ANSWERED))

    assert not CondensedSpan.objects.filter(start=date(2026, 2, 10)).exists()


def test_a_failed_answer_is_an_error_and_costs_what_it_used(key: ApiKey) -> None:
    used, unused = background(key), background(key, "resp_2")
    failure = {"error_code": "server_error", "finish_reason": "failed"}
    post(used, unused)
    post(
        fetched(key, msgspec.structs.replace(ANSWERED, **failure)),
        fetched(key, Completion(object_id="resp_2", usage_source="none", **failure)),  # type: ignore[arg-type]
    )

    assert (cost_of(used), stored(used).is_error, stored(used).error_code) == (
        (ANSWER_COST, "priced"),
        True,
        "server_error",
    )
    assert (cost_of(unused), stored(unused).is_error, stored(unused).is_request) == ((0, "priced"), True, False)
    assert dict(DailyUsage.objects.values_list("model", "request_count")) == {"gpt-4o-2024-08-06": 1}
    assert DailyUsage.objects.get().error_count == 2
    assert_rollups_are_those_of_the_records(key)


def test_a_client_that_left_the_stream_stays_in_the_record(key: ApiKey) -> None:
    record = background(key, error_code="client_disconnected", streamed=True)
    post(record)
    post(fetched(key, ANSWERED))
    row = stored(record)
    assert (row.error_code, row.is_error, row.cost_pico_usd) == ("client_disconnected", False, ANSWER_COST)


def test_an_answer_without_a_known_price_is_unpriced_until_there_is_one(key: ApiKey) -> None:
    record = background(key, model="gpt-99")
    post(record, fetched(key, msgspec.structs.replace(ANSWERED, model="gpt-99")))
    assert cost_of(record) == (None, "unpriced")

    price_book.save_price(
        price=ModelPrice(
            provider="openai", model="gpt-99", effective_from=LONG_AGO, input_pico_usd=1, output_pico_usd=2
        )
    )
    repricing.reprice()
    assert cost_of(record) == (2600, "priced")


def test_the_prices_are_those_of_the_call_that_created_it(key: ApiKey) -> None:
    for start, rate in ((LONG_AGO, 7), (NOON + timedelta(hours=1), 1000)):
        price_book.save_price(
            price=ModelPrice(
                provider="openai", model="gpt-4o", effective_from=start, input_pico_usd=rate, output_pico_usd=0
            )
        )
    record = background(key)
    post(record)
    with transaction.atomic():
        revisions.raise_revision()
    post(fetched(key, ANSWERED))
    assert cost_of(record) == (14_000, "priced")
    assert stored(record).price_revision == price_book.current().revision


def test_a_pending_call_that_comes_again_with_its_outcome_is_completed_where_it_is(key: ApiKey) -> None:
    record = background(key)
    post(record)
    assert post(record, fetched(key, ANSWERED)).inserted_count == 1
    assert cost_of(record) == (ANSWER_COST, "priced")
    assert_rollups_are_those_of_the_records(key)


def test_a_completed_call_keeps_its_place_in_the_sums(key: ApiKey) -> None:
    record = background(key, version=4, streamed=True, first_token_ms=300)
    post(record)
    # As if the rules of the time zone had changed since.
    LedgerRecord.objects.filter(pk=record.id).update(local_day=date(2026, 2, 9))
    for rollup in (DailyUsage, DailyTagUsage):
        rollup.objects.update(day=date(2026, 2, 9))

    post(fetched(key, ANSWERED))

    row = DailyUsage.objects.get()
    assert (row.day, row.version, row.first_token_sum_ms) == (date(2026, 2, 9), 4, 300)
    assert_rollups_are_those_of_the_records(key)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "interrupted", "status": 0, "error_code": "interrupted", "object_id": ""},
        {"state": "complete", "object_id": ""},
        {"state": "simulated"},
    ],
)
def test_what_was_never_pending_is_left_alone(key: ApiKey, changes: dict[str, Any]) -> None:
    record = background(key, **changes)
    post(record)
    before, sums = cost_of(record), rollup_rows(key.organization_id)

    post(fetched(key, ANSWERED))

    assert cost_of(record) == before
    assert rollup_rows(key.organization_id) == sums
    assert CreatedObject.objects.get(object_id="resp_1").record_id is None


def test_nobody_completes_the_calls_of_another_organization_or_provider(key: ApiKey) -> None:
    record = background(key)
    post(record)
    post(fetched(make_key()[0], ANSWERED), fetched(key, ANSWERED, provider="anthropic"))
    assert cost_of(record) == (None, "pending")


# --- Batches ----------------------------------------------------------------------------------------------------------


def test_the_results_of_a_batch_replace_the_sums_that_were_known_before(key: ApiKey) -> None:
    record = batch(key)
    post(record, named(key, ("file_1", "batch_1")), fetched(key, SUMMED, provider="anthropic"))
    first = stored(record)
    assert (first.cost_status, first.completed_at) == ("partial", LATER)
    assert first.cost_pico_usd not in {None, RESULTS_COST}
    assert_rollups_are_those_of_the_records(key)

    post(fetched(key, RESULTS, provider="anthropic"))

    row = stored(record)
    assert (row.cost_pico_usd, row.cost_status) == (RESULTS_COST, "priced")
    assert row.previous_cost_pico_usd == first.cost_pico_usd
    (sums,) = DailyUsage.objects.all()
    assert (sums.model, sums.request_count, sums.partial_count, sums.cost_pico_usd) == (
        "claude-sonnet-4-5",
        1,
        0,
        RESULTS_COST,
    )
    assert_rollups_are_those_of_the_records(key)


def test_the_sums_of_a_batch_do_not_replace_its_results(key: ApiKey) -> None:
    record = batch(key)
    post(fetched(key, RESULTS, provider="anthropic"), named(key, ("file_1", "batch_1")), record)
    post(fetched(key, SUMMED, provider="anthropic"))
    assert cost_of(record) == (RESULTS_COST, "priced")


def test_what_a_batch_was_said_to_have_failed_of_goes_with_its_results(key: ApiKey) -> None:
    record = batch(key)
    post(record, named(key, ("file_1", "batch_1")))
    post(fetched(key, msgspec.structs.replace(SUMMED, error_code="batch_expired"), provider="anthropic"))
    assert stored(record).is_error
    (row,) = DailyUsage.objects.all()  # none is left under the name of no model
    assert row.model == "claude-sonnet-4-5"

    post(fetched(key, RESULTS, provider="anthropic"))

    assert (stored(record).error_code, stored(record).is_error) == ("", False)
    assert_rollups_are_those_of_the_records(key)


def test_a_completed_batch_is_priced_again_exactly(key: ApiKey) -> None:
    record = batch(key)
    post(record, named(key, ("file_1", "batch_1")), fetched(key, RESULTS, provider="anthropic"))
    row = stored(record)
    cost = price_book.current().cost_of_row(row)
    assert (cost.pico_usd, cost.status) == (RESULTS_COST, "priced")
    assert row.other_models[1]["longest_prompt"] == 300_000
    LedgerRecord.objects.filter(pk=row.pk).update(cost_pico_usd=1)

    repricing.reprice(organization_id=key.organization_id)

    assert cost_of(record) == (RESULTS_COST, "priced")
    assert stored(record).previous_cost_pico_usd == 1
