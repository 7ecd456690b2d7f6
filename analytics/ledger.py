"""The ledger: journal lines in, records and receipts out. What posting assigns is stored on the record.

The transaction around it, and what the prompts contribute, are in `proxy.tasks`; the roll-ups in `analytics.rollups`.
"""

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from django.db import connection

from analytics import bulk, call_ids, caps, periods, quantities, rejected, rollups
from analytics.caps import OVERFLOW, Value
from analytics.models import LedgerRecord, RejectedRecord, SeenValue, UsageBatch
from analytics.price_book import PriceBook
from analytics.record_store import changes as copied
from analytics.usage import MAX_LINE_BYTES, NewerFormat, OtherModelUsage, TokenUsage, UsageRecord, decode_line
from orgs.models import Organization

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_ID = 2**63 - 1
_MAX_RETRY_COUNT = 1000  # A header of the client's own making: more is no reason to refuse a paid call.


class Entry(msgspec.Struct, frozen=True):
    """A line that could be read, under its number from 1."""

    line_number: int
    record: UsageRecord


class Rejection(msgspec.Struct, frozen=True):
    line_number: int
    reason: str


class Row(rollups.RecordFacts, frozen=True, kw_only=True):
    """A row of `LedgerRecord`, ready to insert. The fields are named as the columns."""

    id: str
    started_at: datetime | str | None  # as the database's adapter makes it
    route: str
    method: str
    metering: str
    status: int
    error_code: str
    is_streamed: bool
    state: str
    service_tier: str
    speed: str
    inference_geo: str
    other_models: tuple[OtherModelUsage, ...]
    usage_source: str
    is_usage_partial: bool
    price_revision: int
    first_byte_ms: int | None
    finish_reason: str
    sdk_retry_count: int
    provider_request_id: str
    object_id: str
    segment_id: str
    completed_at: datetime | str | None = None  # `analytics.completions` knows


_COLUMNS = Row.__struct_fields__
_LENGTHS = {field.name: field.max_length for field in LedgerRecord._meta.concrete_fields if field.max_length}


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_lines(lines: Sequence[str]) -> tuple[list[Entry], list[Rejection]]:
    """Raises `NewerFormat` when any line is of a newer release; lines that nothing can be made of are rejected."""
    entries, rejections = [], []
    for number, line in enumerate(lines, 1):
        try:
            record = decode_line(line)
            _check(record)
        except NewerFormat:
            raise
        except (ValueError, RecursionError) as error:
            rejections.append(Rejection(number, f"unreadable: {error}"))
        else:
            entries.append(Entry(number, record))
    return entries, rejections


def _check(record: UsageRecord) -> None:
    """What no database column of both engines would refuse by itself."""
    if len(record.id) != 32 or not set(record.id) <= set("0123456789abcdef"):
        raise ValueError("the id is not 32 hexadecimal digits")
    if not all(0 < number <= _MAX_ID for number in (record.organization_id, record.team_id, record.api_key_id)):
        raise ValueError("an id is out of range")
    # By this the records of a day are found: `analytics.call_ids`.
    if not call_ids.tells_start(int(record.id, 16), record.started_at // 1000):
        raise ValueError("the id is of another time than the call")


def started_at(record: UsageRecord) -> datetime:
    return _EPOCH + timedelta(microseconds=record.started_at)


def is_request(record: UsageRecord) -> bool:
    """Whether the call counts as a request: it used something, or it succeeded at creating something."""
    if record.metering == "free":
        return False
    if record.usage.is_billable or record.state == "pending":
        return True
    if not 200 <= record.status < 300 or record.state == "interrupted":
        return False
    if record.metering == "metered":
        return not record.is_error  # an error inside a 200 stream, before anything was made
    return record.method == "POST" and "count_tokens" not in record.route


# --- Receipts ---------------------------------------------------------------------------------------------------------


def insert_receipt(segment_id: str, lines: Sequence[str], now: datetime) -> bool:
    """False when the segment has been posted before; waits while another transaction is posting it."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_usagebatch "
            "(segment_id, line_count, sha256, inserted_count, rejected_count, posted_at) VALUES (%s, %s, %s, 0, 0, %s) "
            "ON CONFLICT (segment_id) DO NOTHING RETURNING line_count",
            [segment_id, len(lines), digest.hexdigest(), connection.ops.adapt_datetimefield_value(now)],
        )
        return cursor.fetchone() is not None


def complete_receipt(
    segment_id: str, lines: Sequence[str], *, inserted_count: int, rejections: Sequence[Rejection], now: datetime
) -> None:
    """Write down how many lines became records and keep those that could not, for a person to look at."""
    UsageBatch.objects.filter(segment_id=segment_id).update(
        inserted_count=inserted_count, rejected_count=len(rejections)
    )
    RejectedRecord.objects.bulk_create(
        RejectedRecord(
            segment_id=segment_id,
            line_number=rejection.line_number,
            line=_storable(lines[rejection.line_number - 1], MAX_LINE_BYTES),
            reason=_storable(rejection.reason, 500),
            organization_id=rejected.owner_of(lines[rejection.line_number - 1]),
            created_at=now,
        )
        for rejection in rejections
    )


def _storable(text: str, length: int) -> str:
    """Whatever it is, as text that every database takes."""
    return text[:length].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


# --- Records ----------------------------------------------------------------------------------------------------------


def rows_of(
    records: Sequence[UsageRecord],
    *,
    segment_id: str,
    organizations: Mapping[int, Organization],
    book: PriceBook,
    prompts: Sequence[tuple[str, int]],
    now: datetime,
) -> list[Row]:
    """Priced and capped rows, one for each record. `prompts` holds the prompt key and version of each."""
    zones = {organization_id: organization.tz for organization_id, organization in organizations.items()}
    today = {organization_id: periods.local_day(now, zone) for organization_id, zone in zones.items()}
    overflow = caps.find_overflow(_capped_values(records, book), today)
    rows = []
    for record, (prompt_key, version) in zip(records, prompts, strict=True):
        start = started_at(record)
        cost = book.cost_of(record, record.organization_id)
        row = Row(
            **_facts_of(record),
            **_usage_of(record.usage),
            **_assign(record, version, overflow),
            prompt_key=prompt_key,
            started_at=connection.ops.adapt_datetimefield_value(start),
            local_day=periods.local_day(start, zones[record.organization_id]),
            cost_pico_usd=cost.pico_usd,
            cost_status=cost.status,
            price_revision=book.revision,
            segment_id=segment_id,
        )
        rows.append(row)
    return rows


def _capped_values(records: Sequence[UsageRecord], book: PriceBook) -> Iterator[Value]:
    models: dict[tuple[Value, bool], bool] = {}
    for record in records:
        for tag in record.tags:
            yield Value(record.organization_id, SeenValue.Kind.TAG, tag)
        if record.version:
            yield _version_value(record)
        model = (_model_value(record), bool(record.model))
        if model not in models:
            models[model] = _is_the_providers(record, book)
    # The provider's own models are few, and must keep their names to be priced again.
    own = {value for (value, _), is_the_providers in models.items() if is_the_providers}
    yield from (value for value, _ in models if value not in own)


def _is_the_providers(record: UsageRecord, book: PriceBook) -> bool:
    """Whether the model is one that the provider has, not a name of the client's making.

    A price alone says so only of a model that answered: every name that begins like a model's may match its price.
    """
    if not record.model:
        name = record.model_requested
        return not name or book.has_price_under(record.provider, name, record.organization_id)
    context = (record.provider, record.model, started_at(record), record.usage, record.organization_id)
    return book.find_rates(*context, requested=record.model_requested) is not None


def _version_value(record: UsageRecord) -> Value:
    return Value(record.organization_id, SeenValue.Kind.VERSION, f"{record.version} {record.prompt_key}")


def _model_value(record: UsageRecord) -> Value:
    model = record.model or record.model_requested
    return Value(record.organization_id, SeenValue.Kind.MODEL, f"{record.provider}/{model}"[:250])


def _assign(record: UsageRecord, version: int, overflow: Container[Value]) -> dict[str, Any]:
    """The values of the capped dimensions. `version` is the one sent, or else the one resolved."""
    tags = [
        OVERFLOW if Value(record.organization_id, SeenValue.Kind.TAG, tag) in overflow else tag for tag in record.tags
    ]
    return {
        "tags": tuple(dict.fromkeys(tags)),
        "version": 0 if record.version and _version_value(record) in overflow else version,
        "model": OVERFLOW if _model_value(record) in overflow else _clip("model", record.model),
    }


def _facts_of(record: UsageRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "organization_id": record.organization_id,
        "team_id": record.team_id,
        "api_key_id": record.api_key_id,
        "provider": record.provider,
        "route": _clip("route", record.route),
        "method": _clip("method", record.method),
        "metering": record.metering,
        "model_requested": _clip("model_requested", record.model_requested),
        "status": record.status,
        "error_code": _clip("error_code", record.error_code),
        "is_streamed": record.streamed,
        "state": record.state,
        "usage_source": record.usage_source,
        "is_request": is_request(record),
        "is_error": record.is_error,
        "latency_ms": record.latency_ms,
        "first_byte_ms": record.first_byte_ms if record.first_byte_ms >= 0 else None,
        "first_token_ms": record.first_token_ms if record.first_token_ms >= 0 else None,
        "finish_reason": _clip("finish_reason", record.finish_reason),
        "sdk_retry_count": min(max(record.sdk_retry_count, 0), _MAX_RETRY_COUNT),
        "provider_request_id": _clip("provider_request_id", record.provider_request_id),
        "object_id": _clip("object_id", record.object_id),
    }


def _usage_of(usage: TokenUsage) -> dict[str, Any]:
    return {
        **{column: getattr(usage, name) for name, column in quantities.COLUMNS.items()},
        "service_tier": _clip("service_tier", usage.service_tier),
        "speed": _clip("speed", usage.speed),
        "inference_geo": _clip("inference_geo", usage.inference_geo),
        "other_models": usage.other_models,
        "is_usage_partial": usage.is_partial,
    }


def _clip(column: str, text: str) -> str:
    """Descriptions that are too long are cut: no reason to refuse a paid call."""
    return text[: _LENGTHS[column]] if text else text


def insert(rows: Sequence[Row]) -> list[Row]:
    """Insert the records that are not there yet; returns those that were really inserted."""
    by_id = {row.id: row for row in rows}
    in_order = [by_id[id_] for id_ in sorted(by_id)]
    table = LedgerRecord._meta.db_table
    statement = (
        f"INSERT INTO {table} ({', '.join(_COLUMNS)}) {bulk.select_given(table, _COLUMNS)} "
        f"ON CONFLICT (id) DO NOTHING RETURNING id, {copied.is_wanted_sql()}"
    )
    inserted, is_copied = [], False
    for chunk in bulk.chunks(in_order):
        with connection.cursor() as cursor:
            cursor.execute(statement, [bulk.encode(chunk)])
            for id_, is_wanted in cursor.fetchall():
                inserted.append(by_id[id_ if isinstance(id_, str) else id_.hex])
                is_copied = is_copied or bool(is_wanted)
    if is_copied:
        copied.note(copied.Key(row.organization_id, UUID(row.id), cast(datetime, row.started_at)) for row in inserted)
    return inserted
