"""Which price holds for a record, and under which status it is booked."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from analytics import price_book
from analytics.models import ModelPrice, PriceBookRevision
from analytics.price_book import PriceBook
from analytics.usage import CallFacts, OtherModelUsage, TokenUsage, interrupted
from orgs.models import Organization
from tests.analytics.priced_records import LONG_AGO, booked, own, record
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# --- Statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (2_500_000, "priced")),
        ({"usage": TokenUsage(input=1, is_partial=True)}, (2_500_000, "partial")),
        ({"usage_source": "estimated"}, (2_500_000, "estimated")),
        ({"usage_source": "estimated", "usage": TokenUsage(input=1, is_partial=True)}, (2_500_000, "estimated")),
        ({"usage_source": "estimated", "model": "gpt-99"}, (None, "unpriced")),
        # Counted in the request as the provider bills it: as good as the provider's word. 4 x $15 a million.
        (
            {"usage_source": "request", "model_requested": "tts-1", "model": "", "usage": TokenUsage(characters=4)},
            (60_000_000, "priced"),
        ),
        ({"model": "gpt-99"}, (None, "unpriced")),
        # Zero tokens of an unknown model are unknown too; of a known one they cost nothing.
        ({"model": "gpt-99", "usage": TokenUsage()}, (None, "unpriced")),
        ({"usage": TokenUsage()}, (0, "priced")),
        # A batch of which no request was answered has cost nothing, whichever models were asked.
        ({"model": "", "usage": TokenUsage(service_tier="batch")}, (0, "priced")),
        ({"model": "gpt-99", "usage": TokenUsage(service_tier="batch")}, (0, "priced")),
        ({"model": "", "usage": TokenUsage(service_tier="batch", is_partial=True)}, (None, "unpriced")),
        # The answering model decides; the requested one stands in where the answer named none.
        ({"model": "", "model_requested": "gpt-4o-mini"}, (150_000, "priced")),
        ({"model": "gpt-4o", "model_requested": "gpt-4o-mini"}, (2_500_000, "priced")),
        ({"state": "simulated"}, (0, "simulated")),
        ({"metering": "unmetered", "usage_source": "none", "usage": TokenUsage()}, (None, "unmetered")),
        # Known to cost nothing, however it ended.
        ({"metering": "free", "usage_source": "none", "usage": TokenUsage()}, (0, "free")),
        ({"metering": "free", "usage_source": "none", "usage": TokenUsage(), "status": 404}, (0, "free")),
        ({"metering": "free", "usage_source": "none", "usage": TokenUsage(), "state": "interrupted"}, (0, "free")),
        # Told later, in the answer to another call.
        ({"state": "pending", "usage_source": "none", "usage": TokenUsage(), "model": ""}, (None, "pending")),
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


def test_a_batch_is_the_sum_of_its_shares_whatever_model_it_is_booked_under() -> None:
    # GPT-5.5 costs $2.50 in a batch, and twice that above 272,000 tokens; GPT-4.1 $1.
    # 300,000 x 2.50 + 280,000 x 5 + 100 x 1 (millions)
    shares = (
        OtherModelUsage(model="gpt-5.5", input=300_000, longest_prompt=272_000),
        OtherModelUsage(model="gpt-5.5", input=280_000, longest_prompt=280_000),
        OtherModelUsage(model="gpt-4.1", input=100, longest_prompt=100),
    )
    usage = TokenUsage(input=580_100, service_tier="batch", other_models=shares)
    today = {"started_at": round(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**6}
    for model in ("", "gpt-5.5", "gpt-unheard-of"):
        assert booked(model=model, usage=usage, **today) == (2_150_100_000_000, "priced")
    doubtful = msgspec.structs.replace(usage, is_partial=True)
    assert booked(model="gpt-4.1", usage=doubtful, **today) == (2_150_100_000_000, "partial")


def test_a_batch_in_the_us_costs_more() -> None:
    # Claude Opus 4.8: $5, half of it in a batch, times 1.1 in the US: 100 x 2.75 (millions)
    share = OtherModelUsage(model="claude-opus-4-8", input=100, longest_prompt=100)
    usage = TokenUsage(input=100, service_tier="batch", inference_geo="us", other_models=(share,))
    opus: dict[str, Any] = {"provider": "anthropic", "model": "claude-opus-4-8"}
    today = round(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**6
    assert booked(**opus, usage=usage, started_at=today) == (275_000_000, "priced")


def test_a_compaction_by_the_same_model_is_a_prompt_of_its_own() -> None:
    # Claude Haiku 5.5: $0.10, and $0.50 for prompts of more than 100,000. Neither of the two is longer.
    compaction = OtherModelUsage(model="claude-haiku-5-5", input=90_000)
    usage = TokenUsage(input=100_000, other_models=(compaction,))
    assert booked(provider="anthropic", model="claude-haiku-5-5", usage=usage) == (10_000_000_000, "priced")


def test_a_bundled_change_takes_effect_at_midnight_utc() -> None:
    # OpenAI, "Changelog": GPT-5.6 Luna went from $1 to $0.20 on 2026-07-30.
    midnight = round(datetime(2026, 7, 30, tzinfo=UTC).timestamp()) * 10**6
    luna: dict[str, Any] = {"model": "gpt-5.6-luna"}
    assert booked(**luna, started_at=midnight - 1) == (1_000_000, "priced")
    assert booked(**luna, started_at=midnight) == (200_000, "priced")


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
        ({"audio_hour_pico_usd": 10**15 + 1}, "audio_hour_pico_usd"),
        ({"input_pico_usd": None, "output_pico_usd": None}, "__all__"),
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
