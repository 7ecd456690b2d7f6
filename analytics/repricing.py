"""Pricing posted records again: after prices changed (`analytics.price_changes`), or on command. Exact under concurrent
posting and repricing.

A few hundred records a transaction. Each locks in posting's order (organization, revision, records, roll-ups), changes
only records that are still as they were seen, and moves the roll-ups by the difference in the same transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from analytics import conflicts, price_book, rollups
from analytics.models import CostStatus, LedgerRecord
from analytics.partitions.reading import began, began_around
from analytics.pricing import Cost
from analytics.record_store import changes as copied
from orgs.models import Organization
from orgs.services import organizations

CHUNK = 500
# No price changes what these cost.
_SETTLED = (
    CostStatus.SIMULATED,
    CostStatus.INTERRUPTED,
    CostStatus.UNMETERED,
    CostStatus.PENDING,
    CostStatus.FREE,
)

# A change of the status alone leaves the amount before the current one where it is.
_UPDATE = """
UPDATE analytics_usagerecord SET
    previous_cost_pico_usd = CASE
        WHEN COALESCE(analytics_usagerecord.cost_pico_usd, -1) = COALESCE(CAST(changed.column3 AS bigint), -1)
        THEN analytics_usagerecord.previous_cost_pico_usd
        ELSE analytics_usagerecord.cost_pico_usd
    END,
    cost_pico_usd = CAST(changed.column3 AS bigint),
    cost_status = changed.column4,
    price_revision = changed.column5
FROM (VALUES {rows}) AS changed
WHERE analytics_usagerecord.id = changed.column1 AND analytics_usagerecord.price_revision = changed.column2
RETURNING analytics_usagerecord.id
"""


# Told of the records of a chunk that really changed, as they were, and what they cost now; in the chunk's transaction.
Witness = Callable[[Sequence[tuple[LedgerRecord, Cost]]], None]


class Figures(msgspec.Struct, kw_only=True):
    """What was looked at and what of it changed. Amounts are pico-USD; unknown costs count as nothing in them."""

    checked_count: int = 0
    changed_count: int = 0
    newly_priced_count: int = 0
    newly_unpriced_count: int = 0
    before: int = 0
    after: int = 0

    def add(self, other: "Figures") -> None:
        for name in Figures.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def note(self, row: LedgerRecord, cost: Cost | None) -> None:
        """`cost` is what a changed record costs now."""
        self.checked_count += 1
        before = row.cost_pico_usd
        after = before if cost is None else cost.pico_usd
        self.before += before or 0
        self.after += after or 0
        self.changed_count += cost is not None
        self.newly_priced_count += before is None and after is not None
        self.newly_unpriced_count += before is not None and after is None


class Difference(Figures, kw_only=True):
    """What repricing made of one organization's records, or would make (a dry run)."""

    organization_id: int
    months: dict[date, Figures] = msgspec.field(default_factory=dict)  # by their first days

    def note(self, row: LedgerRecord, cost: Cost | None) -> None:
        super().note(row, cost)
        self.months.setdefault(row.local_day.replace(day=1), Figures()).note(row, cost)


def reprice(
    *,
    organization_id: int | None = None,
    start: date | None = None,
    end: date | None = None,
    only_unpriced: bool = False,
    dry_run: bool = False,
    witness: Witness | None = None,
) -> list[Difference]:
    """Price records again; returns the difference of each organization that had any. May be stopped and run again.

    `start` and `end` are days in the organization's time zone, both inclusive. A dry run changes and locks nothing.
    """
    condition = _days(start, end)
    if only_unpriced:
        condition &= Q(cost_status=CostStatus.UNPRICED)
    wanted = Organization.objects.order_by("pk").values_list("pk", flat=True)
    if organization_id is not None:
        wanted = wanted.filter(pk=organization_id)
    differences = []
    for pk in list(wanted):
        difference = Difference(organization_id=pk)
        for ids, _ in _chunks(concerned(pk, condition)):
            if dry_run:
                _look(ids, difference)
            else:
                _reprice(ids, difference, witness)
        if difference.checked_count:
            differences.append(difference)
    return differences


def steps(*, organization_id: int, condition: Q, witness: Witness | None = None) -> Iterator[datetime]:
    """Price an organization's records that meet a condition again, a chunk at each step, by their start.

    Yields the start of the last one.
    """
    difference = Difference(organization_id=organization_id)
    for ids, last in _chunks(concerned(organization_id, condition)):
        _reprice(ids, difference, witness)
        yield last


def concerned(organization_id: int, condition: Q) -> QuerySet[LedgerRecord]:
    """An organization's records that meet a condition, and whose cost depends on prices."""
    return LedgerRecord.objects.filter(condition, organization_id=organization_id).exclude(cost_status__in=_SETTLED)


def _days(start: date | None, end: date | None) -> Q:
    """By the stored local day; the bounds on the start are for the index."""
    condition = began_around(start, end)
    if start is not None:
        condition &= Q(local_day__gte=start)
    if end is not None:
        condition &= Q(local_day__lte=end)
    return condition


def _chunks(records: QuerySet[LedgerRecord]) -> Iterator[tuple[list[UUID], datetime]]:
    """Ids in the order of the index, continuing after the last one seen, and that one's start. What is posted meanwhile
    has today's price.
    """
    remaining = records
    while found := list(remaining.order_by("started_at", "pk").values_list("started_at", "pk")[:CHUNK]):
        last, pk = found[-1]
        yield [identifier for _, identifier in found], last
        remaining = records.filter(Q(started_at__gt=last) | Q(pk__gt=pk), began(last))


def _look(ids: Sequence[UUID], difference: Difference) -> None:
    book = price_book.current()
    for row in LedgerRecord.objects.filter(pk__in=ids):
        cost = book.cost_of_row(row)
        difference.note(row, cost if is_change(row, cost) else None)


def _reprice(ids: Sequence[UUID], difference: Difference, witness: Witness | None = None) -> None:
    organization_id = difference.organization_id
    what = f"Repricing {len(ids)} records of organization {organization_id}"
    for row, cost in conflicts.retry(lambda: _reprice_chunk(ids, organization_id, witness), what):
        difference.note(row, cost)


@transaction.atomic
def _reprice_chunk(
    ids: Sequence[UUID], organization_id: int, witness: Witness | None
) -> list[tuple[LedgerRecord, Cost | None]]:
    """The records as they were, and what those that changed cost now."""
    organizations.lock_shared([organization_id])
    book = price_book.current(shared_lock=True)
    # Locked and read in one go, so that a second repricing beside this one sees what this one leaves.
    rows = list(LedgerRecord.objects.filter(pk__in=ids).select_for_update().order_by("pk"))
    costs = [(row, book.cost_of_row(row)) for row in rows]
    changes = [(row, cost) for row, cost in costs if is_change(row, cost)]
    stored = store_costs(changes, book.revision)
    changes = [(row, cost) for row, cost in changes if row.pk in stored]
    removed = [_facts_of(row) for row, _ in changes]
    added = [
        msgspec.structs.replace(facts, cost_pico_usd=cost.pico_usd, cost_status=cost.status)
        for facts, (_, cost) in zip(removed, changes, strict=True)
    ]
    rollups.changes(added=added, removed=removed)
    if witness is not None and changes:
        witness(changes)
    costs_now = {row.pk: cost for row, cost in changes}
    return [(row, costs_now.get(row.pk)) for row in rows]


def is_change(row: LedgerRecord, cost: Cost) -> bool:
    """Whether repricing would give a record this cost, or leave it as it is."""
    if row.cost_status in _SETTLED:
        return False
    return (row.cost_pico_usd, row.cost_status) != (cost.pico_usd, cost.status)


def store_costs(changes: Sequence[tuple[LedgerRecord, Cost]], revision: int) -> set[UUID]:
    """Returns the ids of the records that really changed: those with the revision that was seen."""
    if not changes:
        return set()
    to_database = LedgerRecord._meta.pk.get_db_prep_value
    parameters: list[Any] = []
    for row, cost in changes:
        identifier = to_database(row.pk, connection)
        parameters += [identifier, row.price_revision, cost.pico_usd, cost.status, revision]
    with connection.cursor() as cursor:
        rows = ", ".join(["(%s, %s, %s, %s, %s)"] * len(changes))
        cursor.execute(_UPDATE.format(rows=rows), parameters)
        stored = {UUID(str(identifier)) for (identifier,) in cursor.fetchall()}
    copied.note(copied.Key(row.organization_id, row.pk, row.started_at) for row, _ in changes if row.pk in stored)
    return stored


def _facts_of(row: LedgerRecord) -> rollups.RecordFacts:
    return rollups.facts_of(getattr(row, column) for column in rollups.FACT_COLUMNS)
