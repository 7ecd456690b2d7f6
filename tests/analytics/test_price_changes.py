"""What a change of prices does to posted records: in the background, piece by piece, taken up again after any death."""

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from analytics import price_book, price_changes, repricing, tasks
from analytics.models import LedgerRecord, ModelPrice, PriceBookRevision, PriceChange, PriceEdit, PriceEffect
from analytics.price_book import entries
from orgs.models import ApiKey
from scripts.hermetic import ROOT, environment
from tests.analytics.repriced import (
    LONG_AGO,
    NEW_COST,
    NEW_RATES,
    assert_rollups_are_those_of_the_records,
    cost_of,
    posted,
)
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def save(model: str = "gpt-4o", rate: int = 3_000_000) -> ModelPrice:
    """Save a price and nothing more."""
    rates = NEW_RATES | {"input_pico_usd": rate}
    return price_book.save_price(price=ModelPrice(provider="openai", model=model, effective_from=LONG_AGO, **rates))


def post_many(*keys: ApiKey, count: int = 10) -> None:
    """Several of each start at the same moment, so that pieces end amid them."""
    post(*(make_record(key, at=NOON + timedelta(seconds=number // 3)) for key in keys for number in range(count)))


def costs() -> dict[int | None, int]:
    found = list(LedgerRecord.objects.values_list("cost_pico_usd", flat=True))
    return {cost: found.count(cost) for cost in set(found)}


def forget_claims() -> None:
    """As if the time that a dead process had claimed were over."""
    PriceChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_saving_a_price_waits_for_no_record_and_says_what_is_behind(key: ApiKey) -> None:
    record = posted(key)
    save()
    assert cost_of(record) == (USUAL_COST, "priced")
    assert price_changes.is_behind()

    assert price_changes.catch_up() is False

    assert cost_of(record) == (NEW_COST, "priced")
    assert not price_changes.is_behind()


def test_what_is_stopped_goes_on_where_it_was(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "CHUNK", 4)
    other_key, _ = make_key()
    post_many(key, other_key)
    save()
    seen = []
    while price_changes.catch_up(seconds=0):
        seen.append(costs().get(NEW_COST, 0))
    # Ten records of each organization in pieces of four; each pass does one.
    assert seen == [4, 8, 10, 10, 14, 18, 20, 20]
    for one in (key, other_key):
        assert_rollups_are_those_of_the_records(one)


def test_what_goes_on_in_one_organization_begins_anew_in_the_next(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "CHUNK", 4)
    later_key, _ = make_key()
    post_many(key)
    post(make_record(later_key, at=NOON - timedelta(days=1)))
    save()
    price_changes.catch_up(seconds=0)
    price_changes.catch_up()
    assert costs() == {NEW_COST: 11}


def test_what_somebody_is_at_is_left_to_them_until_they_are_gone(key: ApiKey) -> None:
    posted(key)
    save()
    PriceChange.objects.update(claimed_until=timezone.now() + timedelta(seconds=30))
    assert price_changes.catch_up() is False
    assert costs() == {USUAL_COST: 1}
    assert price_changes.is_behind()

    forget_claims()
    price_changes.catch_up()
    assert costs() == {NEW_COST: 1}


def test_prices_saved_while_others_are_under_way_all_hold_in_the_end(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "CHUNK", 4)
    post_many(key)
    price = save()
    price_changes.catch_up(seconds=0)
    price.input_pico_usd = 4_000_000
    price_book.save_price(price=price)
    price_changes.catch_up()
    assert costs() == {6_000_000_000: 10}
    assert LedgerRecord.objects.filter(previous_cost_pico_usd=NEW_COST).count() == 4
    assert_rollups_are_those_of_the_records(key)


# --- Another bundled list ---------------------------------------------------------------------------------------------


def test_a_newer_bundled_list_is_noticed_and_prices_everything_again(key: ApiKey) -> None:
    wrong, right = posted(key), posted(key, model="gpt-4o-mini")
    LedgerRecord.objects.filter(pk=wrong.pk).update(cost_pico_usd=1)  # as the list had it before
    PriceBookRevision.objects.update(list_edition="0.0.9+1")
    before = price_book.current().revision

    assert price_changes.notice_new_list()

    assert price_book.current().revision > before
    assert not price_changes.notice_new_list()  # once
    price_changes.catch_up()
    assert cost_of(wrong) == (USUAL_COST, "priced")
    assert wrong.previous_cost_pico_usd == 1
    assert cost_of(right) == (210_000_000, "priced")


@pytest.mark.parametrize("edition", ["99.0.0+1", entries.list_edition()])
def test_an_older_release_beside_a_newer_one_changes_nothing(key: ApiKey, edition: str) -> None:
    posted(key)
    PriceBookRevision.objects.update(list_edition=edition)
    before = price_book.current().revision
    assert not price_changes.notice_new_list()
    assert price_book.current().revision == before
    assert not price_changes.is_behind()
    assert PriceBookRevision.objects.get().list_edition == edition


def test_editions_are_ordered_by_their_numbers() -> None:
    editions = ["", "0.2.3+1", "0.2.3+2", "0.2.10+1", "0.10.0+1", "1.0.0+1"]
    assert sorted(editions, key=entries.order_of) == editions


def test_without_records_a_new_list_is_only_remembered() -> None:
    price_book.current()
    PriceBookRevision.objects.update(list_edition="")
    assert not price_changes.notice_new_list()
    assert not price_changes.is_behind()
    assert PriceBookRevision.objects.get().list_edition == entries.list_edition()


# --- Deaths -----------------------------------------------------------------------------------------------------------

# Sends itself SIGKILL in the third piece: before the roll-ups are told of it, or when it is done and not yet noted.
PROGRAM = """
import os, signal, sys, django
django.setup()
from django.core.management import call_command
from analytics import price_changes, repricing, rollups
repricing.CHUNK = 4
calls = 0
def dying(real):
    def die(*arguments, **named):
        global calls
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return die
what, where = sys.argv[1:]
if where == "within":
    rollups.changes = dying(rollups.changes)
else:
    repricing.Difference.note = dying(repricing.Difference.note)
    calls = -8
{"reprice": lambda: call_command("reprice"), "catch_up": price_changes.catch_up}[what]()
"""


@pytest.mark.parametrize(
    ("what", "where", "done"), [("reprice", "within", 8), ("catch_up", "within", 8), ("catch_up", "after", 12)]
)
def test_a_killed_repricing_is_exact_once_it_has_run_again(
    service_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, what: str, where: str, done: int
) -> None:
    price_book.current()
    key, _ = make_key()
    post_many(key, count=20)
    save()

    command = [sys.executable, "-c", PROGRAM, what, where]
    settings = {**environment(), **service_settings, "DJANGO_SETTINGS_MODULE": "config.settings"}
    died = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=180, check=False)

    assert died.returncode == -signal.SIGKILL, died.stderr
    assert costs() == {NEW_COST: done, USUAL_COST: 20 - done}
    assert_rollups_are_those_of_the_records(key)
    if what == "reprice":
        call_command("reprice")
    else:
        forget_claims()
        tasks.catch_up_with_prices()
    assert costs() == {NEW_COST: 20}
    assert set(LedgerRecord.objects.values_list("previous_cost_pico_usd", flat=True)) == {USUAL_COST}
    if what == "catch_up":
        (effect,) = PriceEffect.objects.values_list("figures", flat=True)
        assert (effect["changed_count"], effect["before"], effect["after"]) == (20, 20 * USUAL_COST, 20 * NEW_COST)
        assert PriceEdit.objects.get().finished_at is not None
    assert not price_changes.is_behind()
    assert_rollups_are_those_of_the_records(key)
