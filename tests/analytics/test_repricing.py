"""What a new price does to records that have been posted, and to the roll-ups."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from analytics import price_book, price_changes, repricing
from analytics.caps import OVERFLOW
from analytics.models import DailyUsage
from analytics.usage import OtherModelUsage, TokenUsage
from orgs.models import ApiKey
from tests.analytics.repriced import NEW_COST, NEW_RATES, assert_rollups_are_those_of_the_records, cost_of, posted, save
from tests.analytics.usage_lines import NOON, USUAL_COST
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# Two prompts of which the longer one is dearer, and another model's; none of them is that of the call.
BATCH = TokenUsage(
    input=600_001,
    output=9,
    service_tier="batch",
    other_models=(
        OtherModelUsage(model="gpt-5.5", input=300_001, output=4, longest_prompt=200_000),
        OtherModelUsage(model="gpt-5.5", input=280_000, output=3, longest_prompt=280_000),
        OtherModelUsage(model="gpt-4.1", input=20_000, output=2, longest_prompt=900),
    ),
)


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def test_a_saved_price_prices_what_had_none(key: ApiKey) -> None:
    unknown = posted(key, model="gpt-99", tags=("a", "b"))
    assert cost_of(unknown) == (None, "unpriced")

    save("gpt-99")

    assert cost_of(unknown) == (NEW_COST, "priced")
    assert unknown.previous_cost_pico_usd is None
    assert unknown.price_revision == price_book.current().revision
    row = DailyUsage.objects.get()
    assert (row.request_count, row.priced_count, row.unpriced_count, row.cost_pico_usd) == (1, 1, 0, NEW_COST)
    assert_rollups_are_those_of_the_records(key)


def test_a_saved_price_changes_costs_and_the_old_amount_is_kept(key: ApiKey) -> None:
    known = posted(key, tags=("a",))
    seen = known.price_revision

    save()

    assert cost_of(known) == (NEW_COST, "priced")
    assert known.previous_cost_pico_usd == USUAL_COST
    assert known.price_revision > seen
    assert DailyUsage.objects.get().cost_pico_usd == NEW_COST
    assert_rollups_are_those_of_the_records(key)


def test_a_change_of_the_status_alone_is_counted_and_keeps_the_amount_before(key: ApiKey) -> None:
    known = posted(key, usage=TokenUsage(cache_read=1000))
    price = save()  # says nothing about the cache, so the rate of the input stands in
    assert cost_of(known) == (3_000_000_000, "partial")

    price.cache_read_pico_usd = NEW_RATES["input_pico_usd"]
    price_book.save_price(price=price)
    price_changes.catch_up()

    assert cost_of(known) == (3_000_000_000, "priced")
    assert known.previous_cost_pico_usd == 1_250_000_000
    assert DailyUsage.objects.get().partial_count == 0
    assert_rollups_are_those_of_the_records(key)


def test_what_is_posted_afterwards_has_the_new_price(key: ApiKey) -> None:
    save()
    later = posted(key)
    assert cost_of(later) == (NEW_COST, "priced")
    assert later.price_revision == price_book.current().revision
    assert later.previous_cost_pico_usd is None


def test_a_saved_price_leaves_alone_what_it_does_not_concern(key: ApiKey) -> None:
    others_key, _ = make_key()
    records = [
        posted(key, model="gpt-4o-mini"),
        posted(key, model="gpt-4o-2024-05-13"),
        posted(key, at=NOON - timedelta(microseconds=1)),
        posted(key, at=NOON + timedelta(hours=1)),
        posted(others_key),
    ]
    before = [(cost_of(record), record.price_revision) for record in records]

    save(effective_from=NOON, effective_until=NOON + timedelta(hours=1), organization_id=key.organization_id)

    assert [(cost_of(record), record.price_revision) for record in records] == before


def test_a_saved_price_reaches_every_name_of_its_model(key: ApiKey) -> None:
    records = [
        posted(key, model="gpt-4o"),
        posted(key, model="GPT-4o-2024-11-20"),
        posted(key, model="", model_requested="gpt-4o"),
        posted(key, model="gpt-99-2031-01-31", model_requested="gpt-4o"),
    ]
    save()
    assert [cost_of(record) for record in records] == [(NEW_COST, "priced")] * 4


def test_a_price_saved_for_an_alias_reaches_the_names_that_answer(key: ApiKey) -> None:
    behind_the_alias = {"provider": "anthropic", "model_requested": "claude-sonnet-4-0"}
    records = [
        posted(key, **behind_the_alias, model="claude-sonnet-4-20250514"),
        posted(key, provider="anthropic", model="", model_requested="claude-sonnet-4-20250514"),
        posted(key, provider="anthropic", model="claude-sonnet-4-20250514", model_requested="claude-sonnet-4"),
    ]
    other = posted(key, provider="anthropic", model="claude-sonnet-4-5-20250929")
    before = cost_of(other)
    save("claude-sonnet-4-0", provider="anthropic")
    assert [cost_of(record) for record in records] == [(NEW_COST, "priced")] * 3
    assert cost_of(other) == before


def test_a_saved_price_reaches_the_share_of_an_advisor(key: ApiKey) -> None:
    advised = posted(
        key,
        provider="anthropic",
        model="claude-sonnet-5",
        usage=TokenUsage(input=2, other_models=(OtherModelUsage(model="claude-next", input=1),)),
    )
    assert cost_of(advised) == (None, "unpriced")
    save("claude-next", provider="anthropic")
    # One token of Claude Sonnet 5 at $2, one of the advisor at $3.
    assert cost_of(advised) == (5_000_000, "priced")


def test_what_the_cap_hid_is_priced_by_the_requested_model_and_marked(key: ApiKey, settings: Settings) -> None:
    settings.NEW_VALUES_PER_DAY = 0
    hidden = posted(key, model="gpt-99-of-today", model_requested="gpt-99")
    assert hidden.model == OVERFLOW
    save("gpt-99")
    assert cost_of(hidden) == (NEW_COST, "partial")


def test_a_changed_price_reprices_what_it_covered_before_and_what_it_covers_now(key: ApiKey) -> None:
    early, late = posted(key, at=NOON), posted(key, at=NOON + timedelta(hours=2))
    price = save(effective_until=NOON + timedelta(hours=1))
    assert [cost_of(record)[0] for record in (early, late)] == [NEW_COST, USUAL_COST]

    price.effective_from, price.effective_until = NOON + timedelta(hours=1), None
    price_book.save_price(price=price)
    price_changes.catch_up()

    assert [cost_of(record)[0] for record in (early, late)] == [USUAL_COST, NEW_COST]
    assert_rollups_are_those_of_the_records(key)


def test_a_deleted_price_gives_way_to_what_is_left(key: ApiKey) -> None:
    known, unknown = posted(key), posted(key, model="gpt-99")
    prices = [save(), save("gpt-99")]
    for price in prices:
        price_book.delete_price(price=price)
    price_changes.catch_up()
    assert cost_of(known) == (USUAL_COST, "priced")
    assert cost_of(unknown) == (None, "unpriced")
    assert unknown.previous_cost_pico_usd == NEW_COST
    assert_rollups_are_those_of_the_records(key)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "simulated"},
        {"state": "interrupted", "status": 0, "usage": TokenUsage(), "usage_source": "none"},
        {"metering": "unmetered", "usage": TokenUsage(), "usage_source": "none"},
        {"metering": "free", "usage": TokenUsage(), "usage_source": "none"},
        {"state": "pending", "usage": TokenUsage(), "usage_source": "none", "object_id": "batch_1"},
    ],
)
def test_what_no_price_can_change_is_not_even_looked_at(key: ApiKey, changes: dict[str, Any]) -> None:
    record = posted(key, **changes)
    before = cost_of(record), record.price_revision
    save()
    assert repricing.reprice() == []
    assert (cost_of(record), record.price_revision) == before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"usage_source": "estimated"},
        {"status": 200, "usage": TokenUsage(), "usage_source": "none"},
        {"usage": TokenUsage(input=5, output=1, service_tier="scale", web_searches=2)},
        {"usage": TokenUsage(cache_read=1, cache_write_5m=2, cache_write_1h=3, input_audio=4, output_audio=5)},
        {"usage": TokenUsage(input_image=1, output_image=2, file_searches=3), "model": "gpt-image-1.5"},
        {"usage": TokenUsage(audio_ms=7_654_321), "model": "gpt-realtime-whisper"},
        {"usage": TokenUsage(characters=77), "usage_source": "request", "model": "", "model_requested": "tts-1"},
        {"usage": BATCH, "model": ""},
        {"usage": TokenUsage(input=1, is_partial=True)},
        {"provider": "anthropic", "model": "claude-opus-4-8", "usage": TokenUsage(input=1, speed="fast")},
        {"provider": "anthropic", "model": "claude-opus-4-8", "usage": TokenUsage(input=1, inference_geo="us")},
        {"status": 500, "error_code": "upstream_broke"},
        {"status": 429, "usage": TokenUsage(), "usage_source": "none"},
    ],
)
def test_a_stored_record_costs_what_it_cost_when_it_was_posted(key: ApiKey, changes: dict[str, Any]) -> None:
    """Everything that a price depends on is in the record's columns."""
    record = posted(key, **changes)
    cost = price_book.current().cost_of_row(record)
    assert (cost.pico_usd, cost.status) == (record.cost_pico_usd, record.cost_status)
