"""The request log: the calls behind the figures, newest first, a page or a chunk at a time.

Reads records, never more than asked for: each page goes on after the last call of the one before (keyset), which takes
as long in the middle of millions as at their start. Nothing is aggregated here.

What no report counts is not listed either: calls that are known to cost nothing, like lists of models and retrievals of
answers. They are listed when they are asked for, by their mark.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

from django.db.models import Q, QuerySet

from analytics import periods, reports
from analytics.models import CostStatus, LedgerRecord
from analytics.partitions.reading import began
from analytics.receipts import say_duration, say_used
from analytics.record_store import questions as record_store
from analytics.reports import Scope
from orgs.models import ApiKey, Team

PAGE_SIZE = 50
STATUSES = {"ok": "Without an error", "error": "With an error"}
# What is worth knowing of a call beside its figures, and the records that it holds for.
FLAGS = {
    "streamed": Q(is_streamed=True),
    "estimated": Q(usage_source="estimated"),
    "partial": Q(cost_status=CostStatus.PARTIAL),
    "unpriced": Q(cost_status=CostStatus.UNPRICED),
    "pending": Q(cost_status=CostStatus.PENDING),
    "simulated": Q(cost_status=CostStatus.SIMULATED),
    "interrupted": Q(cost_status=CostStatus.INTERRUPTED),
    "free": Q(cost_status=CostStatus.FREE),
}
_STATUS_FLAGS = ("partial", "unpriced", "pending", "simulated", "interrupted", "free")
_IS_LISTED = ~FLAGS["free"] & (Q(is_request=True) | Q(is_error=True) | ~Q(state="complete"))
# Rules of time zones change; the day of a record does not.
SLACK = timedelta(hours=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})")


class BadCursor(ValueError):
    """The text is none that a page has given out."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls: those of a scope, perhaps only the good or the failed ones, or those with one of `FLAGS`."""

    scope: Scope
    zone: tzinfo  # the organization's, in which the days of the scope are counted
    status: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a call in the log."""

    started_at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.started_at - _EPOCH) // _MICROSECOND}-{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises `BadCursor`."""
        found = _CURSOR.fullmatch(text)
        try:
            if found:
                return cls(_EPOCH + timedelta(microseconds=int(found[1])), UUID(found[2]))
        except OverflowError:
            pass
        raise BadCursor("This is no cursor that an answer has given.")


@dataclass(slots=True)
class Names:
    """What teams and keys are called: asked for in bulk, remembered from one chunk to the next."""

    organization_id: int
    keys: dict[int, str] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)

    def learn(self, records: Iterable[LedgerRecord]) -> None:
        """Two queries, none where all are known."""
        rows = list(records)
        key_ids = {row.api_key_id for row in rows} - self.keys.keys()
        team_ids = {row.team_id for row in rows} - self.teams.keys()
        if key_ids:
            keys = ApiKey.objects.filter(organization_id=self.organization_id).in_bulk(list(key_ids))
            self.keys |= {pk: keys[pk].label if pk in keys else f"deleted key {pk}" for pk in key_ids}
        if team_ids:
            teams = Team.objects.filter(organization_id=self.organization_id).in_bulk(list(team_ids))
            self.teams |= {pk: teams[pk].name if pk in teams else f"deleted team {pk}" for pk in team_ids}


@dataclass(frozen=True, slots=True)
class LogRow:
    record: LedgerRecord
    key_name: str
    team_name: str

    @property
    def model(self) -> str:
        return self.record.model or self.record.model_requested

    @property
    def used(self) -> tuple[str, str]:
        return say_used(self.record)

    @property
    def latency(self) -> str:
        return say_duration(self.record.latency_ms)

    @property
    def flags(self) -> tuple[str, ...]:
        return flags_of(self.record)


@dataclass(frozen=True, slots=True)
class LogPage:
    """`older` and `newer` are where to go on from; None at the ends."""

    rows: list[LogRow]
    older: Cursor | None = None
    newer: Cursor | None = None


def read_page(
    question: Question, *, older: Cursor | None = None, newer: Cursor | None = None, size: int = PAGE_SIZE
) -> LogPage:
    """The newest calls; those before the cursor `older`; or those after `newer`. Three queries, one without calls.

    Where less than a page is newer, it is the first page, filled up with what comes after.
    """
    if newer is not None:
        found = record_store.current().read_log(question, place=newer, is_newer=True, size=size + 1)
        if len(found) > size:
            rows = _named(question, found[size - 1 :: -1])
            return LogPage(rows, older=cursor_of(rows[-1].record), newer=cursor_of(rows[0].record))
    place = older if newer is None else None
    records = read_chunk(question, place, size + 1)
    rows = _named(question, records[:size])
    return LogPage(
        rows,
        older=cursor_of(records[size - 1]) if len(records) > size else None,
        newer=cursor_of(records[0]) if place and records else None,
    )


def read_chunk(question: Question, place: Cursor | None, size: int) -> list[LedgerRecord]:
    """Up to `size` records, newest first, that come after the place. One query."""
    return record_store.current().read_log(question, place=place, is_newer=False, size=size)


def select(question: Question, *, place: Cursor | None, is_newer: bool, size: int) -> list[LedgerRecord]:
    """The ledger's own answer: `record_store.questions`."""
    records = records_of(question)
    if is_newer and place is not None:
        return list(_after(records, place).order_by("started_at", "pk")[:size])
    if place is not None:
        records = _before(records, place)
    return list(records.order_by("-started_at", "-pk")[:size])


def records_of(question: Question) -> QuerySet[LedgerRecord]:
    """In no order. The day decides, as in the reports; the bounds on the start are for the index."""
    scope = question.scope
    first, after_last = periods.moments_of(scope.period, question.zone)
    records = LedgerRecord.objects.filter(
        *conditions_of(question),
        began(first - SLACK, after_last + SLACK),
        organization_id=scope.organization_id,
        local_day__range=(scope.period.start, scope.period.end),
    )
    return records if scope.tag is None else reports.with_tag(records, scope.tag)


def conditions_of(question: Question) -> list[Q]:
    """A scope as the roll-ups mean it, said of records; the tag apart."""
    scope = question.scope
    exact = {
        "provider": scope.provider or None,
        "prompt_key": scope.prompt_key,
        "team_id": scope.team_id,
        "api_key_id": scope.api_key_id,
        "version": scope.version,
    }
    found = [Q((name, value)) for name, value in exact.items() if value is not None]
    if scope.model:
        found.append(Q(model=scope.model) | Q(model="", model_requested=scope.model))
    elif scope.model is not None:
        found.append(Q(model="", model_requested=""))
    if question.status:
        found.append(Q(is_error=question.status == "error"))
    if question.flag:
        found.append(FLAGS[question.flag])
    if question.flag != "free":
        found.append(_IS_LISTED)
    return found


def find_id(organization_id: int, text: str) -> UUID | None:
    """Of a call, listed or not, by the id that its answer had, with hyphens or without. None for anything else."""
    try:
        call_id = UUID(text)
    except ValueError:
        return None
    return LedgerRecord.objects.filter(pk=call_id, organization_id=organization_id).values_list("pk", flat=True).first()


def _before(records: QuerySet[LedgerRecord], place: Cursor) -> QuerySet[LedgerRecord]:
    comes_later = Q(started_at__lt=place.started_at) | Q(pk__lt=place.id)
    return records.filter(comes_later, began(until=place.started_at))


def _after(records: QuerySet[LedgerRecord], place: Cursor) -> QuerySet[LedgerRecord]:
    comes_earlier = Q(started_at__gt=place.started_at) | Q(pk__gt=place.id)
    return records.filter(comes_earlier, began(since=place.started_at))


def _named(question: Question, records: Sequence[LedgerRecord]) -> list[LogRow]:
    names = Names(question.scope.organization_id)
    names.learn(records)
    return [LogRow(record, names.keys[record.api_key_id], names.teams[record.team_id]) for record in records]


def cursor_of(record: LedgerRecord) -> Cursor:
    return Cursor(record.started_at, record.pk)


def flags_of(record: LedgerRecord) -> tuple[str, ...]:
    """Those of `FLAGS` that hold, in their order."""
    return tuple(
        flag
        for flag, holds in (
            ("streamed", record.is_streamed),
            ("estimated", record.usage_source == "estimated"),
            *((status, record.cost_status == status) for status in _STATUS_FLAGS),
        )
        if holds
    )
