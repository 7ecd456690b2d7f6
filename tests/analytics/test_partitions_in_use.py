"""Months are made, indexed and dropped while others use the table, and whatever is cut off meanwhile."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from threading import Event
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.db.migrations.state import ProjectState
from django.db.models import F
from django.db.models.expressions import RawSQL

from analytics import verification
from analytics.models import LedgerRecord, RecordsKept, UsageBatch
from analytics.partitions import conversion, dropping, locks, months, operations, shape
from analytics.partitions.operations import AddRecordsIndex, RemoveRecordsIndex
from analytics.partitions.shape import TABLE
from config.admin.lists import estimate_rows
from config.metrics import families
from orgs.models import ApiKey
from proxy import metrics_page
from scripts.hermetic import ROOT, environment
from tests.analytics.at_once import threads, wait_for_waiting
from tests.analytics.months import NOW, partition, undo
from tests.analytics.usage_lines import make_record, post
from tests.conftest import IS_PARTITIONED, settings_of_services
from tests.factories import make_key

pytestmark = [
    pytest.mark.production,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(IS_PARTITIONED, reason="the months are there already; the other run has this"),
]


@pytest.fixture
def key() -> Iterator[ApiKey]:
    yield make_key()[0]
    undo()


def test_nothing_is_lost_or_doubled_by_who_posts_and_reads_meanwhile(key: ApiKey) -> None:
    is_over = Event()
    assert (families.MONTHS_AHEAD.name, "") not in metrics_page._ask_ledger()

    def go_on_posting() -> None:
        while not is_over.is_set():
            again = [make_record(key, at=datetime.now(UTC)) for _ in range(3)]
            post(*again, now=datetime.now(UTC))
            post(*again, now=datetime.now(UTC))
            LedgerRecord.objects.filter(organization_id=key.organization_id).count()

    with threads(2) as start:
        posting = [start(go_on_posting) for _ in range(2)]
        call_command("partition_records")
        is_over.set()
        for one in posting:
            one.result(timeout=60)

    assert shape.state(datetime.now(UTC)) == (2, 0)
    told = metrics_page._ask_ledger()
    assert (told[families.MONTHS_AHEAD.name, ""], told[families.OUTSIDE_MONTHS.name, ""]) == (2, 0)
    inserted = sum(UsageBatch.objects.values_list("inserted_count", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")
    assert estimate_rows(LedgerRecord) == LedgerRecord.objects.count() == inserted == UsageBatch.objects.count() * 3 / 2
    assert list(verification.check_receipts(date.min, date.max)) == []


def test_a_command_that_is_killed_before_the_switch_is_run_again(key: ApiKey) -> None:
    post(make_record(key))
    conversion.add_check(conversion.first_month(datetime.now(UTC)))  # what an earlier run has left
    variables = environment() | settings_of_services(ROOT)
    line = [sys.executable, "manage.py", "partition_records"]
    with transaction.atomic():
        assert LedgerRecord.objects.exists()  # which keeps the table as it is until the transaction ends
        with subprocess.Popen(line, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) as command:
            assert command.stdout is not None
            for said in iter(command.stdout.readline, ""):
                if said.startswith("2."):
                    break
            wait_for_waiting(1, "the switch waits for the reader")
            command.send_signal(signal.SIGKILL)
    assert shape.read() is None
    assert post(make_record(key)).rejected_count == 0

    call_command("partition_records")
    assert LedgerRecord.objects.count() == 2


def test_a_reader_of_a_month_keeps_it_and_nobody_waits_long(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "ATTEMPTS", 1)
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.1)
    partition()
    post(make_record(key))
    with threads(1) as start, transaction.atomic():
        assert LedgerRecord.objects.count() == 1
        start(lambda: dropping.drop_old(now=NOW, keep_days=62)).result(timeout=30)
        start(lambda: post(make_record(key))).result(timeout=30)

    assert LedgerRecord.objects.count() == 2
    assert dropping.drop_old(now=NOW, keep_days=62) == 2


def test_nobody_waits_while_it_is_noted_whose_month_goes_and_what_is_gone_stays_gone(key: ApiKey) -> None:
    partition()
    post(make_record(key))
    later = date(2026, 12, 1)  # less was kept before
    RecordsKept.objects.create(organization_id=key.organization_id, first_day=later)
    with threads(1) as start:
        with transaction.atomic(), connection.cursor() as cursor:
            RecordsKept.objects.select_for_update().get()
            going = start(lambda: dropping.drop_old(now=NOW, keep_days=62))
            wait_for_waiting(1, "the noting waits for the row")
            cursor.execute(f"LOCK TABLE {TABLE} IN ROW EXCLUSIVE MODE NOWAIT")  # as who posts
        going.result(timeout=30)

    assert shape.find_gone() == []
    assert not LedgerRecord.objects.exists()
    assert RecordsKept.objects.get().first_day == later


def test_the_books_agree_beside_a_month_that_is_just_taken_out_or_dropped(key: ApiKey) -> None:
    partition()
    post(make_record(key))
    (month,) = LedgerRecord.objects.annotate(part=RawSQL("tableoid::regclass::text", [])).values_list("part", flat=True)
    gone, found = shape.name_when_gone(month), list[verification.Difference]()

    def check() -> None:
        found.extend(verification.check_receipts(date.min, date.max))

    with threads(1) as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {month}")
            checking = start(check)
            wait_for_waiting(1, "the check waits for the shape")
            cursor.execute(f"ALTER TABLE {month} RENAME TO {gone}")
        checking.result(timeout=30)
        assert found == []

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {gone} IN ACCESS EXCLUSIVE MODE")
            checking = start(check)
            wait_for_waiting(1, "the check waits for the month that was taken out")
            UsageBatch.objects.update(removed_count=F("inserted_count"))
            cursor.execute(f"DROP TABLE {gone}")
        checking.result(timeout=30)
    assert found == []


def test_a_call_that_is_posted_while_its_month_is_given_what_lay_outside_is_not_refused(key: ApiKey) -> None:
    partition()
    late = datetime(2026, 9, 3, tzinfo=UTC)
    post(make_record(key, at=late), now=late)
    assert shape.count_outside() == 1
    segment_id = str(uuid4())
    with threads(1) as start:
        with locks.short_transaction() as cursor:
            months.make(cursor, date(2026, 9, 1), most=None, has_outside=True)
            posting = start(lambda: post(make_record(key, at=late), segment_id=segment_id, now=late))
            wait_for_waiting(1, "the posting waits for what lies outside")
        posting.result(timeout=30)

    receipt = UsageBatch.objects.get(segment_id=segment_id)
    assert (receipt.inserted_count, receipt.rejected_count) == (1, 0)
    assert (LedgerRecord.objects.count(), shape.count_outside()) == (2, 0)


def test_a_segment_that_the_constraint_of_a_run_refuses_waits_while_the_table_is_in_use(key: ApiKey) -> None:
    conversion.add_check(date(2026, 7, 1))
    segment_id, july = str(uuid4()), datetime(2026, 7, 5, tzinfo=UTC)
    record = make_record(key, at=july)
    with threads(1) as start, transaction.atomic():
        assert not LedgerRecord.objects.exists()  # which keeps the table as it is until the transaction ends
        posting = start(lambda: post(record, segment_id=segment_id, now=july))
        with pytest.raises(IntegrityError, match="before_a_month"):
            posting.result(timeout=30)
    assert not UsageBatch.objects.exists()

    receipt = post(record, segment_id=segment_id, now=july)
    assert (receipt.inserted_count, receipt.rejected_count) == (1, 0)


class TestIndexes:
    index = models.Index(fields=["route"], name="usage_by_route", condition=models.Q(method="POST"))

    def migrate(self, operation: AddRecordsIndex | RemoveRecordsIndex, *, backwards: bool = False) -> None:
        before = ProjectState.from_apps(LedgerRecord._meta.apps)
        after = before.clone()
        operation.state_forwards("analytics", after)
        with connection.schema_editor(atomic=False) as editor:
            if backwards:
                operation.database_backwards("analytics", editor, after, before)
            else:
                operation.database_forwards("analytics", editor, before, after)

    def found(self) -> dict[str, bool]:
        """Tables that have the index, and whether it is valid there."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indrelid::regclass::text, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
                "WHERE relname LIKE %s OR relname LIKE %s",
                [f"{self.index.name}%", f"{TABLE}_%route%"],
            )
            return dict(cursor.fetchall())

    @pytest.mark.parametrize("in_months", [True, False])
    def test_it_is_made_and_removed_in_any_shape_of_the_table(self, key: ApiKey, in_months: bool) -> None:
        if in_months:
            partition()
        self.migrate(AddRecordsIndex("ledgerrecord", self.index))
        there = self.found()
        assert set(there.values()) == {True}
        assert len(there) == (11 if in_months else 1)
        if in_months:
            months.make_due(datetime(2026, 9, 1, tzinfo=UTC))
            assert f"{TABLE}_2026_11" in self.found()
        self.migrate(AddRecordsIndex("ledgerrecord", self.index), backwards=True)
        assert self.found() == {}

    def test_one_that_was_interrupted_is_finished(self, key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
        partition()
        seen: list[str] = []

        def attach(statement: str) -> None:
            seen.append(statement)
            if len(seen) == 4:
                raise OperationalError("the connection is lost")
            locked(statement)

        locked = operations._in_short
        with monkeypatch.context() as patched:
            patched.setattr(operations, "_in_short", attach)
            with pytest.raises(OperationalError, match="is lost"):
                self.migrate(AddRecordsIndex("ledgerrecord", self.index))
        assert self.found()[TABLE] is False

        self.migrate(AddRecordsIndex("ledgerrecord", self.index))
        assert (len(self.found()), set(self.found().values())) == (11, {True})
        state = ProjectState.from_apps(LedgerRecord._meta.apps)
        AddRecordsIndex("ledgerrecord", self.index).state_forwards("analytics", state)
        with connection.schema_editor(atomic=False) as editor:
            RemoveRecordsIndex("ledgerrecord", self.index.name).database_forwards("analytics", editor, state, state)
        assert self.found() == {}
