"""The copy's tables in ClickHouse, and a record as a row of them. The columns are those of the ledger, by its model.

A record has one row for each time it was carried over, told apart by `copied_as`: the highest counts, and of one that
is gone it says so (`is_gone`). ClickHouse drops the others by and by; whoever reads says FINAL, and sees one or none.
Amounts are whole pico-USD, as in the ledger, and are summed up as Int128: no float, and no sum that overflows.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models

from analytics.models import LedgerRecord
from analytics.record_store.changes import Key, from_microseconds, microseconds

TABLE = "aipc_records"
COPIES = "aipc_copies"  # which copy this is, and the number of the last step that was begun

_TYPES: "dict[type[models.Field[Any, Any]], str]" = {
    models.UUIDField: "FixedString(16)",  # sorted as PostgreSQL sorts them, which ClickHouse's own type is not
    models.DateTimeField: "DateTime64(6, 'UTC')",
    models.DateField: "Date32",
    models.BooleanField: "Bool",
    models.PositiveSmallIntegerField: "UInt16",
    models.PositiveIntegerField: "UInt32",
    models.PositiveBigIntegerField: "Int64",
    models.BigIntegerField: "Int64",
    models.CharField: "LowCardinality(String)",
}
_OWN_TYPES = {
    "tags": "Array(LowCardinality(String))",
    "other_models": "String",  # JSON
    # Another one for each call.
    "provider_request_id": "String",
    "object_id": "String",
}
_CODECS = {"id": " CODEC(ZSTD)", "started_at": " CODEC(Delta, ZSTD)", "segment_id": " CODEC(ZSTD)"}


class Column(NamedTuple):
    name: str
    type: str
    to_store: Callable[[Any], Any] | None  # None: as it is
    from_store: Callable[[Any], Any] | None

    @property
    def definition(self) -> str:
        return f"`{self.name}` {self.type}{_CODECS.get(self.name, '')}"

    @property
    def selected(self) -> str:
        return f"toUnixTimestamp64Micro(`{self.name}`)" if "DateTime64" in self.type else f"`{self.name}`"


def _column(field: "models.Field[Any, Any]") -> Column:
    own = _OWN_TYPES.get(field.attname)
    kind = own or _TYPES[type(field)]
    to_store: Callable[[Any], Any] | None = None
    from_store: Callable[[Any], Any] | None = None
    if field.attname == "other_models":
        to_store, from_store = json.dumps, json.loads
    elif kind.startswith("FixedString"):
        to_store, from_store = _bytes_of, _uuid_of
    elif kind.startswith("DateTime64"):
        to_store, from_store = microseconds, from_microseconds
    elif kind == "Date32":
        from_store = _day_of
    return Column(field.attname, f"Nullable({kind})" if field.null else kind, to_store, from_store)


def _bytes_of(value: UUID) -> bytes:
    return value.bytes


def _uuid_of(value: bytes) -> UUID:
    return UUID(bytes=value)


def _day_of(value: date) -> date:
    return date(value.year, value.month, value.day)


COLUMNS = tuple(_column(field) for field in LedgerRecord._meta.concrete_fields)
NAMES = tuple(column.name for column in COLUMNS)
SELECTED = ", ".join(column.selected for column in COLUMNS)
WRITTEN = (*NAMES, "copied_as", "is_gone")
_KEY = {"id", "organization_id", "started_at"}
# What a row says of a record that is gone: which one it was, and nothing else.
_NOTHING = {"Bool": False, "Date32": date(1970, 1, 1), "Array(LowCardinality(String))": []}


def creations() -> list[str]:
    """The statements that make the tables."""
    columns = ", ".join(column.definition for column in COLUMNS)
    records = (
        f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns}, `copied_as` UInt64, `is_gone` UInt8) "
        "ENGINE = ReplacingMergeTree(copied_as, is_gone) "
        "PARTITION BY toYYYYMM(started_at) ORDER BY (organization_id, started_at, id)"
    )
    copies = (
        f"CREATE TABLE IF NOT EXISTS {COPIES} (`name` FixedString(16), `number` UInt64) "
        "ENGINE = ReplacingMergeTree(number) ORDER BY name"
    )
    return [records, copies]


def columns_of(rows: Sequence[Sequence[Any]], gone: Sequence[Key], copied_as: int) -> list[Sequence[Any]]:
    """What `WRITTEN` names, column by column: of these records, with the values of `NAMES`, and of those gone."""
    found: list[Sequence[Any]] = []
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    for column, written in zip(COLUMNS, values, strict=True):
        convert = column.to_store
        kept = list(written) if convert is None else [None if one is None else convert(one) for one in written]
        found.append(kept + [_of_gone(column, key) for key in gone])
    found.append([copied_as] * (len(rows) + len(gone)))
    found.append([0] * len(rows) + [1] * len(gone))
    return found


def _of_gone(column: Column, key: Key) -> Any:
    if column.name in _KEY:
        value = getattr(key, column.name)
        return column.to_store(value) if column.to_store else value
    if column.type.startswith("Nullable"):
        return None
    if column.type in _NOTHING:
        return _NOTHING[column.type]
    if column.type == "FixedString(16)":
        return bytes(16)
    return "" if "String" in column.type else 0


def record_from(values: Sequence[Any], alias: str) -> LedgerRecord:
    """Of the values that `SELECTED` names."""
    converted = [
        value if value is None or column.from_store is None else column.from_store(value)
        for column, value in zip(COLUMNS, values, strict=True)
    ]
    return LedgerRecord.from_db(alias, NAMES, converted)
