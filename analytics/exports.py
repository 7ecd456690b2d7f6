"""CSV files of the figures and of the request log (docs/requests.md). Written a chunk at a time, whatever their size.

A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection"); numbers stay
numbers. Amounts are dollars with every digit; an unknown one is an empty cell, never 0.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from analytics import replica, reports, request_log
from analytics.periods import Period
from analytics.record_store import questions
from analytics.renderers import plain_digits
from analytics.reports import Row, Scope, Sums
from analytics.request_fields import FIELDS, values_of
from analytics.request_log import Cursor, Names, Question

CHUNK = 1000
# Excel reads a file as UTF-8 only after this mark; programs that read the API's files do without.
BYTE_ORDER_MARK = "\ufeff".encode()
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
_FORMULA_MARKS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the full-width ones too
_COUNTS = tuple(name for name in reports.SUM_COLUMNS if name != "cost_pico_usd")
SUMS = ("total_cost", "avg_cost_per_request", *_COUNTS)


# --- Cells ------------------------------------------------------------------------------------------------------------


def text_cell(text: str) -> str:
    return f"'{text}" if text and text.lstrip(" ")[:1] in _FORMULA_MARKS else text


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: text_cell,
    int: str,
    NoneType: lambda _: "",
    Decimal: plain_digits,
    bool: lambda value: "true" if value else "false",
    list: lambda texts: text_cell("; ".join(texts)),
    date: date.isoformat,
}


def cell(value: object) -> str:
    """Raises KeyError for what has no documented form."""
    return _WRITERS[type(value)](value)


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """The rows as CSV (RFC 4180) in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def file_name(organization_slug: str, table: str, period: Period) -> str:
    return f"{organization_slug}_{table}_{period.start}_{period.end}.csv"


# --- The request log --------------------------------------------------------------------------------------------------


class LogFile:
    """The request log as parts of a file. Each part is one query's, and holds no connection while it is sent off.

    What is posted while a long file is being read may be missing at its top, and never makes a line come twice.
    """

    def __init__(self, question: Question, *, chunk: int = CHUNK) -> None:
        self._question = question
        self._chunk = chunk
        self._place: Cursor | None = None
        self._database = replica.alias()  # of the request, which is over when the later parts are read
        self._store = questions.chosen()
        self._names = Names(question.scope.organization_id)
        self._is_begun = self._is_ended = False

    def read(self) -> bytes:
        """The next part, the header being in the first; empty at the end."""
        if self._is_ended:
            return b""
        try:
            with replica.reading_from(self._database), questions.answered_by(self._store):
                records = request_log.read_chunk(self._question, self._place, self._chunk)
            self._names.learn(records)
        finally:
            _release_connection()
        self._is_ended = len(records) < self._chunk
        head = [] if self._is_begun else [FIELDS]
        self._is_begun = True
        if records:
            self._place = request_log.cursor_of(records[-1])
        return lines([*head, *(values_of(record, self._names) for record in records)])


def _release_connection() -> None:
    """Back to the pool: somebody's slow download must not keep a connection from everybody else."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


async def stream(first: bytes, file: LogFile) -> AsyncIterator[bytes]:
    """The first part, read already, and all others, each when the one before has been sent.

    Not a plain generator: Django would read that to its end, into memory, before it sent a byte of it.
    """
    await sync_to_async(_release_connection)()  # whoever was asked after the first part: the session, for one
    part = first
    while part:
        yield part
        part = await sync_to_async(file.read)()


# --- The tables of figures --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """A table by its own columns, which those of `SUMS` follow. `rows` gives the values of its own, and the sums."""

    columns: tuple[str, ...]
    rows: Callable[[Scope], Iterator[tuple[tuple[object, ...], Sums]]]


def table_file(table: str, scope: Scope) -> bytes:
    """Raises KeyError for a table that is none of `TABLES`."""
    kind = TABLES[table]
    rows = ((*values, *_sums(sums)) for values, sums in kind.rows(scope))
    return lines([(*kind.columns, *SUMS), *rows])


def _sums(sums: Sums) -> tuple[object, ...]:
    average = sums.average_cost_usd if sums.priced_count else None
    return (sums.cost_usd, average, *(getattr(sums, name) for name in _COUNTS))


def _days(scope: Scope) -> Iterator[tuple[tuple[object, ...], Sums]]:
    found = reports.sums_by(scope, "day")
    for day in scope.period.days:
        yield (day,), found.get(day, Sums())


def _versions(scope: Scope) -> Iterator[tuple[tuple[object, ...], Sums]]:
    found = reports.sums_by_all(scope, "prompt_key", "version")
    for (prompt_key, version), sums in sorted(found.items()):
        yield (prompt_key or reports.UNKNOWN_PROMPT, version or None), sums


def _table(
    columns: tuple[str, ...], report: Callable[[Scope], list[Row]], own: Callable[[Row], tuple[object, ...]]
) -> Table:
    return Table(columns, lambda scope: ((own(row), row.sums) for row in report(scope)))


TABLES: dict[str, Table] = {
    "days": Table(("day",), _days),
    "prompts": _table(("prompt_key",), reports.by_prompt, lambda row: (row.name,)),
    "api-keys": _table(
        ("api_key_id", "api_key_name", "team_id", "team_name", "is_revoked"),
        reports.by_api_key,
        lambda row: (row.value, row.name, row.team_id, row.team_name, row.is_archived),
    ),
    "teams": _table(
        ("team_id", "team_name", "is_archived"),
        reports.by_team,
        lambda row: (row.value, row.name, row.is_archived),
    ),
    "tags": _table(("tag", "is_untagged"), reports.by_tag, lambda row: (row.name, not row.value)),
    "models": _table(("provider", "model"), reports.by_model, lambda row: row.value),
    "providers": _table(("provider",), reports.by_provider, lambda row: (row.value,)),
    "versions": Table(("prompt_key", "version_number"), _versions),
}
LOG = "requests"
