"""The copy hears of everything once, whoever is late, dies or comes twice."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django import Settings

from analytics import reports, request_log, retention, rollups
from analytics.models import DailyUsage, LedgerRecord, RecordChange, RecordCopy
from analytics.periods import Period
from analytics.record_store import choosing, feeding, filling, questions
from analytics.record_store.clickhouse import ClickHouse
from analytics.record_store.client import Client
from analytics.reports import Scope
from analytics.usage import UsageRecord
from config.metrics import counting, families
from orgs.models import ApiKey
from tests.analytics.at_once import threads, wait_for_waiting
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.conftest import settings_of_services
from tests.factories import make_key, make_organization, make_team
from tests.record_store.between import Between
from tests.record_store.carrying import Carrying
from tests.record_store.copying import carry, fill, ids_in, ids_in_ledger, note
from tests.record_store.engine import Engine
from tests.servers import wait_until

pytestmark = [pytest.mark.production, pytest.mark.clients, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)


def test_records_are_filled_in_steps_and_what_is_posted_meanwhile_is_there(
    store: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "MOST", 10)
    post(*(make_record(key, tags=(f"t{number}",)) for number in range(25)))
    filling.begin(store, now=NOON)
    assert RecordChange.objects.count() == 0
    told: list[int] = []

    def post_another(count: int) -> None:
        told.append(count)
        post(make_record(key, at=NOON - timedelta(minutes=count)))  # below all that was filled

    filling.fill(store, on_progress=post_another)
    assert told[:3] == [10, 20, 25]
    carry(store)
    assert ids_in(store) == ids_in_ledger()
    assert len(ids_in(store)) == 25 + len(told)
    assert list(filling.compare(store)) == []


@contextmanager
def posting_held_up(key: ApiKey, record: UsageRecord) -> Iterator[Callable[..., Future[None]]]:
    """While it is entered, another transaction has written the record and is not over. The key has another call."""
    with threads(2) as run:
        with transaction.atomic():
            DailyUsage.objects.select_for_update().get(api_key_id=key.pk)
            posted = run(lambda: post(record) and None)
            wait_for_waiting(1, "the posting waits for the roll-up")
            yield run
        posted.result(30)


def test_who_commits_late_is_carried_over_late_and_not_overlooked(store: Client, key: ApiKey) -> None:
    other = make_key(make_team(make_organization(timezone="UTC")))[0]
    post(make_record(key))
    fill(store)
    late, next_one = make_record(key), make_record(other)
    with posting_held_up(key, late) as elsewhere:
        elsewhere(lambda: post(next_one) and None).result()
        elsewhere(carry, store=store).result()
        assert next_one.id in ids_in(store)  # with a higher number than what is not to be seen yet
        assert late.id not in ids_in(store)
        assert not RecordChange.objects.exists()
    carry(store)
    assert late.id in ids_in(store)
    assert ids_in(store) == ids_in_ledger()


def test_who_did_not_see_the_new_copy_is_awaited_before_it_is_filled(store: Client, key: ApiKey) -> None:
    post(make_record(key))
    with posting_held_up(key, make_record(key)) as elsewhere:
        begun = elsewhere(lambda: filling.begin(store, now=NOON) and None)
        wait_until(RecordCopy.objects.exists, "the copy is there")
        assert not begun.done()
    begun.result(30)
    assert not RecordChange.objects.exists()  # who posted had looked for a copy before there was one
    filling.fill(store)
    assert len(ids_in(store)) == 2
    assert ids_in(store) == ids_in_ledger()


def test_whatever_changes_is_carried_over_and_the_newest_counts(store: Client, key: ApiKey) -> None:
    other = make_key(make_team(make_organization(timezone="UTC")))[0]
    post(*(make_record(key, at=NOON + number * DAY) for number in range(4)), make_record(other))
    fill(store)
    rollups.change_timezone(key.organization_id, "Asia/Kathmandu")
    own = LedgerRecord.objects.filter(organization_id=key.organization_id)
    retention.remove_records(list(own.order_by("started_at").values_list("pk", flat=True)[:2]))
    post(make_record(key, at=NOON - DAY))
    assert [one.in_copy for one in filling.compare(store)] == []  # compares what waits, too
    assert ids_in(store) == ids_in_ledger()
    # An attempt that was cut off, and comes after the next: it counts less.
    record = LedgerRecord.objects.get(organization_id=other.organization_id)
    rows = list(feeding._read([record.pk]))
    LedgerRecord.objects.filter(pk=record.pk).update(cost_pico_usd=1)
    note(record)
    carry(store)
    feeding.write(store, rows, (), 1)
    assert list(filling.compare(store)) == []


def test_many_records_travel_at_once_and_questions_as_long_as_they_come(store: Client, key: ApiKey) -> None:
    post(make_record(key))
    fill(store)
    (row,) = feeding._read([LedgerRecord.objects.get().pk])
    feeding.write(store, [(UUID(int=number), *row[1:]) for number in range(10_000)], (), 2)
    assert len(ids_in(store)) == 10_001
    days = {NOON.date() + number * DAY for number in range(2000)}
    assert filling._days_of_copy(store, key.organization_id, days)[NOON.date()][0] == 10_001


def test_comparing_finds_what_differs_and_repairing_mends_it(store: Client, key: ApiKey) -> None:
    post(*(make_record(key, at=NOON + number * DAY) for number in range(3)))
    fill(store)
    first = LedgerRecord.objects.earliest("started_at")
    LedgerRecord.objects.filter(pk=first.pk).update(cost_pico_usd=1)  # by hand: nobody notes it
    store.command("ALTER TABLE aipc_records DELETE WHERE local_day = '2026-02-12' SETTINGS mutations_sync = 2")
    found = list(filling.compare(store))
    assert [(one.day.day, one.in_ledger, one.in_copy) for one in found] == [(10, 1, 1), (12, 1, 0)]
    filling.repair(found)
    carry(store)
    assert list(filling.compare(store)) == []


def test_what_is_gone_leaves_the_disk_of_the_store_within_two_days(store: Client, key: ApiKey) -> None:
    post(make_record(key), make_record(key))
    fill(store)
    gone = LedgerRecord.objects.order_by("pk").first()
    assert gone is not None
    retention.remove_records([gone.pk])
    counts = []
    unfinished = "SELECT 1 FROM system.mutations WHERE NOT is_done"
    for day in range(4):
        carry(store, now=NOON + day * DAY)
        wait_until(lambda: not store.query(unfinished), "the store has cleaned up")
        ((rows, kept),) = store.query("SELECT count(), countIf(NOT is_gone) FROM aipc_records")
        counts.append((rows, kept))
    assert counts[-1] == (1, 1)
    assert ids_in(store) == ids_in_ledger()


def test_nobody_writes_beside_another(store: Client, key: ApiKey) -> None:
    fill(store)
    post(make_record(key))
    with threads(1) as run, feeding.step(store):
        run(carry, store=store).result()
        assert ids_in(store) == []
    carry(store)
    assert ids_in(store) == ids_in_ledger()


@pytest.mark.parametrize("what", ["another", "lost", "older"])
def test_a_store_that_cannot_be_the_copy_is_not_written_and_says_so(store: Client, key: ApiKey, what: str) -> None:
    post(make_record(key))
    fill(store)
    if what == "another":
        store.command("TRUNCATE TABLE aipc_copies")
    elif what == "lost":
        RecordCopy.objects.update(number=10**6)
    else:
        feeding.announce(store, RecordCopy.objects.get(), 10**6)
    post(make_record(key))
    assert carry(store) == 0
    fault = RecordCopy.objects.get().fault
    assert {"another": "another copy", "lost": "has lost", "older": "is older than its copy"}[what] in fault
    filling.drop_copy(store)
    assert RecordChange.objects.count() == 0
    fill(store)
    assert ids_in(store) == ids_in_ledger()


# --- kill -9 ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(
    store: Client, key: ApiKey, engine: Engine, tmp_path: Path
) -> None:
    fill(store)
    with (
        Between(engine.url) as between,
        Carrying(settings_of_services(tmp_path / "journal") | {"COLUMN_STORE_URL": between.url}, between) as carrying,
    ):
        change_something(key, 0)
        for _ in range(2):  # the first cleans, which is done once a day
            assert carrying.run() == 0
            requests = between.count
            change_something(key, 0)
        assert requests > 5
        for number in range(3, requests + 1):  # the first two say which server it is
            for moment in ("before", "after"):
                change_something(key, number)
                killed = carrying.run(at=number, moment=moment)
                assert killed == -signal.SIGKILL, (number, moment)
                wait_until(lambda: carry(store) >= 0 and not RecordChange.objects.exists(), "the rest is carried over")
                assert ids_in(store) == ids_in_ledger(), (number, moment)
        assert list(filling.compare(store)) == []


def change_something(key: ApiKey, number: int) -> None:
    """A call more, one that costs something else, and one that is gone."""
    post(make_record(key, at=NOON + number * DAY), make_record(key, at=NOON + number * DAY))
    first, second = LedgerRecord.objects.order_by("-started_at", "pk")[:2]
    LedgerRecord.objects.filter(pk=first.pk).update(cost_pico_usd=number)
    note(first)
    retention.remove_records([second.pk])


def test_only_sums_are_asked_of_the_copy_unless_all_is_to_be(store: Client, key: ApiKey, settings: Settings) -> None:
    settings.COLUMN_STORE_ANSWERS = "sums"
    post(make_record(key))
    fill(store)
    scope = Scope(key.organization_id, Period(NOON.date(), NOON.date()))
    counting.take_pending()
    choosing.choose(is_report=True)
    try:
        assert sum(hour.cost_pico_usd for hour in reports.hourly_costs(scope, UTC)) == USUAL_COST
        assert counting.take_pending() == {(families.RECORD_QUESTIONS.name, "", "copy"): 1}
        assert len(request_log.read_page(request_log.Question(scope, UTC)).rows) == 1
        assert counting.take_pending() == {}
    finally:
        questions.choose(None)


def test_a_store_that_hangs_costs_one_question_its_patience_and_no_answer(
    store: Client, key: ApiKey, engine: Engine
) -> None:
    post(make_record(key))
    fill(store)
    scope = Scope(key.organization_id, Period(NOON.date(), NOON.date()))
    asked = choosing.CopyFirst(ClickHouse(client := Client(engine.url, seconds=60)), choosing.Watch(client))
    counting.take_pending()
    with questions.answered_by(asked):
        reports.hourly_costs(scope, UTC)
        client._seconds = 1  # from now on: before, a slow machine has the time that it takes
        engine.pause()
        try:
            found = [reports.hourly_costs(scope, UTC) for _ in range(3)]
        finally:
            engine.resume()
    assert [sum(hour.cost_pico_usd for hour in hours) for hours in found] == [USUAL_COST] * 3
    assert counting.take_pending() == {
        (families.COPY_FAILURES.name, ""): 1,
        (families.RECORD_QUESTIONS.name, "", "copy"): 1,
        (families.RECORD_QUESTIONS.name, "", "ledger"): 3,
    }


def test_a_page_of_the_log_goes_on_in_the_copy_where_the_newest_is_the_ledgers(store: Client, key: ApiKey) -> None:
    post(*(make_record(key, at=NOON - timedelta(hours=number)) for number in range(30)))
    fill(store)
    post(make_record(key, at=NOON + timedelta(minutes=1)))
    question = request_log.Question(Scope(key.organization_id, Period(NOON.date() - DAY * 9, NOON.date())), UTC)
    counting.take_pending()
    choosing.choose(is_report=True)
    try:
        first = request_log.read_page(question, size=10)
        second = request_log.read_page(question, older=first.older, size=10)
        again = request_log.read_page(question, newer=second.newer, size=10)
    finally:
        questions.choose(None)
    assert [row.record.pk for row in first.rows] == [row.record.pk for row in again.rows]
    starts = [row.record.started_at for row in [*first.rows, *second.rows]]
    assert starts == sorted(starts, reverse=True)
    assert len(set(starts)) == 20
    counts = {labels[0]: count for (_, _, *labels), count in counting.take_pending().items() if labels}
    assert counts["copy"] >= 1
    assert counts["ledger"] >= 1
