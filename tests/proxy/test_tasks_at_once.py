"""Posting from several threads at once, and from processes that die: every record counts exactly once."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Sum

from analytics import conflicts, rollups
from analytics.models import DailyUsage, LedgerRecord, PriceBookRevision, RejectedRecord, UsageBatch
from analytics.usage import UsageRecord
from orgs.models import ApiKey, Organization
from orgs.services import organizations
from prompts.models import Prompt
from proxy import tasks
from scripts.hermetic import environment
from tests.analytics.at_once import session_set, threads, wait_for_waiting
from tests.analytics.usage_lines import USUAL_COST, lines_of, make_record, post_lines, rollup_rows
from tests.factories import make_key

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def key(transactional_db: None) -> ApiKey:
    PriceBookRevision.objects.get_or_create(id=1)
    return make_key()[0]


def post_all_at_once(key: ApiKey, segments: list[tuple[str, list[str]]]) -> None:
    """Hold all the posting threads at their first lock, then let them go together."""
    with threads(len(segments)) as start:
        with transaction.atomic():
            Organization.objects.select_for_update().get(id=key.organization_id)
            running = [start(tasks.post_batch, *segment) for segment in segments]
            wait_for_waiting(len(segments), "all wait")
        for future in running:
            future.result(timeout=60)


@pytest.mark.production
def test_a_segment_posted_by_several_threads_at_once_counts_once(key: ApiKey) -> None:
    segment = (str(uuid4()), lines_of(*(make_record(key, prompt_key=f"prompt {n}") for n in range(20))))

    post_all_at_once(key, [segment] * 4)

    receipt = UsageBatch.objects.get()
    assert (receipt.inserted_count, receipt.rejected_count) == (20, 0)
    assert DailyUsage.objects.aggregate(sum=Sum("cost_pico_usd"))["sum"] == 20 * USUAL_COST


@pytest.mark.production
def test_records_that_two_segments_share_count_once_in_whatever_order_they_come(key: ApiKey) -> None:
    fields: list[dict[str, Any]] = [{"prompt_key": f"prompt {n}", "tags": (f"tag {n}",)} for n in range(30)]
    records = [make_record(key, **changes) for changes in fields]
    orders: list[list[UsageRecord]] = [
        records,
        records[::-1],
        records[::2] + records[1::2],
        records[10:] + records[:10],
    ]

    post_all_at_once(key, [(str(uuid4()), lines_of(*order)) for order in orders])

    assert UsageBatch.objects.aggregate(sum=Sum("inserted_count"))["sum"] == LedgerRecord.objects.count() == 30
    assert Prompt.objects.count() == 30
    assert DailyUsage.objects.aggregate(sum=Sum("cost_pico_usd"))["sum"] == 30 * USUAL_COST
    assert not RejectedRecord.objects.exists()


@pytest.mark.production
def test_a_deadlock_is_tried_again(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    post_lines(lines_of(make_record(key, prompt_key="alpha"), make_record(key, prompt_key="beta")))
    lines = lines_of(make_record(key, prompt_key="alpha"), make_record(key, prompt_key="beta"))

    def post() -> None:
        with session_set("deadlock_timeout", "3s"):
            tasks.post_batch(str(uuid4()), lines)

    # Posting looks for a deadlock first, once, when this transaction has closed the circle: it is its to end.
    with session_set("deadlock_timeout", "60s"), threads(1) as start, transaction.atomic():
        # From the second row to the first.
        DailyUsage.objects.select_for_update().get(prompt_key="beta")
        posting = start(post)
        wait_for_waiting(1, "posting waits")
        DailyUsage.objects.select_for_update().get(prompt_key="alpha")
    posting.result(timeout=60)

    assert "deadlock detected" in caplog.text
    assert dict(DailyUsage.objects.values_list("prompt_key", "request_count")) == {"alpha": 2, "beta": 2}


@pytest.mark.production
def test_posting_waits_for_a_change_of_the_time_zone(key: ApiKey) -> None:
    with threads(1) as start, transaction.atomic():
        rollups.change_timezone(key.organization_id, "Pacific/Kiritimati")
        posting = start(tasks.post_batch, str(uuid4()), lines_of(make_record(key)))
        wait_for_waiting(1, "posting waits")
    posting.result(timeout=60)

    assert LedgerRecord.objects.get().local_day.isoformat() == "2026-02-11"


@pytest.mark.production
def test_suspending_an_organization_does_not_wait_for_posting(key: ApiKey) -> None:
    with threads(1) as start, transaction.atomic():
        organizations.lock_shared([key.organization_id])  # what posting holds until it is done
        suspended = start(partial(organizations.suspend, organization=key.organization))
        suspended.result(timeout=30)
    key.organization.refresh_from_db()
    assert not key.organization.is_active


@pytest.mark.production
def test_a_rebuild_waits_for_what_is_being_posted(key: ApiKey) -> None:
    post_lines(lines_of(make_record(key)))
    day = LedgerRecord.objects.get().local_day

    with threads(1) as start, transaction.atomic():
        # What posting does, held open in the middle: its record is there, its sums are not.
        organizations.lock_shared([key.organization_id])
        LedgerRecord.objects.filter(organization_id=key.organization_id).update(cost_pico_usd=7)
        rebuilding = start(rollups.rebuild, key.organization_id, day, day)
        wait_for_waiting(1, "the rebuild waits")
        DailyUsage.objects.update(cost_pico_usd=7)
    rebuilding.result(timeout=60)

    assert DailyUsage.objects.get().cost_pico_usd == 7


@pytest.mark.trial
def test_a_database_that_others_are_writing_to_is_tried_again(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no lock on the whole database; the trial half of `make test` runs this")
    refused = threading.Event()

    class Refusals(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            refused.set()

    def post_impatiently() -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 1")
        tasks.post_batch(str(uuid4()), lines_of(make_record(key)))

    handler = Refusals()
    conflicts.logger.addHandler(handler)
    try:
        with threads(1) as start:
            with transaction.atomic():
                posting = start(post_impatiently)
                assert refused.wait(timeout=30)
            posting.result(timeout=60)
    finally:
        conflicts.logger.removeHandler(handler)

    assert "database is locked" in caplog.text
    assert DailyUsage.objects.get().request_count == 1


@pytest.mark.production
def test_a_fault_that_is_no_conflict_is_not_tried_again_and_leaves_nothing(
    key: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    lines, segment_id = lines_of(make_record(key)), str(uuid4())
    with threads(1) as start:
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with transaction.atomic():
                Organization.objects.select_for_update().get(id=key.organization_id)
                held.set()
                done.wait(timeout=30)

        holding = start(hold)
        held.wait(timeout=30)
        with session_set("lock_timeout", "50ms"), pytest.raises(OperationalError, match="lock timeout"):
            tasks.post_batch(segment_id, lines)
        done.set()
        holding.result(timeout=30)

    assert not UsageBatch.objects.exists()
    assert "another transaction" not in caplog.text
    tasks.post_batch(segment_id, lines)
    assert DailyUsage.objects.get().request_count == 1


# --- Processes that die -----------------------------------------------------------------------------------------------

POST = """
import json, sys
import django
django.setup()
from proxy.tasks import record_usage
record_usage(**json.load(sys.stdin))
"""


def post_and_die(point: str, settings: Mapping[str, str], segment_id: str, lines: list[str]) -> None:
    """Post in another process, which is killed at the failpoint."""
    import json

    process = subprocess.run(
        [sys.executable, "-c", POST],
        input=json.dumps({"segment_id": segment_id, "lines": lines}),
        env={**environment(), **settings, "DJANGO_SETTINGS_MODULE": "config.settings", "FAILPOINTS": point},
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr


@pytest.mark.trial
def test_a_process_that_dies_inside_the_transaction_leaves_nothing(
    key: ApiKey, service_settings: dict[str, str]
) -> None:
    segment_id, lines = str(uuid4()), lines_of(make_record(key, prompt_key="greeting"), make_record(key))

    post_and_die("posting.inside", service_settings, segment_id, lines)

    for model in (UsageBatch, LedgerRecord, DailyUsage, Prompt):
        assert not model.objects.exists()
    post_lines(lines, segment_id=segment_id)
    assert DailyUsage.objects.aggregate(sum=Sum("request_count"))["sum"] == 2


@pytest.mark.trial
def test_a_process_that_dies_after_the_commit_has_posted_and_the_next_delivery_changes_nothing(
    key: ApiKey, service_settings: dict[str, str]
) -> None:
    segment_id, lines = str(uuid4()), lines_of(make_record(key, prompt_key="greeting"), make_record(key))

    post_and_die("posting.committed", service_settings, segment_id, lines)

    assert UsageBatch.objects.get().inserted_count == 2
    before = rollup_rows(key.organization_id)
    post_lines(lines, segment_id=segment_id)
    assert rollup_rows(key.organization_id) == before
    assert LedgerRecord.objects.count() == 2
