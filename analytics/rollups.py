"""How records become roll-up rows: adding what was posted, recomputing days, changing an organization's time zone.

The only writer of `DailyUsage` and `DailyTagUsage`. What reads and adds them up is `analytics.reports`.
A roll-up is a pure function of the records: `sums_of` says what one record adds.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import compress
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection, models, transaction

from analytics import bulk, condensing, periods
from analytics.models import CostStatus, DailyTagUsage, DailyUsage, LedgerRecord, RecordsKept
from analytics.models.rollups import (
    DAILY_KEY,
    DAILY_TAG_KEY,
    FIRST_TOKEN_COLUMNS,
    HISTOGRAM_BUCKETS,
    LATENCY_COLUMNS,
    SUM_COLUMNS,
)
from analytics.models.usage import UNCOUNTED
from analytics.partitions.reading import began, began_around
from analytics.quantities import QUANTITY_COLUMNS
from analytics.record_store import changes as copied
from orgs.models import Organization

# The upper bounds, in milliseconds, of all buckets but the last.
BUCKET_BOUNDS_MS = tuple(32 * 2 ** (number / 2) for number in range(HISTOGRAM_BUCKETS - 1))

_AT = {column: number for number, column in enumerate(SUM_COLUMNS)}
_REQUESTS, _COST = _AT["request_count"], _AT["cost_pico_usd"]
_PRICED, _PARTIAL, _ESTIMATED = _AT["priced_count"], _AT["partial_count"], _AT["estimated_count"]
_UNPRICED, _UNMETERED, _PENDING = _AT["unpriced_count"], _AT["unmetered_count"], _AT["pending_count"]
_ERRORS, _FAILED_REQUESTS, _INTERRUPTED = _AT["error_count"], _AT["failed_request_count"], _AT["interrupted_count"]
_QUANTITIES = tuple(_AT[column] for column in QUANTITY_COLUMNS)
_quantities_of = attrgetter(*QUANTITY_COLUMNS)
_LATENCY_SUM, _LATENCY_COUNT = _AT["latency_sum_ms"], _AT["latency_count"]
_FIRST_TOKEN_SUM, _FIRST_TOKEN_COUNT = _AT["first_token_sum_ms"], _AT["first_token_count"]
_LATENCY_BUCKETS, _FIRST_TOKEN_BUCKETS = _AT[LATENCY_COLUMNS[0]], _AT[FIRST_TOKEN_COLUMNS[0]]

# How many requests of each cost status count where; the counts of the first column add up to `request_count`.
_COUNTED: Mapping[str, tuple[int, ...]] = {
    CostStatus.PRICED: (_PRICED,),
    CostStatus.PARTIAL: (_PRICED, _PARTIAL),
    CostStatus.ESTIMATED: (_PRICED, _ESTIMATED),
    CostStatus.UNPRICED: (_UNPRICED,),
    CostStatus.PENDING: (_PENDING,),
    CostStatus.UNMETERED: (_UNMETERED,),
}


class RecordFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a record that the roll-ups are made of, named as in `LedgerRecord`."""

    organization_id: int
    local_day: date
    team_id: int
    api_key_id: int
    prompt_key: str
    version: int
    provider: str
    model_requested: str
    model: str
    tags: tuple[str, ...]
    is_request: bool
    is_error: bool
    cost_status: str
    cost_pico_usd: int | None
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    output_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    reasoning_tokens: int
    web_searches: int
    file_searches: int
    characters: int
    audio_ms: int
    latency_ms: int
    first_token_ms: int | None


FACT_COLUMNS = RecordFacts.__struct_fields__

Key = tuple[Any, ...]
Sums = list[int]


def facts_of(values: Iterable[Any]) -> RecordFacts:
    """From the values of `FACT_COLUMNS`, in that order, as the ORM or a cursor of either database gives them."""
    facts = dict(zip(FACT_COLUMNS, values, strict=True))
    tags, day = facts["tags"], facts["local_day"]
    facts["tags"] = tuple(json.loads(tags) if isinstance(tags, str) else tags)
    facts["local_day"] = date.fromisoformat(day) if isinstance(day, str) else day
    facts["is_request"], facts["is_error"] = bool(facts["is_request"]), bool(facts["is_error"])
    return RecordFacts(**facts)


def bucket_of(duration_ms: int) -> int:
    """The number of the histogram bucket that counts this duration."""
    return bisect_right(BUCKET_BOUNDS_MS, duration_ms)


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """An estimate, interpolated inside its bucket, of the duration that this share of all counted calls stay below.

    None without calls. The last bucket has no end, so its lower bound stands for it.
    """
    wanted, below = sum(counts) * share, 0
    for number, count in enumerate(counts):
        if count and below + count >= wanted:
            if number == HISTOGRAM_BUCKETS - 1:
                return BUCKET_BOUNDS_MS[-1]
            low = BUCKET_BOUNDS_MS[number - 1] if number else 0.0
            return low + (BUCKET_BOUNDS_MS[number] - low) * (wanted - below) / count
        below += count
    return None


def sums_of(record: RecordFacts) -> list[tuple[int, int]]:
    """What a record adds to its roll-up rows: (position in SUM_COLUMNS, amount). Nothing if simulated or free."""
    status = record.cost_status
    if status in UNCOUNTED:
        return []
    sums = []
    if status == CostStatus.INTERRUPTED:
        sums.append((_INTERRUPTED, 1))
    if record.is_error:
        sums.append((_ERRORS, 1))
    if record.cost_pico_usd:
        sums.append((_COST, record.cost_pico_usd))
    for place, amount in zip(_QUANTITIES, _quantities_of(record), strict=True):
        if amount:
            sums.append((place, amount))
    if record.is_request:
        if record.is_error:
            sums.append((_FAILED_REQUESTS, 1))
        sums.append((_REQUESTS, 1))
        sums += [(place, 1) for place in _COUNTED.get(status, ())]
        sums += [(_LATENCY_SUM, record.latency_ms), (_LATENCY_COUNT, 1)]
        sums.append((_LATENCY_BUCKETS + bucket_of(record.latency_ms), 1))
        if record.first_token_ms is not None:
            sums += [(_FIRST_TOKEN_SUM, record.first_token_ms), (_FIRST_TOKEN_COUNT, 1)]
            sums.append((_FIRST_TOKEN_BUCKETS + bucket_of(record.first_token_ms), 1))
    return sums


def apply_delta(records: Iterable[RecordFacts], sign: int = 1) -> None:
    """Add records to the roll-ups, or take them out again with -1. Inside the caller's transaction.

    The caller holds the organizations' rows at least FOR KEY SHARE, so that no rebuild runs beside it.
    """
    changes(added=records if sign > 0 else (), removed=records if sign < 0 else ())


def changes(*, added: Iterable[RecordFacts] = (), removed: Iterable[RecordFacts] = ()) -> None:
    """Both at once, as when records get another cost. Locks the rows in the one order: by table, then by key.

    What was condensed of their days may not be read any more.
    """
    daily, by_tag = rows_of(added)
    staying = daily.keys() | by_tag.keys()
    for record in removed:
        _add(daily, by_tag, record, -1)
    for rollup, key_columns, deltas in ((DailyUsage, DAILY_KEY, daily), (DailyTagUsage, DAILY_TAG_KEY, by_tag)):
        _upsert(rollup, key_columns, deltas)
        _delete_empty(rollup, key_columns, deltas.keys() - staying)
    condensing.reopen({key[:2] for key in daily})


def rows_of(records: Iterable[RecordFacts]) -> tuple[dict[Key, Sums], dict[Key, Sums]]:
    """What both roll-ups must hold of these records, by `DAILY_KEY` and by `DAILY_TAG_KEY`. Writes nothing."""
    daily: dict[Key, Sums] = {}
    by_tag: dict[Key, Sums] = {}
    for record in records:
        _add(daily, by_tag, record, 1)
    return daily, by_tag


def _add(daily: dict[Key, Sums], by_tag: dict[Key, Sums], record: RecordFacts, sign: int) -> None:
    sums = sums_of(record)
    if not sums:
        return
    start = (record.organization_id, record.local_day)
    end = (
        record.team_id,
        record.api_key_id,
        record.prompt_key,
        record.version,
        record.provider,
        record.model or record.model_requested,
    )
    rows = [daily.setdefault((*start, *end), [0] * len(SUM_COLUMNS))]
    rows += [by_tag.setdefault((*start, tag, *end), [0] * len(SUM_COLUMNS)) for tag in record.tags or ("",)]
    for row in rows:
        for place, amount in sums:
            row[place] += sign * amount


def _upsert(model: type[models.Model], key_columns: Sequence[str], deltas: Mapping[Key, Sums]) -> None:
    """Add the deltas to the rows with these keys, in the order of the keys; rows that are missing start at zero."""
    keys = sorted(key for key, sums in deltas.items() if any(sums))
    if not keys:
        return
    # Most columns, above all of the histograms, are 0 in all of the rows: those have nothing to add.
    used = [any(column) for column in zip(*(deltas[key] for key in keys), strict=True)]
    columns = (*key_columns, *compress(SUM_COLUMNS, used))
    statement = _upsert_sql(model._meta.db_table, key_columns, columns)
    for chunk in bulk.chunks(keys):
        rows = [dict(zip(columns, (*key, *compress(deltas[key], used)), strict=True)) for key in chunk]
        with connection.cursor() as cursor:
            cursor.execute(statement, [bulk.encode(rows)])


def _delete_empty(model: type[models.Model], key_columns: Sequence[str], keys: Collection[Key]) -> None:
    """Of rows that only lost something, those that nothing is left of: from the records they would not be made."""
    table = model._meta.db_table
    is_empty = " AND ".join(f"{column} = 0" for column in SUM_COLUMNS)
    for chunk in bulk.chunks(sorted(keys)):
        rows = [dict(zip(key_columns, key, strict=True)) for key in chunk]
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ({', '.join(key_columns)}) "  # noqa: S608
                f"IN ({bulk.select_given(table, key_columns)}) AND {is_empty}",
                [bulk.encode(rows)],
            )


def _upsert_sql(table: str, key_columns: Sequence[str], columns: Sequence[str]) -> str:
    added = ", ".join(f"{column} = {table}.{column} + excluded.{column}" for column in columns[len(key_columns) :])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) {bulk.select_given(table, columns)} "
        f"ON CONFLICT ({', '.join(key_columns)}) DO UPDATE SET {added}"
    )


# --- From the records again -------------------------------------------------------------------------------------------


def rebuild(organization_id: int, first_day: date, last_day: date) -> None:
    """Recompute the roll-ups of these local days, both inclusive, from the records.

    Days without records keep theirs: those records are gone, their sums are not. So do days of which some may be gone.
    """
    with transaction.atomic():
        _lock(organization_id)
        days = _days_with_records(organization_id, max(first_day, first_whole_day(organization_id)), last_day)
        _delete(organization_id, days)
        for day in days:
            changes(added=records_of(organization_id, day))


def change_timezone(
    organization_id: int, timezone: str, *, on_day: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Draw the organization's days in another time zone: of itself, of its records and of its roll-ups.

    Days whose records are gone keep their old boundaries. `on_day` hears how many of how many days are done.
    Raises `zoneinfo.ZoneInfoNotFoundError` for an unknown name.
    """
    zone = ZoneInfo(timezone)
    with transaction.atomic():
        organization = _lock(organization_id)
        organization.timezone = timezone
        organization.save(update_fields=["timezone"])
        whole_from = first_whole_day(organization_id)
        _delete(organization_id, _days_with_records(organization_id, whole_from, date.max))
        if whole_from > date.min:  # what is left there is taken out by itself, so that the sums of the others stay
            for day in _days_with_records(organization_id, date.min, whole_from - timedelta(days=1)):
                changes(removed=records_of(organization_id, day))
        _move_records(organization_id, zone)
        # On a day that had no records before, what is there stays: it belongs to records that are gone.
        days = _days_with_records(organization_id, date.min, date.max)
        for done, day in enumerate(days):
            on_day(done, len(days))
            changes(added=records_of(organization_id, day))


def first_whole_day(organization_id: int) -> date:
    """Of earlier days records may be gone (`analytics.retention`)."""
    kept = RecordsKept.objects.filter(organization_id=organization_id).values_list("first_day", flat=True).first()
    return kept or date.min


def _lock(organization_id: int) -> Organization:
    """Keep posting, which locks the row FOR KEY SHARE, out until the end of the transaction."""
    return Organization.objects.select_for_update().get(id=organization_id)


def _days_with_records(organization_id: int, first_day: date, last_day: date) -> list[date]:
    records = LedgerRecord.objects.filter(
        began_around(first_day, last_day), organization_id=organization_id, local_day__range=(first_day, last_day)
    )
    return sorted(records.order_by().values_list("local_day", flat=True).distinct())


def _delete(organization_id: int, days: Sequence[date]) -> None:
    for start in range(0, len(days), 500):
        for rollup in (DailyUsage, DailyTagUsage):
            rollup.objects.filter(organization_id=organization_id, day__in=days[start : start + 500]).delete()
    condensing.reopen((organization_id, day) for day in days)


def records_of(organization_id: int, day: date) -> Iterable[RecordFacts]:
    rows = LedgerRecord.objects.filter(began_around(day, day), organization_id=organization_id, local_day=day)
    return map(facts_of, rows.order_by().values_list(*FACT_COLUMNS).iterator(2000))


def _move_records(organization_id: int, zone: ZoneInfo) -> None:
    records = LedgerRecord.objects.filter(organization_id=organization_id)
    reach = records.aggregate(first=models.Min("started_at"), last=models.Max("started_at"))
    if reach["first"] is None:
        return
    day, last = periods.local_day(reach["first"], zone), periods.local_day(reach["last"], zone)
    while day <= last:
        following = day + timedelta(days=1)
        begin, end = periods.start_of(day, zone), periods.start_of(following, zone)
        if records.filter(began(begin, end)).exclude(local_day=day).update(local_day=day):
            copied.note_all([organization_id], begin, end)
        day = following
