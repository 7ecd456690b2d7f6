"""Making a copy of the records there are, taking it away, and holding it against the ledger."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Q, Sum

from analytics.models import LedgerRecord, RecordChange, RecordCopy
from analytics.quantities import QUANTITY_COLUMNS
from analytics.record_store import changes, feeding
from analytics.record_store.client import Client, drop
from analytics.record_store.tables import COPIES, NAMES, TABLE, creations
from orgs.models import Organization

_AWAITED_SECONDS = 0.2
_ROUNDS = 3  # of comparing days that differ: calls come in meanwhile
# What is compared of each day, besides how many records it has.
SUMMED = ("cost_pico_usd", *QUANTITY_COLUMNS, "latency_ms", "price_revision")
COUNTED = ("is_request", "is_error")
_Day = tuple[int, ...]


class Difference(NamedTuple):
    organization_id: int
    day: date
    in_ledger: int
    in_copy: int

    def __str__(self) -> str:
        amounts = " and other sums" if self.in_ledger == self.in_copy else ""
        return (
            f"organization {self.organization_id}, {self.day}: {self.in_copy} records in the copy, "
            f"{self.in_ledger} in the ledger{amounts}"
        )


# --- Filling ----------------------------------------------------------------------------------------------------------


def begin(client: Client, *, now: datetime) -> RecordCopy:
    """The copy that is there, or a new empty one, from which moment on everybody notes what changes.

    Returns when all transactions that may not have seen it are over. Raises `StoreFailed`, and `NoCopy` where the store
    has one that is not known here: of another ledger, or one that was forgotten.
    """
    for statement in creations():
        client.command(statement)
    copy = RecordCopy.objects.first()
    if copy is None:
        if client.query(f"SELECT 1 FROM {COPIES} LIMIT 1"):  # noqa: S608
            raise feeding.NoCopy("The column store has one that is not known here. `fill --again` takes it away.")
        copy = RecordCopy(name=uuid.uuid4(), begun_at=now)
        feeding.announce(client, copy, 0)
        copy.save(force_insert=True)
    _await_others()
    return copy


def _await_others() -> None:
    """Whoever looked for a copy before it was there has written before that, and so has a number of PostgreSQL's."""
    newest = _ask("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    while _ask("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") < newest:
        time.sleep(_AWAITED_SECONDS)


def fill(client: Client, *, on_progress: Callable[[int], None] = lambda count: None) -> int:
    """Copy the records from where the last filling stopped, by their ids. Returns how many.

    Raises `StoreFailed`, and `NoCopy` without one, or while somebody else writes to it.
    """
    total = 0
    while (count := _fill_on(client)) is not None:
        total += count
        on_progress(total)
    return total


def _fill_on(client: Client) -> int | None:
    with feeding.step(client, waits=True) as (copy, number):
        if copy.is_filled:
            return None
        records = LedgerRecord.objects.order_by("pk")
        if copy.filled_to is not None:
            records = records.filter(pk__gt=copy.filled_to)
        with feeding.only_looking():
            rows = list(records.values_list(*NAMES)[: feeding.MOST])
        feeding.announce(client, copy, number)
        feeding.write(client, rows, (), number)
        copy.filled_to = rows[-1][0] if rows else copy.filled_to
        copy.is_filled, copy.number = len(rows) < feeding.MOST, number
        copy.save(update_fields=["filled_to", "is_filled", "number"])
        return len(rows)


@transaction.atomic
def drop_copy(client: Client) -> None:
    """Nobody reads it from now on, and nothing is noted for it. Raises `StoreFailed`."""
    feeding.lock()
    forget()
    drop(client)


@transaction.atomic
def forget() -> bool:
    """What is known here of a copy. Returns whether there was one."""
    has_been = bool(RecordCopy.objects.all().delete()[0])
    changes_left = RecordChange.objects.all()
    changes_left._raw_delete(changes_left.db)
    return has_been


# --- Comparing --------------------------------------------------------------------------------------------------------


def compare(client: Client, *, organization_id: int | None = None) -> Iterator[Difference]:
    """The days of which the copy holds another number of records, or other sums, than the ledger; by organization.

    What waits for the copy is no difference of it: carry it over before. Raises `StoreFailed`.
    """
    in_ledger = set(Organization.objects.values_list("pk", flat=True)) if organization_id is None else {organization_id}
    in_copy = client.query(f"SELECT DISTINCT organization_id FROM {TABLE} FINAL")  # noqa: S608
    known = {pk for (pk,) in in_copy} if organization_id is None else set()
    for pk in sorted(in_ledger | known):
        days: set[date] | None = None  # all
        for _ in range(_ROUNDS):
            ours, theirs = _days_of_ledger(pk, days), _days_of_copy(client, pk, days)
            days = {day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day)}
            if not days:
                break
            feeding.carry_over(client, now=datetime.now(UTC), seconds=60)
        for day in sorted(days or ()):
            yield Difference(pk, day, ours.get(day, (0,))[0], theirs.get(day, (0,))[0])


def repair(differences: list[Difference]) -> None:
    """Have these days replaced by what the ledger has, with the next carrying over."""
    for one in differences:
        midnight = datetime.combine(one.day, clock_time.min, tzinfo=UTC)
        changes.note_all([one.organization_id], midnight - timedelta(days=2), midnight + timedelta(days=3))


def _days_of_ledger(organization_id: int, days: set[date] | None) -> Mapping[date, _Day]:
    records = LedgerRecord.objects.filter(organization_id=organization_id)
    if days is not None:
        records = records.filter(local_day__in=days)
    sums = {f"sum_{name}": Sum(name, default=0) for name in SUMMED}
    counts = {f"count_{name}": Count("pk", filter=Q((name, True))) for name in COUNTED}
    rows = records.order_by().values_list("local_day").annotate(count=Count("pk"), **sums, **counts)
    return {day: tuple(map(int, amounts)) for day, *amounts in rows.iterator()}


def _days_of_copy(client: Client, organization_id: int, days: set[date] | None) -> Mapping[date, _Day]:
    sums = [f"sum(toInt128(ifNull({name}, 0)))" for name in SUMMED]
    counts = [f"countIf({name})" for name in COUNTED]
    parameters: dict[str, Any] = {"owner": organization_id}
    narrowed = ""
    if days is not None:
        parameters["days"] = sorted(days)
        narrowed = " AND local_day IN {days:Array(Date32)}"
    rows = client.query(
        f"SELECT local_day, count(), {', '.join([*sums, *counts])} FROM {TABLE} FINAL "  # noqa: S608
        f"WHERE organization_id = {{owner:Int64}}{narrowed} GROUP BY local_day",
        parameters,
    )
    return {day: tuple(map(int, amounts)) for day, *amounts in rows}


def size_of(client: Client) -> tuple[int, int]:
    """How many rows the store has, older ones of the same records included, and how many bytes on its disk."""
    rows = client.query(
        "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table IN ({one:String}, {two:String})",
        {"one": TABLE, "two": COPIES},
    )
    ((count, size),) = rows
    return int(count), int(size)


def _ask(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        (number,) = cursor.fetchone()
    return int(number)
