"""Receipts: lines that add up to the cost, by whose price, and honest words where they cannot be."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from analytics import price_book, price_changes
from analytics.models import LedgerRecord, ModelPrice
from analytics.price_book import revisions
from analytics.receipts import Receipt, find_receipt
from analytics.usage import OtherModelUsage, TokenUsage, UsageRecord
from orgs.models import ApiKey, Organization
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

NOTHING_USED: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none", "model": ""}
DOLLAR = 10**12
# $20 and $80 a million instead of the list's $2.50 and $10.
OWN_COST = 28 * 10**9


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner)


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "backend"), "Checkout")[0]


def receipt_of(record: UsageRecord) -> Receipt:
    found = find_receipt(Organization.objects.get(pk=record.organization_id), UUID(record.id))
    assert found is not None
    return found


def words_of(client: Client, organization: Organization, record: UsageRecord) -> str:
    response = client.get(f"/app/{organization.slug}/requests/{UUID(record.id)}/")
    assert response.status_code == 200
    content = response.content.decode().partition('<main class="page"')[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split()).replace(" .", ".").replace(" ,", ",")


def own_price(organization: Organization | None = None) -> ModelPrice:
    """Saved or not, that is the test's business."""
    return ModelPrice(
        provider="openai",
        model="gpt-4o",
        organization=organization,
        effective_from=datetime(2026, 2, 1, tzinfo=UTC),
        effective_until=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        input_pico_usd=20 * 10**6,
        output_pico_usd=80 * 10**6,
    )


def save_without_repricing(price: ModelPrice) -> None:
    """As if the process had died between the saving and the repricing."""
    with transaction.atomic():
        revisions.raise_revision()
        price.save()


def advised_call(key: ApiKey) -> UsageRecord:
    """A streamed call with all that a receipt can tell, an advising model and web searches among it."""
    return make_record(
        key,
        provider="anthropic",
        route="messages",
        model_requested="claude-sonnet-4-6",
        model="claude-sonnet-4-6",
        tags=("legal",),
        version=3,
        prompt_key="review",
        streamed=True,
        first_token_ms=900,
        latency_ms=61_500,
        sdk_retry_count=2,
        provider_request_id="req_42",
        usage=TokenUsage(
            input=1500,
            cache_read=2000,
            cache_write_5m=400,
            cache_write_1h=100,
            output=700,
            web_searches=2,
            other_models=(OtherModelUsage(model="claude-opus-4-6", input=500, output=100),),
        ),
    )


def test_the_lines_of_every_bucket_and_model_add_up_to_the_cost(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    record = advised_call(key)
    post(record)

    receipt = receipt_of(record)

    # By hand: 1,000 x $3 + 2,000 x $0.30 + 400 x $3.75 + 100 x $6 + 600 x $15 a million, 2 x $0.01; then 500 x $5 +
    # 100 x $25 a million.
    amounts = [line.amount_pico_usd for line in receipt.lines]
    assert amounts == [3 * 10**9, 6 * 10**8, 15 * 10**8, 6 * 10**8, 9 * 10**9, 2 * 10**10, 25 * 10**8, 25 * 10**8]
    assert [share.model for share in receipt.shares] == ["claude-sonnet-4-6", "claude-opus-4-6"]
    assert sum(amounts) == receipt.cost_pico_usd == receipt.lines_pico_usd == 39_700_000_000
    assert all(line.quantity * line.rate_pico_usd == line.amount_pico_usd * line.rate_per for line in receipt.lines)
    words = words_of(client, acme, record)
    assert "Cost streamed $0.0397" in words
    assert "Web searches 2 $0.01 each $0.02" in words
    assert "Input 1,000 $3.00 a million $0.003" in words
    assert "Total 4,700 tokens $0.0397" in words
    assert "Reported by the provider in its answer." in words
    assert "Until the first token 900 ms Until the end 1 min 01 s Attempt The second retry by the client's SDK" in words
    assert f"of our answer {record.id} Copy The provider's request id req_42 Copy" in words


@pytest.mark.parametrize(
    ("record", "entry", "validity"),
    [
        ({}, "gpt-4o", ""),
        ({"model": "gpt-5.2", "usage": TokenUsage(input=10, service_tier="flex")}, "gpt-5.2", "; service tier flex."),
        (
            {"provider": "anthropic", "model": "claude-sonnet-4-5", "usage": TokenUsage(input=250_000, output=10)},
            "claude-sonnet-4-5",
            "; the rates for prompts of more than 200,000 tokens.",
        ),
    ],
)
def test_the_bundled_entry_is_named(
    client: Client, acme: Organization, key: ApiKey, record: dict[str, Any], entry: str, validity: str
) -> None:
    posted = make_record(key, **record)
    post(posted)

    words = words_of(client, acme, posted)

    assert f"Priced by The bundled price list (genai-prices {receipt_of(posted).list_version}), entry {entry}" in words
    assert validity in words


def test_a_price_in_the_list_holds_from_one_change_to_the_next() -> None:
    book = price_book.PriceBook(1)
    usage = TokenUsage(input=1)

    before = book.find_entry("openai", "o3", datetime(2025, 6, 9, 23, tzinfo=UTC), usage, 1)
    after = book.find_entry("openai", "o3", datetime(2025, 6, 10, 0, tzinfo=UTC), usage, 1)

    assert before is not None
    assert after is not None
    assert before.effective_until == after.effective_from == datetime(2025, 6, 10, tzinfo=UTC)
    assert after.effective_until is None


def test_an_own_price_is_named_with_its_dates(client: Client, acme: Organization, key: ApiKey) -> None:
    price_book.save_price(price=own_price())
    record = make_record(key)
    post(record)
    assert (
        "A price entered by the operators of this service, entry gpt-4o, from 1 February 2026 until 1 March 2026, "
        in (words_of(client, acme, record))
    )

    price_book.save_price(price=own_price(acme))

    words = words_of(client, acme, record)
    assert "Your organization's own price, entry gpt-4o, from 1 February 2026 until 1 March 2026, 12:30 UTC." in words
    assert receipt_of(record).cost_pico_usd == OWN_COST


def test_a_repriced_request_shows_the_amount_before(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(key)
    post(record)

    price_book.save_price(price=own_price())
    price_changes.catch_up()

    words = words_of(client, acme, record)
    assert "Cost $0.028 Repriced: it was $0.0035 before." in words
    assert "price has changed" not in words


def test_a_price_that_changed_without_repricing_leaves_the_lines_that_were_booked(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    record = make_record(key)
    post(record)
    save_without_repricing(own_price(acme))

    receipt = receipt_of(record)

    assert (receipt.basis, receipt.lines_pico_usd, receipt.today_pico_usd) == ("booked", USUAL_COST, OWN_COST)
    assert receipt.shares[0].entry is not None
    assert receipt.shares[0].entry.source == "bundled"
    words = words_of(client, acme, record)
    assert "The lines below are those that were booked" in words
    assert "At today's prices it would be $0.028." in words
    assert "Total 1,100 $0.0035" in words


def test_lines_that_cannot_be_those_of_the_booked_amount_are_called_todays(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    record = make_record(key)
    post(record)
    LedgerRecord.objects.filter(pk=record.id).update(cost_pico_usd=DOLLAR)  # by a list that is not there any more

    receipt = receipt_of(record)

    assert (receipt.basis, receipt.cost_pico_usd, receipt.lines_pico_usd) == ("today", DOLLAR, USUAL_COST)
    words = words_of(client, acme, record)
    assert "Cost $1.00" in words
    assert "$1.00 was booked, and is what all totals count" in words
    assert "the lines below are those of today's prices, which come to $0.0035." in words
    assert "Total at today's prices 1,100 $0.0035" in words


def test_a_price_that_came_and_a_price_that_went_are_told(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(key, model="mystery", model_requested="mystery")
    post(record)
    price = own_price()
    price.model = "mystery"
    save_without_repricing(price)
    assert "Cost unpriced no price" in (words := words_of(client, acme, record))
    assert "There is a price now." in words
    assert "Total at today's prices 1,100 $0.028" in words

    LedgerRecord.objects.filter(pk=record.id).update(cost_pico_usd=OWN_COST, cost_status="priced")
    with transaction.atomic():
        revisions.raise_revision()
        price.delete()
    assert "There is no price any more. $0.028 was booked" in words_of(client, acme, record)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"model": "mystery", "model_requested": "mystery"},
            ("Cost unpriced no price", "There is no price for this model yet", "Input 1,000 Output 100"),
        ),
        (
            {"state": "interrupted", "status": 0, "error_code": "interrupted", **NOTHING_USED},
            ("Cost interrupted unknown", "The proxy was cut off during this call.", "Until the end unknown"),
        ),
        (
            {"state": "simulated"},
            ("Would have cost simulated $0.0035", "Nobody was called", "Made up by the sandbox"),
        ),
        (
            {"usage_source": "estimated", "error_code": "client_disconnected"},
            ("Cost estimated $0.0035", "Estimated from the lengths of the texts", "and so is the cost."),
        ),
        (
            {"status": 429, "error_code": "rate_limit", **NOTHING_USED},
            ("Cost $0.00", "Nothing was used, so nothing is charged.", "None: the call failed", "429 rate_limit"),
        ),
        (
            {"route": "other", "metering": "unmetered", **NOTHING_USED},
            ("Cost unknown", "This route is only forwarded", "Not read: the usage of this route is not metered."),
        ),
        (
            {"usage": TokenUsage(input=5, is_partial=True)},
            ("Cost partial $0.0000125", "contradict each other"),
        ),
        (
            {"usage": TokenUsage(input=5, service_tier="turbo")},
            ("no price of its own for service tier turbo",),
        ),
        (
            {"usage": TokenUsage(cache_write_5m=5)},
            ("Input, cached for 5 minutes 5 $2.50* $0.0000125", "A rate marked * stands in"),
        ),
    ],
    ids=("unpriced", "interrupted", "simulated", "estimated", "refused", "unmetered", "partial", "tier", "stand-in"),
)
def test_what_is_not_a_plain_cost_is_said_in_words(
    client: Client, acme: Organization, key: ApiKey, changes: dict[str, Any], expected: tuple[str, ...]
) -> None:
    record = make_record(key, at=NOON, **changes)
    post(record)

    words = words_of(client, acme, record)

    for text in expected:
        assert text in words
