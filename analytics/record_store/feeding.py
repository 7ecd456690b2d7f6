"""Carrying over to the copy what changed in the ledger. Can be stopped anywhere, and be done twice.

A step is one transaction: it takes the lock of those who write to the copy, a number higher than all before, and then
reads what waits and the records as they are now. What waits is deleted when the store has them. A step that is cut off
is done again with a higher number, and what its first attempt has left, or sends yet, counts less: the attempt read
before the lock was given to the next. So the order in which the store gets things does not matter.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from analytics.models import LedgerRecord, RecordChange, RecordCopy
from analytics.record_store.changes import Key, from_microseconds, keys_of, microseconds
from analytics.record_store.client import SENDING_SECONDS, Client
from analytics.record_store.tables import COPIES, NAMES, TABLE, WRITTEN, columns_of

logger = logging.getLogger(__name__)

MOST = 20_000  # records of a step, or those of one change
MOST_GONE = 500_000  # rows that the store marks as gone within a step, by itself
_MOST_CHANGES = 1000
_IDS = 5000  # in one look-up
_LOCK = 0x636F7079  # the name of our advisory lock
_CLEANED_EVERY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_STARTED_AT = NAMES.index("started_at")
_IN_TIME = (
    "WHERE organization_id = {owner:Int64} AND started_at BETWEEN fromUnixTimestamp64Micro({first:Int64}, 'UTC') "
    "AND fromUnixTimestamp64Micro({last:Int64}, 'UTC')"
)


class NoCopy(Exception):
    """There is none, it may not be written, or somebody else is writing it."""


def carry_over(client: Client, *, now: datetime, seconds: float) -> int:
    """Until nothing is left or the time is over. Returns how many records. Raises `StoreFailed`."""
    until = time.monotonic() + seconds
    total = 0
    try:
        while (count := _carry(client, now)) is not None:
            total += count
            if time.monotonic() > until:
                return total
        _clean(client, now)
    except NoCopy:
        pass
    return total


def _carry(client: Client, now: datetime) -> int | None:
    """None where nothing waits."""
    with step(client) as (copy, number):
        changes = _take()
        if not changes:
            RecordCopy.objects.filter(pk=copy.pk).update(complete_at=now)
            return None
        announce(client, copy, number)
        count = _copy(client, changes, number) if changes[0].count else _replace(client, changes[0], number)
        RecordCopy.objects.filter(pk=copy.pk).update(number=number)
        return count


def _copy(client: Client, changes: Sequence[RecordChange], number: int) -> int:
    keys = {key.id: key for change in changes for key in keys_of(change)}
    with only_looking():
        rows = list(_read(list(keys)))
    write(client, rows, [keys[id_] for id_ in keys.keys() - {row[0] for row in rows}], number)
    RecordChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    return len(keys)


@contextmanager
def step(client: Client, *, waits: bool = False) -> Iterator[tuple[RecordCopy, int]]:
    """The only one who writes to the copy, until the transaction ends, and the number under which it writes.

    Raises `NoCopy`, also where somebody else writes and this one does not wait.
    """
    with transaction.atomic():
        if waits:
            lock()
        elif not _ask("SELECT pg_try_advisory_xact_lock(%s)", _LOCK):
            raise NoCopy("Somebody else is writing to it.")
        copy = RecordCopy.objects.first()
        if copy is None:
            raise NoCopy("There is none.")
        begun, fault = (0, copy.fault) if copy.fault else _look(client, copy)
        # Never given out twice, also not when this transaction comes to nothing. And only to who has seen the store's:
        # the numbers of a ledger that was restored do not overtake it while the store is away.
        number = _ask("SELECT nextval('analytics_recordcopy_step')")
        if not fault and begun >= number:
            fault = f"the ledger is older than its copy: it is at step {number}, and the copy at {begun}."
        if fault:
            if not copy.fault:
                logger.error("The copy of the records is not read any more, fill it anew: %s", fault)
                RecordCopy.objects.filter(pk=copy.pk).update(fault=fault)
        else:
            yield copy, number
            return
    raise NoCopy(fault)


@contextmanager
def only_looking() -> Iterator[None]:
    """Within a step: its transaction keeps no lock on what is read inside, for as long as the store takes afterwards.

    PostgreSQL gives back what was locked since a savepoint when one goes back to it ("Explicit Locking").
    """
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def lock() -> None:
    """Wait for whoever writes to the copy; until the transaction ends nobody else does."""
    _ask("SELECT 1 FROM pg_advisory_xact_lock(%s)", _LOCK)


def what_is_wrong(client: Client, copy: RecordCopy) -> str:
    """Why what the store has cannot be the copy, or nothing. Raises `StoreFailed`."""
    return _look(client, copy)[1]


def _look(client: Client, copy: RecordCopy) -> tuple[int, str]:
    """At which step the store is, and what is wrong with that."""
    rows = client.query(
        f"SELECT max(number), count() FROM {COPIES} WHERE name = unhex({{name:String}})",  # noqa: S608
        {"name": copy.name.hex},
        until=min(client.deadline(), time.monotonic() + SENDING_SECONDS),  # a worker waits that copies nothing yet
    )
    ((begun, count),) = rows
    if not count:
        return begun, "the column store has another copy, or none."
    if begun < copy.number:
        return begun, f"the column store has lost what it had: it is at step {begun} instead of {copy.number}."
    return begun, ""


def announce(client: Client, copy: RecordCopy, number: int) -> None:
    """Tell the store which step comes, before anything of it."""
    client.insert(COPIES, ("name", "number"), [[copy.name.bytes], [number]])


def write(client: Client, rows: Sequence[Sequence[Any]], gone: Sequence[Key], number: int) -> None:
    """Records with the values of `NAMES`, and those that are gone. Odd numbers: those of `_replace` lie below."""
    if rows or gone:
        client.insert(TABLE, WRITTEN, columns_of(rows, gone, 2 * number + 1))


def _take() -> list[RecordChange]:
    """The oldest that wait, no more than a step carries; one of a whole time is alone."""
    waiting = RecordChange.objects.order_by("pk").values_list("pk", "count")[:_MOST_CHANGES]
    taken: list[int] = []
    room = MOST
    for pk, count in waiting:
        size = count or MOST
        if taken and size > room:
            break
        taken.append(pk)
        room -= size
    return list(RecordChange.objects.filter(pk__in=taken).order_by("pk"))


def _replace(client: Client, change: RecordChange, number: int) -> int:
    """Whatever the organization has in a time: what the store has of it is gone, and then comes what the ledger has.
    Of a time with much in it the beginning; the rest stays in the change.
    """
    last = _find_end(client, change)
    with only_looking():
        rows, last = _read_from(change, last)
    selected = ", ".join(f"`{name}`" for name in NAMES)
    client.command(
        f"INSERT INTO {TABLE} ({selected}, copied_as, is_gone) "  # noqa: S608 - names of ours
        f"SELECT {selected}, {2 * number}, 1 FROM {TABLE} FINAL {_IN_TIME}",
        _time_of(change, last),
    )
    write(client, rows, (), number)
    this = RecordChange.objects.filter(pk=change.pk)
    if last < change.last_at:
        this.update(first_at=last + _MICROSECOND)
    else:
        this.delete()
    return len(rows)


def _find_end(client: Client, change: RecordChange) -> datetime:
    """Up to where the store marks as gone, from the beginning of the time."""
    rows = client.query(
        f"SELECT toUnixTimestamp64Micro(started_at) FROM {TABLE} FINAL {_IN_TIME} "  # noqa: S608
        f"ORDER BY started_at LIMIT 1 OFFSET {MOST_GONE}",
        _time_of(change, change.last_at),
    )
    return from_microseconds(rows[0][0]) if rows else change.last_at


def _time_of(change: RecordChange, last: datetime) -> dict[str, int]:
    return {"owner": change.owner_id, "first": microseconds(change.first_at), "last": microseconds(last)}


def _read_from(change: RecordChange, last: datetime) -> tuple[list[tuple[Any, ...]], datetime]:
    """The first records of the time, up to `last` at most, and up to where that is all."""
    records = LedgerRecord.objects.filter(organization_id=change.owner_id, started_at__gte=change.first_at)
    in_order = records.filter(started_at__lte=last).order_by("started_at").values_list(*NAMES)
    rows = list(in_order[: MOST + 1])
    if len(rows) <= MOST:
        return rows, last
    left_over = rows[-1][_STARTED_AT]
    if rows[0][_STARTED_AT] == left_over:  # a moment is not divided
        return list(records.filter(started_at=left_over).values_list(*NAMES)), left_over
    return [row for row in rows if row[_STARTED_AT] < left_over], left_over - _MICROSECOND


def _read(ids: Sequence[UUID]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(ids), _IDS):
        yield from LedgerRecord.objects.filter(pk__in=ids[start : start + _IDS]).order_by().values_list(*NAMES)


def _clean(client: Client, now: datetime) -> None:
    """Once a day: what was gone a day before leaves the store's disk, too.

    Not at once, since an attempt that was cut off may still be on its way to the store.
    """
    copy = RecordCopy.objects.filter(fault="", is_filled=True).first()
    if copy is None or (copy.cleaned_at is not None and now < copy.cleaned_at + _CLEANED_EVERY):
        return
    with step(client) as (copy, number):
        # Whatever comes of it, the next one is in a day: the store may take the order and fail to say so.
        RecordCopy.objects.filter(pk=copy.pk).update(cleaned_at=now)
    if client.query(
        "SELECT 1 FROM system.mutations WHERE database = currentDatabase() AND table = {table:String} "
        "AND NOT is_done LIMIT 1",
        {"table": TABLE},
    ):
        logger.warning("The column store is still at its last cleaning: the next one is put off by a day.")
        return
    key = "organization_id, started_at, id"
    client.command(
        f"ALTER TABLE {TABLE} DELETE WHERE ({key}) IN (SELECT {key} FROM {TABLE} "  # noqa: S608
        f"WHERE ({key}) IN (SELECT {key} FROM {TABLE} WHERE is_gone AND copied_as <= {2 * copy.clean_below + 1}) "
        f"GROUP BY {key} HAVING argMax(is_gone, copied_as) AND max(copied_as) <= {2 * copy.clean_below + 1}) "
        "SETTINGS mutations_sync = 0, allow_nondeterministic_mutations = 1"
    )
    # Used by the next cleaning, when this one is done.
    RecordCopy.objects.filter(name=copy.name).update(clean_below=number)


def _ask(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row and row[0]
