"""Whether all that was let in is in the books: for owners of their organization, for staff of the whole service.

Calls that were let in are running, or in a journal, or in the ledger. `JournalState` has what each serving process says
of the first two; receipts say what the ledger took; the nightly check (`analytics.self_check`) what does not add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Max, Q, Sum
from django.utils import timezone

from analytics import rejected, reports
from analytics.models import JournalState, LedgerDifference, RecordsKept, RejectedRecord, UsageBatch
from analytics.periods import Period
from analytics.record_store import changes
from analytics.record_store.changes import Behind
from analytics.reports import Scope, Sums

_MOST = 10_000  # nobody waits for more to be counted
SILENCE = timedelta(seconds=60)  # after which a process that has something on the way counts as gone


class Pulse(NamedTuple):
    """Of the whole ledger, found by indexes alone."""

    last_posting: datetime | None
    rejected: int  # lines that wait for somebody; no more than 10,000 are counted
    differing_days: int
    copy: Behind | None  # where there is a column store


def pulse() -> Pulse:
    last = UsageBatch.objects.aggregate(last=Max("posted_at"))["last"]
    waiting = RejectedRecord.objects.all()[:_MOST].count()
    return Pulse(last, waiting, LedgerDifference.objects.count(), changes.how_far_behind(now=timezone.now()))


# --- On the way -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Process:
    """What a serving process let in, since its start or for as long as it lived."""

    state: JournalState
    is_silent: bool  # it has something on the way, and has not been heard of for a minute

    @property
    def missing_count(self) -> int:
        """Calls that were let in and are neither running nor written: 0, or something is broken."""
        return self.state.accepted_count - self.state.written_count - self.state.in_flight_count

    @property
    def has_something(self) -> bool:
        return bool(self.state.in_flight_count or self.state.waiting_segments)


@dataclass(frozen=True, slots=True)
class OnTheWay:
    processes: tuple[Process, ...]

    @property
    def waiting_segments(self) -> int:
        return sum(process.state.waiting_segments for process in self.processes)

    @property
    def in_flight_count(self) -> int:
        return sum(process.state.in_flight_count for process in self.processes)

    @property
    def oldest_waiting_at(self) -> datetime | None:
        """All calls that ended before it are in the ledger. None: all that have ended."""
        return min((p.state.oldest_waiting_at for p in self.processes if p.state.oldest_waiting_at), default=None)

    @property
    def silent(self) -> tuple[Process, ...]:
        return tuple(process for process in self.processes if process.is_silent)

    @property
    def missing_count(self) -> int:
        return sum(abs(process.missing_count) for process in self.processes)


def on_the_way(*, now: datetime) -> OnTheWay:
    """What the processes have said within the last seconds. One query."""
    something = Q(in_flight_count__gt=0) | Q(waiting_segments__gt=0)
    states = JournalState.objects.filter(something | Q(seen_at__gt=now - SILENCE)).order_by("host", "process")
    return OnTheWay(tuple(_process(state, now) for state in states))


def _process(state: JournalState, now: datetime) -> Process:
    has_something = bool(state.in_flight_count or state.waiting_segments)
    return Process(state, is_silent=has_something and state.seen_at <= now - SILENCE)


# --- Of one organization ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meter:
    """How complete an organization's figures of some days are."""

    total: Sums
    last_posting: datetime | None  # of the service
    on_the_way: OnTheWay
    rejected_count: int
    differences: tuple[LedgerDifference, ...]
    records_from: date | None  # earlier records were removed for their age

    @property
    def exact_count(self) -> int:
        return count_exact(self.total)

    @property
    def is_complete(self) -> bool:
        silent = self.on_the_way.silent
        return not (self.differences or self.rejected_count or silent or self.on_the_way.missing_count)


def count_exact(total: Sums) -> int:
    """Requests with the provider's own numbers and a price."""
    return total.priced_count - total.partial_count - total.estimated_count


def read_meter(*, organization_id: int, period: Period, now: datetime) -> Meter:
    return Meter(
        total=reports.get_total(Scope(organization_id, period)),
        last_posting=pulse().last_posting,
        on_the_way=on_the_way(now=now),
        rejected_count=rejected.lines_of(organization_id)[:_MOST].count(),
        differences=tuple(LedgerDifference.objects.filter(organization_id=organization_id).order_by("day")),
        records_from=RecordsKept.objects.filter(organization_id=organization_id)
        .values_list("first_day", flat=True)
        .first(),
    )


# --- Of the whole service ---------------------------------------------------------------------------------------------


class Receipts(NamedTuple):
    """Of the segments posted since some moment: lines = inserted + rejected + posted before."""

    segments: int
    lines: int
    inserted: int
    rejected: int

    @property
    def known(self) -> int:
        """Lines that the ledger had already: a segment that was posted again after a restore, say."""
        return self.lines - self.inserted - self.rejected


def receipts_since(moment: datetime) -> Receipts:
    found = UsageBatch.objects.filter(posted_at__gte=moment)
    sums = found.aggregate(lines=Sum("line_count"), inserted=Sum("inserted_count"), rejected=Sum("rejected_count"))
    return Receipts(found.count(), *(sums[name] or 0 for name in ("lines", "inserted", "rejected")))


# --- Said by the processes --------------------------------------------------------------------------------------------


def say(states: Iterable[JournalState]) -> None:
    """One statement; what was said before is replaced."""
    names = [field.name for field in JournalState._meta.concrete_fields if not field.primary_key]
    JournalState.objects.bulk_create(states, update_conflicts=True, unique_fields=["process"], update_fields=names)


def forget_ended(*, now: datetime) -> None:
    """Processes that have left nothing, and ended at least a day ago."""
    ended = JournalState.objects.filter(in_flight_count=0, waiting_segments=0)
    ended.filter(seen_at__lt=now - timedelta(days=1)).delete()


def forget(processes: Iterable[str]) -> None:
    """Their directories are gone: others have taken over what was in them."""
    JournalState.objects.filter(process__in=list(processes)).delete()
