"""Calls whose cost comes later: bringing a pending record and what a later answer told of it together, exactly once.

The pure part is `analytics.shelf`. Posting (`proxy.tasks`) calls `settle` before it prices and `write` after it has
inserted, in one transaction. `settle` locks the created objects of the organizations concerned, those to come included:
of two segments that tell of the same call at the same moment the second waits, and sees what the first has left.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from django.db import connection

from analytics import bulk, rollups
from analytics.ledger import Row
from analytics.models import CreatedObject, LedgerRecord
from analytics.price_book.stored import record_of
from analytics.quantities import QUANTITY_COLUMNS
from analytics.record_store import changes as copied
from analytics.rollups import RecordFacts
from analytics.shelf import Kept, Name, Settling, Shelf
from analytics.usage import Completion, UsageRecord

logger = logging.getLogger(__name__)

# What one organization may leave in 24 hours that belongs to no call of ours: results of batches that were made without
# the proxy, for one. What belongs to a known call is always kept.
MOST_UNCLAIMED = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST = 10**15  # of anything in one completion; more would not fit into the sums of a day
_LOCK = 0x61697063  # the first half of the names of our advisory locks; the second is the organization
_LONGEST_ID = LedgerRecord._meta.get_field("object_id").max_length or 0
_KEYS = 500  # names in one look-up
_WRITTEN = ("alias_of", "record_id", "completion", "is_final", "completed_at")
# The columns that an outcome changes. A call's start, attribution, latency and HTTP status stay.
_OUTCOME = (
    "model",
    "error_code",
    "state",
    *QUANTITY_COLUMNS,
    "service_tier",
    "speed",
    "inference_geo",
    "other_models",
    "usage_source",
    "is_usage_partial",
    "cost_pico_usd",
    "cost_status",
    "price_revision",
    "is_request",
    "is_error",
    "finish_reason",
    "completed_at",
)


class Settled(msgspec.Struct, frozen=True):
    """What to post: the segment's records, completed where the outcome is known, and posted ones that got theirs."""

    records: Sequence[UsageRecord]
    posted: Sequence[UsageRecord]
    completed_at: Mapping[str, int]  # by the ids of all that have an outcome; microseconds since the epoch
    kept: Mapping[str, LedgerRecord]  # those of `posted` as they are in the ledger


def settle(records: Sequence[UsageRecord], *, now: datetime) -> Settled:
    """Remember what the records tell, and find which calls have their outcome now.

    Raises ValueError for a completion with impossible numbers.
    """
    concerned = [record for record in records if _is_concerned(record)]
    if not concerned:
        return Settled(records, (), {}, {})
    for record in concerned:
        if record.completion is not None:
            _check(record.completion)
    _lock({record.organization_id for record in concerned})
    shelf = _shelf_of(concerned)
    settlings = {settling.record_id: settling for settling in shelf.settlings()}
    _keep(shelf, now)
    # Also of those that the segment brings once more. The others of its own are not there yet.
    kept = {row.pk.hex: row for row in LedgerRecord.objects.filter(pk__in=[UUID(id_) for id_ in sorted(settlings)])}
    return Settled(
        records=[_complete(record, settlings.get(record.id)) for record in records],
        posted=[_complete(record_of(row), settlings[id_]) for id_, row in kept.items()],
        completed_at={id_: settling.completed_at for id_, settling in settlings.items()},
        kept=kept,
    )


def dated(rows: Iterable[Row], settled: Settled) -> list[Row]:
    """The rows with the moments of their outcomes."""
    adapt = connection.ops.adapt_datetimefield_value
    return [
        msgspec.structs.replace(row, completed_at=adapt(_moment(settled.completed_at[row.id])))
        if row.id in settled.completed_at
        else row
        for row in rows
    ]


def write(rows: Sequence[Row], settled: Settled) -> tuple[list[RecordFacts], list[RecordFacts]]:
    """Give posted records their outcome. `rows` are those of `settled.posted`, priced and dated.

    Returns what the roll-ups had of them, and what they are to have. Locks the records, in the order of their ids.
    """
    if not rows:
        return [], []
    # Read again, since another price may have been saved between.
    locked = LedgerRecord.objects.filter(pk__in=[row.pk for row in settled.kept.values()])
    before = {row.pk.hex: row for row in locked.select_for_update().order_by("pk")}
    after = [row for row in rows if row.id in before]
    table = LedgerRecord._meta.db_table
    changed = ", ".join(f"{column} = given.{column}" for column in _OUTCOME)
    given = bulk.select_given(table, ("id", *_OUTCOME))
    for chunk in bulk.chunks(after):
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET "  # noqa: S608
                # As repricing does: an amount that stays leaves the one before it where it is.
                f"previous_cost_pico_usd = CASE "
                f"WHEN COALESCE({table}.cost_pico_usd, -1) = COALESCE(given.cost_pico_usd, -1) "
                f"THEN {table}.previous_cost_pico_usd ELSE {table}.cost_pico_usd END, {changed} "
                f"FROM ({given}) AS given WHERE {table}.id = given.id",
                [bulk.encode(chunk)],
            )
    copied.note(copied.Key(row.organization_id, row.pk, row.started_at) for row in before.values())
    removed = [rollups.facts_of(getattr(row, column) for column in rollups.FACT_COLUMNS) for row in before.values()]
    return removed, [_facts_after(row, before[row.id]) for row in after]


def prune(*, now: datetime, days: int) -> int:
    """Forget what has waited so many days for its other half, and what was settled as long ago. Returns how much."""
    over = CreatedObject.objects.filter(created_at__lt=now - timedelta(days=days))
    return over.filter(record_id=None).delete()[0] + over.filter(is_final=True).delete()[0]


# --- What waits -------------------------------------------------------------------------------------------------------


def _is_concerned(record: UsageRecord) -> bool:
    return record.state == "pending" or record.completion is not None or bool(record.aliases)


def _lock(organization_ids: Iterable[int]) -> None:
    """Until the transaction ends. SQLite has one writer at a time.

    Not the organizations' rows, for which suspending an organization would wait; rows of ours need not be there yet.
    """
    if connection.vendor == "postgresql":
        numbers = sorted({organization_id % 2**31 for organization_id in organization_ids})
        with connection.cursor() as cursor:
            for number in numbers:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, number])


def _shelf_of(records: Sequence[UsageRecord]) -> Shelf:
    names = {name for record in records for name in _names_of(record)}
    kept = _read(names)
    targets = {name._replace(object_id=one.alias_of) for name, one in kept.items() if one.alias_of}
    kept |= _read(targets - kept.keys())
    pending = [UUID(record.id) for record in records if record.state == "pending"]
    known = {pk.hex for pk in LedgerRecord.objects.filter(pk__in=pending).values_list("pk", flat=True)}
    shelf = Shelf(kept)
    for record in records:
        shelf.add(_with_storable_names(record), is_known=record.id in known)
    return shelf


def _names_of(record: UsageRecord) -> Iterator[Name]:
    ids = [record.object_id, *(text for alias in record.aliases for text in (alias.name, alias.object_id))]
    if record.completion is not None:
        ids.append(record.completion.object_id)
    return (Name(record.organization_id, record.provider, text) for text in ids if _is_storable(text))


def _with_storable_names(record: UsageRecord) -> UsageRecord:
    """No provider's ids are longer. A call with one that is stays pending."""
    completion = record.completion
    return msgspec.structs.replace(
        record,
        object_id=record.object_id if _is_storable(record.object_id) else "",
        aliases=tuple(one for one in record.aliases if _is_storable(one.name) and _is_storable(one.object_id)),
        completion=completion if completion is not None and _is_storable(completion.object_id) else None,
    )


def _is_storable(object_id: str) -> bool:
    return 0 < len(object_id) <= _LONGEST_ID


def _read(names: Iterable[Name]) -> dict[Name, Kept]:
    in_order = sorted(names)
    found = {}
    for start in range(0, len(in_order), _KEYS):
        chunk = set(in_order[start : start + _KEYS])
        organization_ids, providers, object_ids = map(set, zip(*chunk, strict=True))
        rows = CreatedObject.objects.filter(
            organization_id__in=organization_ids, provider__in=providers, object_id__in=object_ids
        )
        for row in rows:
            name = Name(row.organization_id, row.provider, row.object_id)
            if name in chunk:
                found[name] = _kept_of(row)
    return found


def _kept_of(row: CreatedObject) -> Kept:
    return Kept(
        alias_of=row.alias_of,
        record_id=row.record_id.hex if row.record_id else "",
        completion=None if row.completion is None else msgspec.convert(row.completion, Completion),
        completed_at=0 if row.completed_at is None else (row.completed_at - _EPOCH) // _MICROSECOND,
    )


def _keep(shelf: Shelf, now: datetime) -> None:
    """Write the changes down, except new rows without a call of ours beyond what a day may bring."""
    room: dict[int, int] = {}
    rows = []
    for name, kept in shelf.changes().items():
        if shelf.is_new(name) and not shelf.is_claimed(name):
            if name.organization_id not in room:
                room[name.organization_id] = MOST_UNCLAIMED - _count_unclaimed(name.organization_id, now)
            room[name.organization_id] -= 1
            if room[name.organization_id] < 0:
                continue
        rows.append(_row_of(name, kept, now))
    for organization_id, left in room.items():
        if left < 0:
            logger.warning(
                "Organization %d fetched more than %d results today of calls that are not known here; "
                "further ones are not kept.",
                organization_id,
                MOST_UNCLAIMED,
            )
    CreatedObject.objects.bulk_create(
        rows,
        batch_size=bulk.MAX_ROWS,
        update_conflicts=True,
        unique_fields=("organization_id", "provider", "object_id"),
        update_fields=_WRITTEN,
    )


def _row_of(name: Name, kept: Kept, now: datetime) -> CreatedObject:
    return CreatedObject(
        **name._asdict(),
        alias_of=kept.alias_of,
        record_id=UUID(kept.record_id) if kept.record_id else None,
        completion=None if kept.completion is None else msgspec.to_builtins(kept.completion),
        is_final=kept.completion is not None and kept.completion.is_final,
        completed_at=_moment(kept.completed_at) if kept.completed_at else None,
        created_at=now,
    )


def _count_unclaimed(organization_id: int, now: datetime) -> int:
    return CreatedObject.objects.filter(
        organization_id=organization_id, record_id=None, created_at__gt=now - timedelta(days=1)
    ).count()


# --- Outcomes ---------------------------------------------------------------------------------------------------------


def _complete(record: UsageRecord, settling: Settling | None) -> UsageRecord:
    """The record as if its own answer had told the outcome. What went wrong on the way to the client stays with it."""
    if settling is None:
        return record
    told = settling.completion
    is_overwritten = settling.replaced is not None and settling.replaced.error_code
    return msgspec.structs.replace(
        record,
        state="complete",
        model=told.model or record.model,
        usage=told.usage,
        usage_source=told.usage_source,
        error_code=told.error_code or ("" if is_overwritten else record.error_code),
        finish_reason=told.finish_reason,
    )


def _check(completion: Completion) -> None:
    """Nothing that is kept now may make the record's own line unpostable later."""
    for usage in (completion.usage, *completion.usage.other_models):
        for name, value in msgspec.structs.asdict(usage).items():
            if isinstance(value, int) and not 0 <= value <= _MOST:
                raise ValueError(f"the completion has {value} as {name}")


def _facts_after(row: Row, before: LedgerRecord) -> RecordFacts:
    """The row was made as of a new record; a posted one keeps the place that it has in the roll-ups."""
    facts = RecordFacts(**{column: getattr(row, column) for column in rollups.FACT_COLUMNS})
    return msgspec.structs.replace(
        facts,
        local_day=before.local_day,
        prompt_key=before.prompt_key,
        version=before.version,
        tags=tuple(before.tags),
        latency_ms=before.latency_ms,
        first_token_ms=before.first_token_ms,
    )


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
