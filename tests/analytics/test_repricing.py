"""What a new price does to records that have been posted, and to the roll-ups."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase
from pytest_django import Settings

from analytics import price_book, repricing, rollups
from analytics.caps import OVERFLOW
from analytics.models import DailyUsage, LedgerRecord, ModelPrice
from analytics.usage import OtherModelUsage, TokenUsage
from orgs.models import ApiKey
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post, rollup_rows
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# At these, the usual 1,000 tokens in and 100 out cost 1,000 x 3,000,000 + 100 x 20,000,000.
NEW_RATES = {"input_pico_usd": 3_000_000, "output_pico_usd": 20_000_000}
NEW_COST = 5_000_000_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def save(model: str = "gpt-4o", **fields: Any) -> ModelPrice:
    """Save a price for good, so that records are repriced."""
    given: dict[str, Any] = {"provider": "openai", "effective_from": LONG_AGO, **NEW_RATES}
    with TestCase.captureOnCommitCallbacks(execute=True):
        return price_book.save_price(price=ModelPrice(model=model, **(given | fields)))


def posted(key: ApiKey, **changes: Any) -> LedgerRecord:
    record = make_record(key, **changes)
    assert post(record).rejected_count == 0
    return LedgerRecord.objects.get(pk=record.id)


def cost_of(record: LedgerRecord) -> tuple[int | None, str]:
    record.refresh_from_db()
    return record.cost_pico_usd, record.cost_status


def assert_rollups_are_those_of_the_records(key: ApiKey) -> None:
    before = rollup_rows(key.organization_id)
    rollups.rebuild(key.organization_id, date(2020, 1, 1), date(2030, 1, 1))
    assert rollup_rows(key.organization_id) == before


# --- After a price was saved ------------------------------------------------------------------------------------------


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
    with TestCase.captureOnCommitCallbacks(execute=True):
        price_book.save_price(price=price)

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
    ]
    save()
    assert [cost_of(record) for record in records] == [(NEW_COST, "priced")] * 3


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
    with TestCase.captureOnCommitCallbacks(execute=True):
        price_book.save_price(price=price)

    assert [cost_of(record)[0] for record in (early, late)] == [USUAL_COST, NEW_COST]
    assert_rollups_are_those_of_the_records(key)


def test_a_deleted_price_gives_way_to_what_is_left(key: ApiKey) -> None:
    known, unknown = posted(key), posted(key, model="gpt-99")
    prices = [save(), save("gpt-99")]
    for price in prices:
        with TestCase.captureOnCommitCallbacks(execute=True):
            price_book.delete_price(price=price)
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


# --- On command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pending_price(key: ApiKey) -> Callable[[], None]:
    """Saves a price whose repricing never came, as when the process that saved it was killed."""

    def save_only() -> None:
        with TestCase.captureOnCommitCallbacks(execute=False):
            price_book.save_price(
                price=ModelPrice(provider="openai", model="gpt-4o", effective_from=LONG_AGO, **NEW_RATES)
            )

    return save_only


def run(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("reprice", *arguments, stdout=output)
    return output.getvalue().splitlines()


def test_the_command_says_what_it_changed_in_each_organization(pending_price: Callable[[], None]) -> None:
    keys = [make_key(make_team(make_organization(name)))[0] for name in ("Acme", "Zebra")]
    records = [posted(keys[0]), posted(keys[0]), posted(keys[0], model="gpt-4o-mini"), posted(keys[1])]
    pending_price()

    assert run() == [
        "acme: 2 of 3 records, 0.007 -> 0.01 USD (+0.003)",
        "zebra: 1 of 1 records, 0.0035 -> 0.005 USD (+0.0015)",
        "3 of 4 records changed.",
    ]
    assert cost_of(records[0]) == (NEW_COST, "priced")
    for key in keys:
        assert_rollups_are_those_of_the_records(key)
    assert run()[-1] == "0 of 4 records changed."


def test_a_dry_run_says_the_same_and_changes_nothing(key: ApiKey, pending_price: Callable[[], None]) -> None:
    record = posted(key)
    before, sums = (cost_of(record), record.price_revision), rollup_rows(key.organization_id)
    pending_price()
    foretold = run("--dry-run")
    assert (cost_of(record), record.price_revision) == before
    assert rollup_rows(key.organization_id) == sums
    assert foretold[:-1] == run()[:-1]
    assert foretold[-1] == "1 of 1 records would change."


def test_the_command_counts_what_gets_and_what_loses_a_price(key: ApiKey, pending_price: Callable[[], None]) -> None:
    lost, found = posted(key), posted(key)
    LedgerRecord.objects.filter(pk=lost.pk).update(model="gpt-99")
    LedgerRecord.objects.filter(pk=found.pk).update(cost_pico_usd=None, cost_status="unpriced")
    assert "1 priced for the first time, 1 without a price now" in run("--dry-run")[0]


def test_the_command_keeps_to_one_organization(key: ApiKey, pending_price: Callable[[], None]) -> None:
    own, other = posted(key), posted(make_key()[0])
    pending_price()
    run("--org", key.organization.slug)
    assert (cost_of(own)[0], cost_of(other)[0]) == (NEW_COST, USUAL_COST)


def test_days_are_the_organizations_own_and_both_are_included(pending_price: Callable[[], None]) -> None:
    key, _ = make_key(make_team(make_organization(timezone="Asia/Kathmandu")))  # +05:45
    midnights = [datetime(2026, 2, day, 18, 15, tzinfo=UTC) for day in (9, 11)]
    moments = [midnights[0] - timedelta(seconds=1), midnights[0], midnights[1] - timedelta(seconds=1), midnights[1]]
    records = [posted(key, at=moment) for moment in moments]
    pending_price()
    run("--from", "2026-02-10", "--to", "2026-02-11")
    assert [cost_of(record)[0] for record in records] == [USUAL_COST, NEW_COST, NEW_COST, USUAL_COST]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--org", "nobody"], "There is no organization 'nobody'."),
        (["--from", "yesterday"], "--from 'yesterday' is no date. Write it like 2026-11-01."),
        (["--to", "2026-02-30"], "--to '2026-02-30' is no date. Write it like 2026-11-01."),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "--from 2026-02-02 is after --to 2026-02-01."),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint.replace(".", r"\.")):
        run(*arguments)


def test_many_records_go_in_chunks_and_none_is_left_out(
    key: ApiKey, pending_price: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "CHUNK", 3)
    # Many started at the same microsecond, so that chunks end amid them.
    records = [make_record(key, at=NOON + timedelta(seconds=number // 5)) for number in range(17)]
    post(*records)
    pending_price()
    (difference,) = repricing.reprice()
    assert (difference.checked_count, difference.changed_count) == (17, 17)
    assert (difference.before, difference.after) == (17 * USUAL_COST, 17 * NEW_COST)
    assert not LedgerRecord.objects.exclude(cost_pico_usd=NEW_COST).exists()
    assert_rollups_are_those_of_the_records(key)


def test_only_what_has_no_price_can_be_chosen(key: ApiKey, pending_price: Callable[[], None]) -> None:
    known, unknown = posted(key), posted(key)
    LedgerRecord.objects.filter(pk=unknown.pk).update(cost_pico_usd=None, cost_status="unpriced")
    pending_price()
    repricing.reprice(only_unpriced=True)
    assert (cost_of(known)[0], cost_of(unknown)[0]) == (USUAL_COST, NEW_COST)
