"""What a change of prices would do to the costs of posted records, before it is made: the same records, the same
arithmetic, the same comparison as the repricing that would follow. Reads, and writes nothing.

It is bounded, and says where it stopped. Organizations come by their ids, the records of each newest first.
"""

import time
from datetime import date, datetime

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from analytics import repricing
from analytics.models import LedgerRecord
from analytics.partitions.reading import began
from analytics.price_book import Proposal
from analytics.repricing import Figures
from orgs.models import Organization

CHUNK = 200
MOST_RECORDS = 100_000
MOST_SECONDS = 6.0
# After each chunk, so that the calls that this process forwards meanwhile are not kept waiting.
_PAUSE_SECONDS = 0.004


class Stop(msgspec.Struct, frozen=True):
    """Where a preview that is only a part ended."""

    organization_id: int
    since: datetime | None  # Of this organization, what began earlier was not looked at (None: nothing was), ...
    later_count: int  # ... nor were so many organizations after it.


class Preview(msgspec.Struct, kw_only=True):
    """Figures of the records that would change, by organization and month; and how many were looked at."""

    months: dict[tuple[int, date], Figures] = msgspec.field(default_factory=dict)
    looked_at: int = 0
    stop: Stop | None = None

    @property
    def total(self) -> Figures:
        total = Figures()
        for figures in self.months.values():
            total.add(figures)
        return total


def look(
    proposal: Proposal,
    *,
    organization_id: int | None = None,
    most_records: int = MOST_RECORDS,
    most_seconds: float = MOST_SECONDS,
) -> Preview:
    """For about so long; of one organization or of all that are concerned."""
    preview = Preview()
    deadline = time.monotonic() + most_seconds
    wanted = _organizations(proposal, organization_id)
    for position, pk in enumerate(wanted, 1):
        records = repricing.concerned(pk, _condition(proposal, pk))
        last: LedgerRecord | None = None
        while True:
            rows = _read(records, last, deadline) if preview.looked_at < most_records else None
            if rows is None:
                since = None if last is None else last.started_at
                preview.stop = Stop(pk, since, len(wanted) - position)
                return preview
            for row in rows:
                cost = proposal.book.cost_of_row(row)
                if repricing.is_change(row, cost):
                    preview.months.setdefault((pk, row.local_day.replace(day=1)), Figures()).note(row, cost)
            preview.looked_at += len(rows)
            if len(rows) < CHUNK:
                break
            last = rows[-1]
            time.sleep(_PAUSE_SECONDS)
    return preview


def _organizations(proposal: Proposal, organization_id: int | None) -> list[int]:
    owners = {scope.organization_id for scope in proposal.scopes}
    wanted = Organization.objects.order_by("pk")
    if None not in owners:
        wanted = wanted.filter(pk__in=[owner for owner in owners if owner is not None])
    if organization_id is not None:
        wanted = wanted.filter(pk=organization_id)
    return list(wanted.values_list("pk", flat=True))


def _condition(proposal: Proposal, organization_id: int) -> Q:
    condition = Q()
    for scope in proposal.scopes:
        if scope.organization_id in (None, organization_id):
            condition |= scope.condition()
    return condition


def _read(records: QuerySet[LedgerRecord], last: LedgerRecord | None, deadline: float) -> list[LedgerRecord] | None:
    """The next records, after the last one that was seen. None when the time is over before there are any."""
    remaining = records
    if last is not None:
        is_later = Q(started_at__lt=last.started_at) | Q(pk__lt=last.pk)
        remaining = records.filter(is_later, began(until=last.started_at))
    milliseconds = round((deadline - time.monotonic()) * 1000)
    if milliseconds <= 0:
        return None
    chosen = remaining.order_by("-started_at", "-pk")[:CHUNK]
    if connection.vendor != "postgresql":
        return list(chosen)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # A model that hardly anybody uses may be looked for in all that an organization has.
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            rows = list(chosen)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return rows
    except OperationalError:
        return None
