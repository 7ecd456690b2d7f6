"""Negotiated discounts: what they take off, when and of which calls; exact, and shown on the receipt."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from analytics import price_book, price_changes, receipts, reports
from analytics.models import DailyUsage, Discount, LedgerRecord
from analytics.periods import Period
from analytics.price_book import PriceBook
from analytics.pricing import Cost, discounted
from analytics.usage import TokenUsage
from orgs import audit_words
from orgs.models import ApiKey, AuditEntry, Organization
from tests.analytics.priced_records import own, record
from tests.analytics.repriced import LONG_AGO, assert_rollups_are_those_of_the_records, cost_of, posted
from tests.analytics.usage_lines import NOON, USUAL_COST
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def discount(basis_points: int = 1000, *, organization_id: int = 1, **fields: Any) -> Discount:
    given: dict[str, Any] = {"effective_from": LONG_AGO, "basis_points": basis_points}
    return Discount(organization_id=organization_id, **(given | fields))


def save(key: ApiKey, basis_points: int = 1000, **fields: Any) -> Discount:
    found = price_book.save_discount(
        discount=discount(basis_points, organization_id=key.organization_id, **fields), by=None
    )
    price_changes.catch_up()
    return found


def cost(*discounts: Discount, rate: int = 1000, **changes: Any) -> tuple[int | None, str]:
    found = PriceBook(1, [own(rate=rate)], discounts).cost_of(record(**changes), 1)
    return found.pico_usd, found.status


@pytest.mark.parametrize(
    ("rate", "basis_points", "left"),
    [
        (1000, 0, 1000),
        (1000, 1250, 875),
        (51_620_000, 1250, 45_167_500),  # docs/accounting.md
        (1000, 10_000, 0),
        # To the nearest pico-USD, halves upwards: 2.5, 3.75, 0.25, 7.49993 remain.
        (5, 5000, 3),
        (5, 2500, 4),
        (1, 7500, 0),
        (75_000, 9999, 8),
        (74_999, 9999, 7),
    ],
)
def test_what_is_left_goes_to_the_nearest_pico_usd(rate: int, basis_points: int, left: int) -> None:
    assert cost(discount(basis_points), rate=rate) == (left, "priced")


@given(st.integers(0, 10**18), st.integers(0, 10_000))
def test_a_discount_and_what_it_leaves_are_the_whole(whole: int, basis_points: int) -> None:
    left = discounted(Cost(pico_usd=whole, status="priced"), basis_points)
    assert left.pico_usd is not None
    assert left.discount is not None
    assert left.pico_usd + left.discount.pico_usd == whole
    assert abs(left.pico_usd * 10_000 - whole * (10_000 - basis_points)) <= 5000
    assert 0 <= left.pico_usd <= whole


def test_a_discount_holds_for_its_organization_provider_and_time() -> None:
    start = record().started_at
    hour = timedelta(hours=1)
    limited = discount(effective_from=NOON, effective_until=NOON + hour)
    moments = (start - 1, start, start + 3_600_000_000 - 1, start + 3_600_000_000)
    assert [cost(limited, started_at=at)[0] for at in moments] == [1000, 900, 900, 1000]
    assert cost(discount(organization_id=2)) == (1000, "priced")
    assert cost(discount(provider="anthropic")) == (1000, "priced")
    # One at the provider goes before one at all of them, and a sum is made of none.
    assert cost(discount(1000), discount(2000, provider="openai")) == (800, "priced")
    ended = discount(2000, provider="openai", effective_until=NOON)
    assert cost(discount(1000), ended) == (900, "priced")


def test_a_discount_is_taken_off_whatever_is_known_and_makes_nothing_known() -> None:
    half = discount(5000)
    assert cost(half, usage_source="estimated") == (500, "estimated")
    assert cost(half, usage=TokenUsage(input=1, service_tier="flex")) == (500, "partial")
    assert cost(half, model="gpt-99") == (None, "unpriced")
    assert cost(half, usage=TokenUsage(), usage_source="none", status=429) == (0, "priced")
    assert cost(half, state="simulated") == (0, "simulated")


def test_a_saved_discount_reprices_its_organizations_requests_and_sums_stay_sums() -> None:
    key, other = make_key()[0], make_key()[0]
    records = [posted(key, usage=TokenUsage(input=number), tags=("a",)) for number in (1, 3, 7)]
    early, others = posted(key, at=NOON - timedelta(days=2)), posted(other)

    save(key, 3333, effective_from=NOON - timedelta(days=1))

    # $2.50 a million: 2,500,000 pico-USD a token, of which 66.67 % are left.
    amounts = [1_666_750, 5_000_250, 11_667_250]
    assert [cost_of(one) for one in records] == [(amount, "priced") for amount in amounts]
    assert [one.previous_cost_pico_usd for one in records] == [2_500_000, 7_500_000, 17_500_000]
    assert [cost_of(one)[0] for one in (early, others)] == [USUAL_COST, USUAL_COST]
    assert_rollups_are_those_of_the_records(key)
    usage = DailyUsage.objects.filter(organization_id=key.organization_id, day=NOON.date())
    assert sum(usage.values_list("cost_pico_usd", flat=True)) == sum(amounts)
    later = posted(key, usage=TokenUsage(input=1))
    assert cost_of(later) == (1_666_750, "priced")
    scope = reports.Scope(key.organization_id, Period(NOON.date() - timedelta(days=9), NOON.date()))
    parts = [row.sums.cost_pico_usd for row in reports.by_model(scope)]
    assert reports.get_total(scope).cost_pico_usd == sum(parts) == sum(amounts) + 1_666_750 + USUAL_COST


def test_a_changed_and_a_deleted_discount_reprice_what_they_held_for() -> None:
    key = make_key()[0]
    one = posted(key)
    kept = save(key, 5000)
    assert cost_of(one)[0] == USUAL_COST // 2
    kept.basis_points = 10_000
    price_book.save_discount(discount=kept)
    price_changes.catch_up()
    assert cost_of(one) == (0, "priced")
    price_book.delete_discount(discount=kept)
    price_changes.catch_up()
    assert cost_of(one) == (USUAL_COST, "priced")
    assert_rollups_are_those_of_the_records(key)
    entries = AuditEntry.objects.filter(organization_id=key.organization_id, action__contains="discount")
    assert [audit_words.say(one.action, one.target, one.details) for one in entries.order_by("pk")] == [
        "set a negotiated discount: 50 % at all providers, from 1 January 2020",
        "set a negotiated discount: 100 % at all providers, from 1 January 2020",
        "removed the negotiated discount: 100 % at all providers, from 1 January 2020",
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"effective_from": datetime(2025, 1, 1, tzinfo=UTC)}, "effective_from"),
        ({"effective_from": datetime(2019, 1, 1, tzinfo=UTC)}, "effective_from"),
        ({"provider": "anthropic", "basis_points": 10_001}, "basis_points"),
        ({"provider": "google"}, "provider"),
        ({"provider": "openai", "effective_until": LONG_AGO}, "__all__"),
    ],
)
def test_a_discount_that_cannot_be_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    key = make_key()[0]
    save(key, effective_until=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValidationError) as refusal:
        save(key, **fields)
    assert refusal.value.message_dict.keys() == {field}
    assert Discount.objects.count() == 1
    # Where one ends the next may begin.
    save(key, effective_from=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("basis_points", [10_001, -1])
def test_the_database_takes_no_discount_that_is_no_percentage(basis_points: int) -> None:
    organization = make_organization()
    with pytest.raises(IntegrityError), transaction.atomic():
        discount(basis_points, organization_id=organization.pk).save()


def test_a_receipt_has_the_discount_as_a_line_of_its_own(client: Client) -> None:
    owner = make_user()
    acme = make_organization("Acme", owner=owner)
    key = make_key(make_team(acme))[0]
    save(key, 1250)
    one = posted(key)

    receipt = receipt_of(acme, one)
    assert receipt.discount is not None
    assert (receipt.lines_pico_usd, receipt.discount.pico_usd, receipt.total_pico_usd, receipt.cost_pico_usd) == (
        USUAL_COST,
        437_500_000,
        3_062_500_000,
        3_062_500_000,
    )
    client.force_login(owner)
    page = client.get(f"/app/{acme.slug}/requests/{one.pk}/").content.decode()
    assert "Negotiated discount" in page
    assert "12.5 %" in page
    assert "$0.0004375" in page
    answer = client.get(f"/api/requests/{one.pk.hex}").json()
    assert (answer["lines_total"], answer["discount"], answer["discount_percent"]) == (0.0035, 0.0004375, 12.5)
    assert answer["cost"] == 0.0030625


def test_a_receipt_of_before_a_discount_keeps_its_lines() -> None:
    key = make_key()[0]
    one = posted(key)
    price_book.save_discount(discount=discount(organization_id=key.organization_id))  # not repriced yet
    receipt = receipt_of(key.team.organization, one)
    assert (receipt.basis, receipt.discount, receipt.total_pico_usd) == ("booked", None, USUAL_COST)
    assert receipt.today_pico_usd == USUAL_COST * 9 // 10


def test_a_receipt_of_before_a_discount_was_changed_keeps_its_lines() -> None:
    key = make_key()[0]
    price_book.save_price(price=own(rate=3_000_000))
    kept = save(key, provider="anthropic")
    one = posted(key, usage=TokenUsage(input=1))
    kept.provider = "openai"
    price_book.save_discount(discount=kept)  # not repriced yet
    receipt = receipt_of(key.team.organization, one)
    assert (receipt.basis, receipt.discount, receipt.total_pico_usd) == ("booked", None, 3_000_000)


def receipt_of(organization: Organization, one: LedgerRecord) -> receipts.Receipt:
    found = receipts.find_receipt(organization, UUID(str(one.pk)))
    assert found is not None
    return found
