"""The shape of the records' table, as PostgreSQL's catalogue has it, and what its parts are called."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.call_ids import SLACK, id_from
from analytics.models import LedgerRecord

TABLE = LedgerRecord._meta.db_table
OUTSIDE = f"{TABLE}_outside"  # the DEFAULT partition: ids of no month that is there
MONTHS_AHEAD = 2
MOST_COUNTED = 10_000
_GONE = "_gone"  # how a month is called that was taken out and is to be dropped
_BITS_BEHIND = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PARTS = """
SELECT parent.relkind, part.relname, pg_get_expr(part.relpartbound, part.oid), part.reltuples
FROM pg_class parent
LEFT JOIN pg_inherits ON inhparent = parent.oid
LEFT JOIN pg_class part ON part.oid = inhrelid
WHERE parent.oid = to_regclass(%s)
"""
_BOUND = re.compile(r"FOR VALUES FROM \((MINVALUE|'[0-9a-f-]{36}')\) TO \('([0-9a-f-]{36})'\)")


class Part(NamedTuple):
    """A month; or, without a first day, all that was there when the table was partitioned."""

    name: str
    first_day: date | None
    after_last: date
    estimated_rows: int


@dataclass(frozen=True, slots=True)
class Shape:
    parts: Sequence[Part]  # in the order of their ids
    has_outside: bool

    @property
    def end(self) -> date:
        """The first day after the last month."""
        return self.parts[-1].after_last if self.parts else date.min

    @property
    def first_month(self) -> date | None:
        """The oldest that is a part by itself; earlier records lie together."""
        return next((part.first_day for part in self.parts if part.first_day is not None), None)


class State(NamedTuple):
    """What is to be watched of a partitioned table."""

    months_ahead: int  # after the running one
    outside_count: int  # records in no month; counted up to `MOST_COUNTED`

    @property
    def needs_attention(self) -> bool:
        return self.months_ahead < 1 or self.outside_count > 0


def read() -> Shape | None:
    """None where the records are one table. One query."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        return read_by(cursor)


def read_by(cursor: Any) -> Shape | None:
    cursor.execute(_PARTS, [TABLE])
    rows = cursor.fetchall()
    if not rows or rows[0][0] != "p":
        return None
    bounds = [(name, bound, rows_) for _, name, bound, rows_ in rows if name is not None]
    parts = [_part(name, bound, rows_) for name, bound, rows_ in bounds if bound != "DEFAULT"]
    return Shape(sorted(parts, key=lambda part: part.after_last), len(parts) < len(bounds))


def _part(name: str, bound: str, rows: float) -> Part:
    found = _BOUND.fullmatch(bound)
    if found is None:
        raise ValueError(f"{name} is not a range of ids as they are made here: {bound}")
    low = None if found[1] == "MINVALUE" else _day_of(UUID(found[1].strip("'")))
    return Part(name, low, _day_of(UUID(found[2])), max(int(rows), 0))


def state(now: datetime) -> State | None:
    """None where the records are one table. Two queries."""
    shape = read()
    if shape is None:
        return None
    return State(months_between(month_of(now), shape.end) - 1, count_outside() if shape.has_outside else 0)


def count_outside() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM (SELECT FROM {OUTSIDE} LIMIT {MOST_COUNTED}) AS found")  # noqa: S608
        (count,) = cursor.fetchone()
    return int(count)


# --- Months -----------------------------------------------------------------------------------------------------------


def month_of(moment: datetime) -> date:
    """Months are those of UTC, as ids are."""
    return moment.astimezone(UTC).date().replace(day=1)


def month_after(first_day: date, count: int = 1) -> date:
    months = first_day.year * 12 + first_day.month - 1 + count
    return date(months // 12, months % 12 + 1, 1)


def months_between(first_day: date, end: date) -> int:
    return (end.year - first_day.year) * 12 + end.month - first_day.month


def first_id_of(first_day: date) -> UUID:
    return id_from(datetime(first_day.year, first_day.month, 1, tzinfo=UTC))


def moment_of(id_: UUID) -> datetime:
    return _EPOCH + timedelta(milliseconds=id_.int >> _BITS_BEHIND)


def reach_of(part: Part) -> tuple[datetime, datetime]:
    """Between which starts its calls lie, and more."""
    first = _EPOCH if part.first_day is None else moment_of(first_id_of(part.first_day)) - SLACK
    return first, moment_of(first_id_of(part.after_last)) + SLACK


def _day_of(id_: UUID) -> date:
    return moment_of(id_).date()


def name_of(first_day: date) -> str:
    return f"{TABLE}_{first_day:%Y_%m}"


def name_before(first_day: date) -> str:
    """Of the table that was there before the first month."""
    return f"{TABLE}_before_{first_day:%Y_%m}"


def name_when_gone(name: str) -> str:
    return f"{name}{_GONE}"


def find_gone() -> list[str]:
    """Months that were taken out of the table and wait to be counted and dropped."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition AND starts_with(relname, %s) "
            "AND right(relname, %s) = %s AND pg_table_is_visible(oid) ORDER BY relname",
            [f"{TABLE}_", len(_GONE), _GONE],
        )
        return [name for (name,) in cursor.fetchall()]


def run(statements: Iterable[str], cursor: Any) -> None:
    """Without parameters, so that a percent sign in an index of somebody's is none."""
    for statement in statements:
        cursor.execute(statement)
