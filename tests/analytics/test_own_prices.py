"""Prices that staff enter: when they hold, under which names, and what they say nothing about."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import PriceBook
from analytics.pricing import BUCKETS
from analytics.usage import OtherModelUsage, TokenUsage
from tests.analytics.priced_records import ONE, booked, own, record
from tests.analytics.usage_lines import NOON

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_an_organizations_price_goes_before_the_general_one_before_the_bundled_one() -> None:
    general, special = own(rate=7), own(rate=5, organization_id=3)
    assert booked() == (2_500_000, "priced")
    assert booked(general, special) == (7, "priced")
    assert booked(general, special, organization_id=3) == (5, "priced")
    assert booked(special) == (2_500_000, "priced")


def test_a_price_holds_from_its_start_until_before_its_end() -> None:
    limited = own(effective_from=NOON, effective_until=NOON + timedelta(hours=1))
    start = record().started_at
    hour = 3600 * 10**6
    amounts = [booked(limited, started_at=at)[0] for at in (start - 1, start, start + hour - 1, start + hour)]
    assert amounts == [2_500_000, 7, 7, 2_500_000]


def test_of_two_prices_in_force_the_later_one_holds() -> None:
    assert booked(own(rate=9, effective_from=NOON), own(rate=7)) == (9, "priced")
    assert booked(own(rate=9, effective_from=NOON + timedelta(seconds=1)), own(rate=7)) == (7, "priced")


@pytest.mark.parametrize(
    ("priced", "answering", "is_covered"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "GPT-4o", True),
        # A model that the bundled list prices apart; another model; a longer name.
        ("gpt-4o", "gpt-4o-2024-05-13", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o-2024-08-06", "gpt-4o", False),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        # Another alias of the model that answered, as the bundled list knows it. A snapshot is no alias.
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514", True),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", True),
        ("gpt-5-chat-latest", "gpt-5-2025-08-07", True),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-0", False),
        ("claude-sonnet-4-0", "claude-sonnet-4", False),
        ("claude-sonnet-4-5", "claude-sonnet-4-20250514", False),
        # Dated by month and day. 0125 is GPT-3.5 Turbo, 1106 has a price of its own.
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", True),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-1106", False),
        ("gpt-99", "gpt-99-0613", True),
        # Unknown to the bundled list, with and without the date.
        ("gpt-99", "gpt-99-2031-01-31", True),
        ("gpt-99", "gpt-99-20310131", True),
        ("gpt-99", "gpt-99-pro", False),
    ],
)
def test_a_price_covers_the_dated_names_of_its_model(priced: str, answering: str, *, is_covered: bool) -> None:
    provider = "anthropic" if "claude" in answering else "openai"
    assert (booked(own(priced, provider=provider), model=answering, provider=provider)[0] == 7) is is_covered


def test_the_nearest_name_goes_first() -> None:
    dated, undated, alias = own("gpt-5-2025-08-07", 5), own("gpt-5", 7), own("gpt-5-chat-latest", 9)
    answering: dict[str, Any] = {"model": "gpt-5-2025-08-07"}
    assert booked(alias, undated, dated, **answering) == (5, "priced")
    assert booked(alias, undated, **answering) == (7, "priced")
    assert booked(alias, **answering) == (9, "priced")
    # Whose price it is goes before whose name it has.
    assert booked(own("gpt-5-chat-latest", 3, organization_id=1), dated, **answering) == (3, "priced")


@pytest.mark.parametrize(
    ("requested", "answering", "amount"),
    [
        # New to the bundled list: the price of the alias that was requested holds for the dated name that answered.
        ("gpt-99-latest", "gpt-99-2031-01-31", 7),
        # Without a date it is no snapshot of an alias but another model.
        ("gpt-99-latest", "gpt-98", None),
        # What the bundled list prices under the answering name keeps that price.
        ("gpt-99-latest", "gpt-4o-2024-08-06", 2_500_000),
    ],
)
def test_the_price_of_a_requested_alias_holds_for_an_unknown_dated_name(
    requested: str, answering: str, amount: int | None
) -> None:
    assert booked(own("gpt-99-latest"), model_requested=requested, model=answering)[0] == amount


def test_the_requested_alias_says_nothing_about_an_advisor() -> None:
    advised = TokenUsage(input=2, other_models=(OtherModelUsage(model="gpt-98-2031-01-31", input=1),))
    cost = booked(own("gpt-99-latest"), model_requested="gpt-99-latest", model="gpt-99-2031-01-31", usage=advised)
    assert cost == (None, "unpriced")


@pytest.mark.parametrize(
    "usage",
    [
        # The row says nothing about tiers, searches, sound; the rate of the input stands in for cache and images.
        TokenUsage(input=1, service_tier="flex"),
        TokenUsage(input=1, service_tier="batch"),
        TokenUsage(cache_read=1),
        TokenUsage(input_image=1),
        TokenUsage(input=1, web_searches=1),
        TokenUsage(input=1, file_searches=1),
        TokenUsage(input=1, audio_ms=1),
    ],
)
def test_what_a_price_says_nothing_about_makes_a_cost_partial(usage: TokenUsage) -> None:
    assert booked(own(), usage=usage) == (7, "partial")


def test_a_price_of_nothing_is_a_price() -> None:
    free = own(web_search_pico_usd=0, cache_read_pico_usd=0)
    assert booked(free, usage=TokenUsage(input=1, web_searches=2, cache_read=3)) == (7, "priced")
    assert booked(own(rate=0), usage=TokenUsage(input=5)) == (0, "priced")


def test_what_is_not_sold_by_the_token_has_no_cost_in_tokens() -> None:
    spoken = own("tts-2", input_pico_usd=None, output_pico_usd=None, character_pico_usd=20)
    assert booked(spoken, model="tts-2", usage=TokenUsage(characters=3)) == (60, "priced")
    assert booked(spoken, model="tts-2", usage=TokenUsage(input=3)) == (None, "unpriced")
    assert booked(spoken, model="tts-2", usage=TokenUsage()) == (None, "unpriced")


def test_the_output_of_a_model_that_draws_has_one_price_unless_it_has_two() -> None:
    drawn = TokenUsage(output_image=10)
    assert booked(own("draw-1"), model="draw-1", usage=drawn) == (280, "priced")
    assert booked(own("draw-1", output_image_pico_usd=50), model="draw-1", usage=drawn) == (500, "priced")


def test_a_prompt_that_the_provider_sells_at_a_long_prompts_price_makes_a_cost_partial() -> None:
    # GPT-5.5 is dearer beyond 272,000 tokens, and a row has one rate for every length.
    row = own("gpt-5.5", cache_read_pico_usd=7)
    for cache_read, status in ((2_000, "priced"), (2_001, "partial")):
        usage = TokenUsage(input=270_000, cache_read=cache_read)
        assert booked(row, model="gpt-5.5", usage=usage) == (7 * (270_000 + cache_read), status)


def test_every_column_of_a_price_counts() -> None:
    """And nothing else: each has a digit of its own."""
    rates = {column: 10**number for number, column in enumerate(RATE_COLUMNS.values())}
    rates["audio_hour_pico_usd"] *= 3_600_000
    usage = msgspec.convert(dict.fromkeys((*RATE_COLUMNS, "reasoning"), 1), TokenUsage)
    assert set(RATE_COLUMNS) == set(BUCKETS)
    assert booked(own(**rates), usage=usage) == (int("1" * len(RATE_COLUMNS)), "priced")


def test_rates_can_be_looked_up_for_a_moment() -> None:
    book = PriceBook(1, [own(effective_from=NOON)])
    after = book.find_rates("openai", "gpt-4o", NOON, ONE, 1)
    before = book.find_rates("openai", "gpt-4o", NOON - timedelta(microseconds=1), ONE, 1)
    assert after is not None
    assert before is not None
    assert (after.input, before.input) == (7, 2_500_000)
    assert book.find_rates("openai", "gpt-99", NOON, ONE, 1) is None
