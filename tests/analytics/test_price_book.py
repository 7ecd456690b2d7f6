"""Which price holds for a record, and under which status it is booked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from analytics import price_book
from analytics.models import ModelPrice, PriceBookRevision
from analytics.price_book import PriceBook
from analytics.usage import CallFacts, OtherModelUsage, TokenUsage, UsageRecord, interrupted
from orgs.models import Organization
from tests.analytics.usage_lines import NOON
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

ONE = TokenUsage(input=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def record(**changes: Any) -> UsageRecord:
    fields: dict[str, Any] = {
        "v": 1,
        "id": "0" * 32,
        "started_at": round(NOON.timestamp() * 10**6),
        "organization_id": 1,
        "team_id": 1,
        "api_key_id": 1,
        "provider": "openai",
        "route": "chat/completions",
        "model": "gpt-4o",
        "status": 200,
        "usage": ONE,
        "usage_source": "provider",
    }
    return UsageRecord(**(fields | changes))


def own(model: str = "gpt-4o", rate: int = 7, **fields: Any) -> ModelPrice:
    """A price for the input of a model, not saved."""
    given: dict[str, Any] = {
        "provider": "openai",
        "effective_from": LONG_AGO,
        "input_pico_usd": rate,
        "output_pico_usd": rate * 4,
    }
    return ModelPrice(model=model, **(given | fields))


def booked(*prices: ModelPrice, organization_id: int = 1, **changes: Any) -> tuple[int | None, str]:
    cost = PriceBook(1, prices).cost_of(record(**changes), organization_id)
    return cost.pico_usd, cost.status


# --- Statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (2_500_000, "priced")),
        ({"usage": TokenUsage(input=1, is_partial=True)}, (2_500_000, "partial")),
        ({"usage_source": "estimated"}, (2_500_000, "estimated")),
        ({"usage_source": "estimated", "usage": TokenUsage(input=1, is_partial=True)}, (2_500_000, "estimated")),
        ({"usage_source": "estimated", "model": "gpt-99"}, (None, "unpriced")),
        ({"model": "gpt-99"}, (None, "unpriced")),
        # Zero tokens of an unknown model are unknown too; of a known one they cost nothing.
        ({"model": "gpt-99", "usage": TokenUsage()}, (None, "unpriced")),
        ({"usage": TokenUsage()}, (0, "priced")),
        # The answering model decides; the requested one stands in where the answer named none.
        ({"model": "", "model_requested": "gpt-4o-mini"}, (150_000, "priced")),
        ({"model": "gpt-4o", "model_requested": "gpt-4o-mini"}, (2_500_000, "priced")),
        ({"state": "simulated"}, (0, "simulated")),
        ({"metering": "unmetered", "usage_source": "none", "usage": TokenUsage()}, (None, "unmetered")),
        # Refusals cost nothing, answers about which nothing is known something unknown.
        ({"usage_source": "none", "usage": TokenUsage(), "status": 429}, (0, "priced")),
        ({"usage_source": "none", "usage": TokenUsage(), "status": 502}, (0, "priced")),
        ({"usage_source": "none", "usage": TokenUsage(), "status": 429, "model": "gpt-99"}, (0, "priced")),
        ({"usage_source": "none", "usage": TokenUsage(), "status": 0}, (0, "priced")),
        ({"usage_source": "none", "usage": TokenUsage(), "status": 200}, (None, "unpriced")),
        # Refused inside a 200 stream, before any text.
        ({"usage_source": "none", "usage": TokenUsage(), "error_code": "overloaded_error"}, (0, "priced")),
        # A broken stream costs what was used.
        ({"error_code": "upstream_broke"}, (2_500_000, "priced")),
        ({"status": 500}, (2_500_000, "priced")),
        # A number that could not be summed is garbage, not a cost.
        ({"usage": TokenUsage(web_searches=10**9)}, (None, "unpriced")),
    ],
)
def test_a_record_is_booked_under_the_status_of_what_is_known(
    changes: dict[str, Any], expected: tuple[int | None, str]
) -> None:
    assert booked(**changes) == expected


def test_an_interrupted_call_has_an_unknown_cost() -> None:
    facts = CallFacts(**{name: getattr(record(), name) for name in CallFacts.__struct_fields__})
    cost = PriceBook(1).cost_of(interrupted(facts), 1)
    assert (cost.pico_usd, cost.status) == (None, "interrupted")


def test_further_models_are_priced_at_their_own_rates() -> None:
    # Claude Sonnet 5 $2 and $10, its advisor Claude Opus 5 $5 and $25: 60 x 2 + 40 x 5 + 20 x 10 + 10 x 25 (millions)
    advised = TokenUsage(
        input=100, output=30, other_models=(OtherModelUsage(model="claude-opus-5", input=40, output=10),)
    )
    cost = PriceBook(1).cost_of(record(provider="anthropic", model="claude-sonnet-5", usage=advised), 1)
    assert (cost.pico_usd, cost.status) == (770_000_000, "priced")
    assert [(line.model, line.bucket, line.quantity) for line in cost.lines] == [
        ("claude-sonnet-5", "input", 60),
        ("claude-sonnet-5", "output", 20),
        ("claude-opus-5", "input", 40),
        ("claude-opus-5", "output", 10),
    ]


def test_a_further_model_without_a_price_leaves_the_whole_without_one() -> None:
    advised = TokenUsage(input=100, other_models=(OtherModelUsage(model="claude-next", input=40),))
    assert booked(provider="anthropic", model="claude-sonnet-5", usage=advised) == (None, "unpriced")


def test_a_bundled_change_takes_effect_at_midnight_utc() -> None:
    # OpenAI, "Changelog": GPT-5.6 Luna went from $1 to $0.20 on 2026-07-30.
    midnight = round(datetime(2026, 7, 30, tzinfo=UTC).timestamp()) * 10**6
    luna: dict[str, Any] = {"model": "gpt-5.6-luna"}
    assert booked(**luna, started_at=midnight - 1) == (1_000_000, "priced")
    assert booked(**luna, started_at=midnight) == (200_000, "priced")


# --- Staff's own prices -----------------------------------------------------------------------------------------------


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
        # Unknown to the bundled list, with and without the date.
        ("gpt-99", "gpt-99-2031-01-31", True),
        ("gpt-99", "gpt-99-20310131", True),
        ("gpt-99", "gpt-99-pro", False),
    ],
)
def test_a_price_covers_the_dated_names_of_its_model(priced: str, answering: str, *, is_covered: bool) -> None:
    assert (booked(own(priced), model=answering)[0] == 7) is is_covered


def test_the_price_of_a_dated_name_goes_before_that_of_its_model() -> None:
    assert booked(own("gpt-4o", 7), own("gpt-4o-2024-08-06", 5), model="gpt-4o-2024-08-06") == (5, "priced")


@pytest.mark.parametrize(
    "usage",
    [
        # The row says nothing about tiers; the rate of the input stands in for the cache; searches have no price.
        TokenUsage(input=1, service_tier="flex"),
        TokenUsage(cache_read=1),
        TokenUsage(input=1, web_searches=1),
    ],
)
def test_what_a_price_says_nothing_about_makes_a_cost_partial(usage: TokenUsage) -> None:
    assert booked(own(), usage=usage) == (7, "partial")


def test_a_prompt_that_the_provider_sells_at_a_long_prompts_price_makes_a_cost_partial() -> None:
    # GPT-5.5 is dearer beyond 272,000 tokens, and a row has one rate for every length.
    row = own("gpt-5.5", cache_read_pico_usd=7)
    for cache_read, status in ((2_000, "priced"), (2_001, "partial")):
        usage = TokenUsage(input=270_000, cache_read=cache_read)
        assert booked(row, model="gpt-5.5", usage=usage) == (7 * (270_000 + cache_read), status)


def test_every_column_of_a_price_counts() -> None:
    columns: dict[str, Any] = {
        "cache_read_pico_usd": 2,
        "cache_write_5m_pico_usd": 30,
        "cache_write_1h_pico_usd": 400,
        "input_audio_pico_usd": 5_000,
        "output_pico_usd": 60_000,
        "output_audio_pico_usd": 700_000,
        "web_search_pico_usd": 8_000_000,
    }
    usage = TokenUsage(
        input=1,
        cache_read=1,
        cache_write_5m=1,
        cache_write_1h=1,
        input_audio=1,
        output=1,
        output_audio=1,
        reasoning=1,
        web_searches=1,
    )
    assert booked(own(rate=9, **columns), usage=usage) == (8_765_441, "priced")


def test_rates_can_be_looked_up_for_a_moment() -> None:
    book = PriceBook(1, [own(effective_from=NOON)])
    after = book.find_rates("openai", "gpt-4o", NOON, ONE, 1)
    before = book.find_rates("openai", "gpt-4o", NOON - timedelta(microseconds=1), ONE, 1)
    assert after is not None
    assert before is not None
    assert (after.input, before.input) == (7, 2_500_000)
    assert book.find_rates("openai", "gpt-99", NOON, ONE, 1) is None


# --- Revisions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def test_saving_a_price_raises_the_revision_and_everybody_sees_it() -> None:
    before = price_book.current()
    saved = price_book.save_price(price=own(), by=make_user("staff@example.com"))
    after = price_book.current()
    assert after.revision > before.revision
    assert (before.cost_of(record(), 1).pico_usd, after.cost_of(record(), 1).pico_usd) == (2_500_000, 7)
    saved.refresh_from_db()
    assert saved.created_by is not None
    assert saved.created_by.email == "staff@example.com"

    price_book.delete_price(price=saved)
    assert price_book.current().revision > after.revision
    assert price_book.current().cost_of(record(), 1).pico_usd == 2_500_000


def test_an_unchanged_price_book_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    first = price_book.current()
    with django_assert_num_queries(1):
        assert price_book.current(shared_lock=True) is first


def test_a_revision_that_was_rolled_back_is_not_taken_for_the_next_one() -> None:
    with transaction.atomic():
        price_book.save_price(price=own(rate=7))
        assert price_book.current().cost_of(record(), 1).pico_usd == 7
        transaction.set_rollback(True)
    price_book.save_price(price=own(rate=5))
    assert price_book.current().cost_of(record(), 1).pico_usd == 5


def test_a_lost_revision_is_made_again() -> None:
    PriceBookRevision.objects.all().delete()
    assert price_book.current().revision >= 1
    price_book.save_price(price=own())
    assert price_book.current().revision > 1


@pytest.mark.django_db(transaction=True)
def test_the_shared_lock_is_refused_outside_a_transaction() -> None:
    assert not connection.in_atomic_block
    with pytest.raises(transaction.TransactionManagementError):
        price_book.current(shared_lock=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider": "opnai"}, "provider"),
        ({"input_pico_usd": 10**9 + 1}, "input_pico_usd"),
        ({"web_search_pico_usd": 10**12 + 1}, "web_search_pico_usd"),
        ({"output_pico_usd": -1}, "__all__"),
        ({"effective_until": LONG_AGO}, "__all__"),
        ({"model": " "}, "model"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(changes: dict[str, Any], field: str) -> None:
    before = price_book.current().revision
    with pytest.raises(ValidationError) as refusal:
        price_book.save_price(price=own(**changes))
    assert field in refusal.value.message_dict
    assert not ModelPrice.objects.exists()
    assert price_book.current().revision == before


def test_the_same_moment_cannot_have_two_prices(organization: Organization) -> None:
    price_book.save_price(price=own(rate=7))
    price_book.save_price(price=own(rate=5, organization=organization))
    with pytest.raises((ValidationError, IntegrityError)):
        price_book.save_price(price=own("GPT-4o ", rate=8))
    assert sorted(ModelPrice.objects.values_list("model", "input_pico_usd")) == [("gpt-4o", 5), ("gpt-4o", 7)]
