"""Saving prices while others post, and repricing twice at a time: no record keeps an old price, no sum counts twice."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from analytics import price_book, price_changes, repricing
from analytics.models import DailyUsage, LedgerRecord, ModelPrice, PriceChange, PriceEdit
from analytics.price_book import revisions
from orgs.models import ApiKey
from tests.analytics.at_once import session_set, threads, wait_for_waiting
from tests.analytics.usage_lines import USUAL_COST, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]

# 1,000 tokens in and 100 out at $3 and $20 a million.
NEW_COST = 5_000_000_000


def new_price() -> ModelPrice:
    return ModelPrice(
        provider="openai",
        model="gpt-4o",
        effective_from=datetime(2020, 1, 1, tzinfo=UTC),
        input_pico_usd=3_000_000,
        output_pico_usd=20_000_000,
    )


@pytest.fixture
def key() -> ApiKey:
    # Emptying the database between tests takes the revision away. It is made again here, not in a lasting transaction.
    price_book.current()
    return make_key()[0]


def costs() -> set[int | None]:
    return set(LedgerRecord.objects.values_list("cost_pico_usd", flat=True))


def test_a_price_saved_while_a_record_is_being_posted_reaches_that_record(key: ApiKey) -> None:
    post(make_record(key))
    with threads(2) as start:
        with transaction.atomic():
            # Holds posting at the very end, when it has priced its record and nobody else can see it yet.
            DailyUsage.objects.select_for_update().get()
            posting = start(lambda: post(make_record(key)))
            wait_for_waiting(1, "posting waits for the roll-up")
            saving = start(price_book.save_price, price=new_price())
            wait_for_waiting(2, "saving waits for posting")
            assert not ModelPrice.objects.exists()
        posting.result(timeout=60)
        saving.result(timeout=60)

    price_changes.catch_up()
    assert costs() == {NEW_COST}
    assert set(LedgerRecord.objects.values_list("previous_cost_pico_usd", flat=True)) == {USUAL_COST}
    assert DailyUsage.objects.get().cost_pico_usd == 2 * NEW_COST


def test_posting_waits_for_a_price_that_is_being_saved_and_uses_it(key: ApiKey) -> None:
    with threads(1) as start:
        with transaction.atomic():
            price_book.save_price(price=new_price())
            posting = start(lambda: post(make_record(key)))
            wait_for_waiting(1, "posting waits for the price")
        posting.result(timeout=60)

    record = LedgerRecord.objects.get()
    assert (record.cost_pico_usd, record.previous_cost_pico_usd) == (NEW_COST, None)
    assert record.price_revision == price_book.current().revision
    assert DailyUsage.objects.get().cost_pico_usd == NEW_COST


def test_posters_do_not_wait_for_each_other_at_the_price_book(key: ApiKey) -> None:
    other_key, _ = make_key()
    with threads(1) as start, transaction.atomic():
        price_book.current(shared_lock=True)
        posting = start(lambda: post(make_record(other_key)))
        posting.result(timeout=60)
        assert costs() == {USUAL_COST}


def test_two_repricings_at_once_count_the_difference_once(key: ApiKey) -> None:
    post(*(make_record(key, tags=("a",)) for _ in range(30)))
    with transaction.atomic():
        revisions.raise_revision()
        new_price().save()
    with threads(2) as start:
        with transaction.atomic():
            list(LedgerRecord.objects.select_for_update())
            running = [start(repricing.reprice) for _ in range(2)]
            wait_for_waiting(2, "both wait for the records")
        for future in running:
            future.result(timeout=60)

    assert costs() == {NEW_COST}
    row = DailyUsage.objects.get()
    assert (row.request_count, row.cost_pico_usd) == (30, 30 * NEW_COST)


def test_two_at_the_same_change_count_what_it_came_to_once(key: ApiKey) -> None:
    post(*(make_record(key) for _ in range(30)))
    price_book.save_price(price=new_price())
    with threads(3) as start:
        with transaction.atomic():
            list(LedgerRecord.objects.select_for_update())
            first = start(price_changes.catch_up)
            wait_for_waiting(1, "one waits for the records")
            start(PriceChange.objects.update, claimed_until=None).result(timeout=60)
            second = start(price_changes.catch_up)
            wait_for_waiting(2, "both wait for the records")
        first.result(timeout=60)
        second.result(timeout=60)

    edit = PriceEdit.objects.get()
    (effect,) = edit.effects.all()
    assert edit.figures == effect.figures
    assert (effect.figures["changed_count"], effect.figures["after"]) == (30, 30 * NEW_COST)
    assert edit.finished_at is not None


def test_a_repricing_that_ends_a_deadlock_is_tried_again(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    post(make_record(key, prompt_key="alpha"), make_record(key, prompt_key="beta"))
    price_book.save_price(price=new_price())

    def catch_up() -> None:
        with session_set("deadlock_timeout", "3s"):
            price_changes.catch_up()

    # Repricing looks for a deadlock first, once, when this transaction has closed the circle: it is its to end.
    with session_set("deadlock_timeout", "60s"), threads(1) as start, transaction.atomic():
        # From the second row to the first.
        DailyUsage.objects.select_for_update().get(prompt_key="beta")
        catching_up = start(catch_up)
        wait_for_waiting(1, "the repricing waits")
        DailyUsage.objects.select_for_update().get(prompt_key="alpha")
    catching_up.result(timeout=60)

    assert "deadlock detected" in caplog.text
    assert costs() == {NEW_COST}
    assert dict(DailyUsage.objects.values_list("prompt_key", "cost_pico_usd")) == {"alpha": NEW_COST, "beta": NEW_COST}


def test_a_record_that_another_repricing_changed_meanwhile_is_left_to_it(key: ApiKey) -> None:
    """The condition on the revision holds even for a writer that did not lock what it read."""
    post(make_record(key))
    seen = LedgerRecord.objects.get()
    book = price_book.current()
    LedgerRecord.objects.update(price_revision=book.revision + 5, cost_pico_usd=1)
    cost = book.cost_of(make_record(key), key.organization_id)
    assert repricing.store_costs([(seen, cost)], book.revision) == set()
    assert costs() == {1}
