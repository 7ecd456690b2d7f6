"""Holding the books against each other: roll-ups and records, condensed roll-ups and daily ones, receipts and records.

Reads, and writes nothing. `manage.py verify_ledger` shows all of it, `analytics.self_check` looks at a day every night.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import ProgrammingError, models
from django.db.models import Count, Q, Sum

from analytics import condensing, retention, rollups
from analytics.call_ids import moments_around, tells_start
from analytics.models import (
    CondensedTotals,
    CondensedUsage,
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    RejectedRecord,
    UsageBatch,
)
from analytics.models.rollups import DAILY_KEY, DAILY_TAG_KEY, FIGURE_COLUMNS, SUM_COLUMNS
from analytics.partitions import dropping
from analytics.partitions.locks import hold_shape, is_gone
from analytics.partitions.reading import began_around
from analytics.reports.snapshot import one_moment
from analytics.rollups import Key, Sums
from analytics.spans import Span

_USAGE_KEY = ("tag", "team_id", "api_key_id", "prompt_key", "version", "provider", "model")
_TOTALS_KEY = ("tag", "provider", "model")
_SEGMENTS = 500
_RECORDS = 5000
_ATTEMPTS = 3  # a month that was taken out may be dropped at any moment
_TOLD = 3  # columns of one row that are told; the others are counted


class Difference(NamedTuple):
    """Something that does not add up. `organization_id` is None for what belongs to several."""

    organization_id: int | None
    day: date | None
    tells: str

    def __str__(self) -> str:
        whose = f"organization {self.organization_id}" if self.organization_id else "all organizations"
        return f"{whose}{f', {self.day}' if self.day else ''}: {self.tells}"


# --- Roll-ups against records -----------------------------------------------------------------------------------------


def days_of(organization_id: int, first: date, last: date) -> list[date]:
    """The local days with roll-ups or records, both ends included."""
    rolled = DailyUsage.objects.filter(organization_id=organization_id, day__range=(first, last))
    recorded = _records_on(organization_id, first, last)
    days = set(rolled.order_by().values_list("day", flat=True).distinct())
    return sorted(days.union(recorded.order_by().values_list("local_day", flat=True).distinct()))


def _records_on(organization_id: int, first: date, last: date) -> models.QuerySet[LedgerRecord]:
    return LedgerRecord.objects.filter(
        began_around(first, last), organization_id=organization_id, local_day__range=(first, last)
    )


def check_day(organization_id: int, day: date) -> list[Difference]:
    """Both roll-ups of a day against what its records make of it.

    Of a day whose records may be gone the roll-ups must hold at least what is left.
    """
    with one_moment():
        expected = rollups.rows_of(rollups.records_of(organization_id, day))
        is_whole = day >= rollups.first_whole_day(organization_id)
        stored = [
            _stored(table, key, organization_id, day)
            for table, key in ((DailyUsage, DAILY_KEY), (DailyTagUsage, DAILY_TAG_KEY))
        ]
    found = []
    for name, made, kept in zip(("daily usage", "daily usage by tag"), expected, stored, strict=True):
        found += [Difference(organization_id, day, tells) for tells in _compare(name, made, kept, is_whole=is_whole)]
    return found


def _stored(table: type[models.Model], key: Sequence[str], organization_id: int, day: date) -> dict[Key, Sums]:
    rows = table._default_manager.filter(organization_id=organization_id, day=day).values_list(*key, *SUM_COLUMNS)
    return {row[: len(key)]: list(row[len(key) :]) for row in rows.iterator()}


def _compare(name: str, made: Mapping[Key, Sums], kept: Mapping[Key, Sums], *, is_whole: bool = True) -> Iterator[str]:
    nothing = [0] * len(SUM_COLUMNS)
    for key in sorted(made.keys() | kept.keys(), key=str):
        is_row = key in kept
        wrong = [
            f"{column} {has} instead of {should}"
            for column, has, should in zip(SUM_COLUMNS, kept.get(key, nothing), made.get(key, nothing), strict=False)
            if (has != should if is_whole else has < should)
        ]
        if wrong:
            more = f" and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
            yield f"{name} {_words(key[2:])}: {', '.join(wrong[:_TOLD])}{more}{'' if is_row else ' (there is no row)'}"


def _words(key: Sequence[Any]) -> str:
    return "/".join(str(part) if part is not None else "all" for part in key)


# --- Condensed roll-ups against daily ones ----------------------------------------------------------------------------


def check_condensed(organization_id: int, first: date, last: date) -> list[Difference]:
    """Every condensed span that may be read and begins within these days."""
    found: list[Difference] = []
    for span in sorted(condensing.find_ready(organization_id)):
        if first <= span.start <= last:
            with one_moment():
                if span in condensing.find_ready(organization_id):  # still: a late record takes the voucher away
                    found += _check_span(organization_id, span)
    return found


def _check_span(organization_id: int, span: Span) -> Iterator[Difference]:
    of_span = {"organization_id": organization_id, "kind": span.kind, "start": span.start}
    of_days = Q(organization_id=organization_id, day__range=(span.start, span.end))
    daily = {
        **_summed(DailyUsage, _USAGE_KEY[1:], SUM_COLUMNS, of_days, lead=(None,)),
        **_summed(DailyTagUsage, _USAGE_KEY, SUM_COLUMNS, of_days),
    }
    pairs = (
        ("condensed usage", daily, _summed(CondensedUsage, _USAGE_KEY, SUM_COLUMNS, Q(**of_span)), SUM_COLUMNS),
        (
            "condensed totals",
            _narrowed(daily),
            _summed(CondensedTotals, _TOTALS_KEY, FIGURE_COLUMNS, Q(**of_span)),
            FIGURE_COLUMNS,
        ),
    )
    for name, made, kept, columns in pairs:
        for key in sorted(made.keys() | kept.keys(), key=str):
            should, has = made.get(key, [0] * len(columns)), kept.get(key, [0] * len(columns))
            wrong = [column for column, a, b in zip(columns, should, has, strict=True) if a != b]
            if wrong:
                words = f"{name} of {span.start} to {span.end} {_words(key)}: {', '.join(wrong[:_TOLD])}"
                yield Difference(organization_id, span.start, words)


def _summed(
    table: type[models.Model], key: Sequence[str], columns: Sequence[str], which: Q, *, lead: Key = ()
) -> dict[Key, Sums]:
    sums = {f"sum_{column}": Sum(column) for column in columns}
    rows = table._default_manager.filter(which).order_by().values_list(*key).annotate(**sums)
    return {(*lead, *row[: len(key)]): [value or 0 for value in row[len(key) :]] for row in rows.iterator()}


def _narrowed(daily: Mapping[Key, Sums]) -> dict[Key, Sums]:
    """By tag, provider and model alone, without the durations."""
    at = [SUM_COLUMNS.index(column) for column in FIGURE_COLUMNS]
    found: dict[Key, Sums] = {}
    for key, sums in daily.items():
        row = found.setdefault((key[0], *key[-2:]), [0] * len(at))
        for place, number in enumerate(at):
            row[place] += sums[number]
    return found


# --- Receipts against records -----------------------------------------------------------------------------------------


def check_receipts(first: date, last: date) -> Iterator[Difference]:
    """Of the segments posted from the first to the last day (UTC): as many records as the receipt says, less those
    that were removed since; and as many rejected lines waiting, at most, as it says.
    """
    for attempt in range(_ATTEMPTS, 0, -1):
        try:
            yield from _check_receipts(first, last)
            return
        except ProgrammingError as error:  # before anything was told
            if not is_gone(error) or attempt == 1:
                raise


def _check_receipts(first: date, last: date) -> Iterator[Difference]:
    begin = datetime.combine(first, time.min, tzinfo=UTC)
    end = datetime.combine(last, time.min, tzinfo=UTC) + timedelta(days=1) if last < date.max else None
    receipts = UsageBatch.objects.filter(posted_at__gte=begin, **({"posted_at__lt": end} if end else {}))
    are_some_gone = retention.receipts_kept_from() is not None
    with one_moment():
        hold_shape()
        of_segments = _count_by_segment()
        waiting = Counter(dict(RejectedRecord.objects.values_list("segment_id").annotate(count=Count("pk")).order_by()))
        known = set()
        for receipt in receipts.order_by("posted_at").iterator(_SEGMENTS):
            known.add(receipt.segment_id)
            records, rejected = of_segments.get(receipt.segment_id, 0), waiting[receipt.segment_id]
            tells = _check_receipt(receipt, records, rejected, are_some_gone=are_some_gone)
            if tells:
                yield Difference(None, receipt.posted_at.date(), f"segment {receipt.segment_id}: {tells}")
        if first == date.min and last == date.max:
            yield from _check_strays(of_segments.keys() - known, of_segments)


def _count_by_segment() -> dict[Any, int]:
    counts = LedgerRecord.objects.order_by().values_list("segment_id").annotate(count=Count("pk"))
    # A month that retention is just dropping is counted off the receipts when it goes.
    return Counter(dict(counts)) + dropping.count_by_segment()


def _check_receipt(receipt: UsageBatch, records: int, waiting: int, *, are_some_gone: bool) -> str:
    expected = receipt.inserted_count - receipt.removed_count
    # A segment that came again after its first receipt was removed for its age finds records of its own.
    found_again = receipt.line_count - receipt.inserted_count - receipt.rejected_count if are_some_gone else 0
    if not expected <= records <= expected + max(found_again, 0):
        return f"{records} records instead of {expected}"
    if receipt.inserted_count + receipt.rejected_count > receipt.line_count:
        return f"{receipt.inserted_count} inserted and {receipt.rejected_count} rejected of {receipt.line_count} lines"
    if waiting > receipt.rejected_count:
        return f"{waiting} rejected lines instead of {receipt.rejected_count}"
    return ""


def _check_strays(segments: set[Any], counts: Mapping[Any, int]) -> Iterator[Difference]:
    """Records without a receipt: only those are right whose receipt may have been removed for its age."""
    kept_from = retention.receipts_kept_from()
    for segment_id in sorted(segments, key=str):
        started = LedgerRecord.objects.filter(segment_id=segment_id).aggregate(last=models.Max("started_at"))["last"]
        if started is None:  # all of them are of a month that is just dropped: nobody counts them off a receipt
            continue
        if kept_from is None or started >= kept_from:
            yield Difference(None, started.date(), f"segment {segment_id}: {counts[segment_id]} records, no receipt")


# --- The same call twice ----------------------------------------------------------------------------------------------


def check_duplicates(organization_id: int, first: date, last: date) -> Iterator[Difference]:
    """Calls that are in the ledger under two ids: the same answer of the provider, at the same microsecond."""
    records = _records_on(organization_id, first, last)
    key = ("local_day", "provider", "api_key_id", "started_at", "provider_request_id")
    twice = records.exclude(provider_request_id="").order_by().values(*key).annotate(n=Count("pk")).filter(n__gt=1)
    for row in twice.iterator():
        words = f"{row['n']} records of the call that {row['provider']} knows as {row['provider_request_id']}"
        yield Difference(organization_id, row["local_day"], words)


# --- Ids --------------------------------------------------------------------------------------------------------------


def check_ids(organization_id: int, first: date, last: date) -> Iterator[Difference]:
    """Records whose ids are of another time than their calls: by its start nobody would find such a record."""
    records = LedgerRecord.objects.filter(organization_id=organization_id, local_day__range=(first, last))
    since, before = moments_around(first, last)
    if since is not None:
        records = records.filter(started_at__gte=since)
    if before is not None:
        records = records.filter(started_at__lt=before)
    for day, pk, started_at in records.order_by().values_list("local_day", "pk", "started_at").iterator(_RECORDS):
        if not tells_start(pk.int, int(started_at.timestamp() * 1000)):
            yield Difference(organization_id, day, f"the id of {pk} is of another time than its call")
