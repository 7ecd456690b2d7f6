"""Retention by months: a month that nobody's records are kept of any more is dropped as a table, in two steps.

It is taken out of the ledger and renamed, together with the note from which day on records are whole; then what it held
is counted off the receipts of its segments, and it is dropped, in one transaction. A run that is cut off between the
two leaves a table whose name says what it waits for, which the next run finds, and `analytics.verification` counts.

The days of the table that was there before the first month, and records that come after their month was dropped, go by
days (`analytics.retention`).
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, ProgrammingError, connection, transaction

from analytics.models import RecordsKept, UsageBatch
from analytics.partitions import shape
from analytics.partitions.locks import insist, is_gone, is_taken, short_transaction
from analytics.partitions.shape import TABLE, Part
from analytics.record_store import changes as copied
from orgs.models import Organization

logger = logging.getLogger(__name__)

ATTEMPTS = 5
# The day is over everywhere on Earth; and a record of the month lies on the next one's first day, at most.
_WEST = timedelta(hours=12)
_MARGIN = timedelta(days=2)
_WITH_RECORDS = (
    "SELECT id FROM orgs_organization AS one WHERE EXISTS "
    "(SELECT FROM {name} AS record WHERE record.organization_id = one.id) ORDER BY id"
)
# Where more is kept than before, what is gone stays gone, and its days are not whole again.
_NOTE_FIRST_DAY = """
INSERT INTO {table} (organization_id, first_day) SELECT unnest(%s::bigint[]), %s
ON CONFLICT (organization_id) DO UPDATE SET first_day = GREATEST({table}.first_day, EXCLUDED.first_day)
"""


class SomebodyCame(Exception):
    """Another organization got a record of the month at this very moment."""


def drop_old(*, now: datetime, keep_days: int) -> int:
    """Drop the months that are over for everybody; 0 keeps all. Returns how many records that were."""
    removed = finish()
    for part in find_over(now=now, keep_days=keep_days):
        try:
            insist(lambda: take_out(part), f"Taking {part.name} out", attempts=ATTEMPTS)  # noqa: B023 - called at once
        except (OperationalError, SomebodyCame) as error:
            if isinstance(error, OperationalError) and not is_taken(error):
                raise
            logger.warning("%s is in use, and dropped later: %s", part.name, error)
            break
        removed += finish()
    return removed


def find_over(*, now: datetime, keep_days: int) -> list[Part]:
    """The months, and what was there before them, whose every record is older than any organization keeps."""
    found = shape.read()
    if found is None or not keep_days:
        return []
    first_kept = (now - _WEST).date() - timedelta(days=keep_days)
    # Never the last one: by that it is known which months are to be made.
    return [part for part in found.parts[:-1] if part.after_last + _MARGIN <= first_kept]


def take_out(part: Part) -> None:
    """Out of the ledger; its records are not read any more, and nothing is known of them but their receipts."""
    with short_transaction() as cursor:
        found = shape.read_by(cursor)
        if found is None or part not in found.parts:
            return  # somebody else's run was first
        concerned = _with_records(part.name)
        # Neither posting for them nor a change of their time zones, which look at what is kept, runs beside it.
        list(Organization.objects.select_for_update().filter(pk__in=concerned).order_by("pk").values_list("pk"))
        noting = _NOTE_FIRST_DAY.format(table=RecordsKept._meta.db_table)
        cursor.execute(noting, [concerned, part.after_last + _MARGIN])
        copied.note_all(concerned, *shape.reach_of(part))
        # The last, since from here on everybody waits. Not CONCURRENTLY, which PostgreSQL refuses where there is a
        # DEFAULT partition. Nothing is read.
        cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {part.name}")
        if not set(_with_records(part.name)) <= set(concerned):
            raise SomebodyCame(part.name)
        cursor.execute(f"ALTER TABLE {part.name} RENAME TO {shape.name_when_gone(part.name)}")
    logger.info("%s is taken out of the ledger.", part.name)


def _with_records(name: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_WITH_RECORDS.format(name=name))
        return [pk for (pk,) in cursor.fetchall()]


def finish() -> int:
    """Count what was taken out off the receipts, and drop it. Returns how many records that were."""
    return sum(_finish(name) for name in shape.find_gone())


def _finish(name: str) -> int:
    receipts = UsageBatch._meta.db_table
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE NOWAIT")
            cursor.execute(
                f"WITH gone AS (SELECT segment_id, COUNT(*) AS count FROM {name} GROUP BY segment_id), "  # noqa: S608
                f"noted AS (UPDATE {receipts} SET removed_count = removed_count + gone.count "
                f"FROM gone WHERE {receipts}.segment_id = gone.segment_id) "
                "SELECT COALESCE(SUM(count), 0) FROM gone"
            )
            (count,) = cursor.fetchone()
            cursor.execute(f"DROP TABLE {name}")
    except (OperationalError, ProgrammingError) as error:
        if not is_gone(error) and not (isinstance(error, OperationalError) and is_taken(error)):
            raise
        return 0  # another worker is at it, or was
    logger.info("%s is dropped, with %d records.", name, count)
    return int(count)


def count_by_segment() -> Counter[UUID]:
    """Of the records that were taken out and are not counted off their receipts yet."""
    counts: Counter[UUID] = Counter()
    for name in shape.find_gone():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT segment_id, COUNT(*) FROM {name} GROUP BY segment_id")  # noqa: S608
            counts.update(dict(cursor.fetchall()))
    return counts
