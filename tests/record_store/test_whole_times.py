"""What is replaced in the copy as a whole, and that nobody waits for it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from accounts import purging
from analytics.models import LedgerRecord, RecordChange
from analytics.partitions import dropping
from analytics.partitions.shape import TABLE
from analytics.record_store import changes, feeding, filling
from analytics.record_store.client import Client
from orgs.models import ApiKey
from orgs.models.organization import PURGED_AFTER
from orgs.services import organizations
from tests.analytics import months
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key
from tests.record_store.between import Answer, Between
from tests.record_store.copying import carry, fill, ids_in, ids_in_ledger, note
from tests.record_store.engine import Engine

pytestmark = [pytest.mark.production, pytest.mark.clients, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)


def test_a_month_that_is_dropped_is_gone_from_the_copy(store: Client, key: ApiKey) -> None:
    now = datetime(2026, 6, 10, 11, tzinfo=UTC)
    try:
        months.partition(now=now)
        for month in range(1, 7):
            post(make_record(key, at=datetime(2026, month, 1, 0, 30, tzinfo=UTC)))
        fill(store)
        assert len(ids_in(store)) == 6
        assert dropping.drop_old(now=now, keep_days=38) == 3
        carry(store)
        assert ids_in(store) == ids_in_ledger()
        assert len(ids_in(store)) == 3
    finally:
        months.undo()


def test_a_whole_time_is_replaced_in_pieces_however_much_is_in_it(
    store: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [make_record(key, at=NOON + 4 * DAY) for _ in range(4)]  # more than a piece, and not divided
    post(*(make_record(key, at=NOON + number * DAY) for number in range(12)), *at_once)
    fill(store)
    own = LedgerRecord.objects.order_by("started_at")
    own.filter(pk__in=own.values("pk")[9:12]).delete()  # by hand: nobody notes it
    own.filter(started_at__gte=NOON + 8 * DAY).update(cost_pico_usd=1)
    changes.note_all([key.organization_id], *changes.EVER)
    monkeypatch.setattr(feeding, "MOST", 3)
    monkeypatch.setattr(feeding, "MOST_GONE", 5)
    assert pieces(store) == 5
    assert list(filling.compare(store)) == []


def pieces(store: Client) -> int:
    """In how many steps the only change that waits is carried over."""
    begins = []
    while change := RecordChange.objects.first():
        begins.append(change.first_at)
        assert feeding._carry(store, NOON) is not None
    assert begins == sorted(set(begins))
    return len(begins)


def test_an_organization_goes_from_the_copy_too_with_what_the_copy_was_not_told_of(
    store: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "MOST_GONE", 40)
    other = make_key()[0]
    years = (make_record(key, at=NOON - number * 31 * DAY) for number in range(105))  # a month of the store's for each
    post(*years, make_record(other))
    fill(store)
    LedgerRecord.objects.filter(organization_id=key.organization_id).delete()
    organizations.delete(organization=key.organization, now=NOON, by=None)
    assert purging.purge_due(now=NOON + PURGED_AFTER + DAY) == 1
    assert pieces(store) == 3
    assert len(ids_in(store)) == 1
    assert ids_in(store) == ids_in_ledger()


def test_nobody_waits_for_the_ledger_while_the_store_is_asked(store: Client, key: ApiKey, engine: Engine) -> None:
    """As partitioning it does, or dropping a month: who waits for that has all others wait behind."""
    free = 0

    def is_free(answer: Answer) -> Answer:
        nonlocal free
        with transaction.atomic(), connection.cursor() as cursor:
            # Autovacuum may have it, for a moment; who waits for the store's answer has it until that has come.
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
            free += 1
        connection.close()
        return answer

    post(*(make_record(key, at=NOON + number * DAY) for number in range(3)))
    with Between(engine.url) as between:
        far = Client(between.url, seconds=60)
        between.spoil = is_free
        fill(far)
        note(LedgerRecord.objects.all()[0])
        changes.note_all([key.organization_id], NOON, NOON + DAY)
        before = free
        assert carry(far) == 3
        far.close()
    assert before > 5
    assert free > before + 5
    assert ids_in(store) == ids_in_ledger()
