"""Which rows of which roll-ups answer a question: those of days, or of spans that `analytics.condensing` condensed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from analytics import condensing, spans
from analytics.models import CondensedSpan, CondensedTotals, CondensedUsage, DailyTagUsage, DailyUsage
from analytics.models.rollups import FIGURE_COLUMNS
from analytics.periods import Period
from analytics.reports.scope import Scope
from analytics.spans import Piece, Span

# Fewer days than these are read as they are, and nobody asks what is condensed of them.
_FEW_DAYS = 7

# More days than these are read as a range where they could be read one by one.
_MANY_DAYS = 100

# The ready spans of organizations that have any, with their ids, as this process last saw them; the latest seen last.
_known: dict[int, Mapping[Span, int]] = {}
_MOST_KNOWN = 200

# The parts of what is read: the period before the scope's, that one, and days that are neither.
BEFORE, NOW, BESIDE = range(3)

# Where the scope has them. (All providers are "".)
_NARROWING = ("provider", "prompt_key", "team_id", "api_key_id", "model", "tag", "version")
# The columns that `CondensedTotals` has to narrow or group by.
_OF_TOTALS = {"day", "provider", "model", "tag"}


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one table with a range of days."""

    table: type[models.Model]
    piece: Piece
    part: int  # of what is asked for: `NOW`, `BEFORE` or `BESIDE`
    by_tag: bool
    narrowed: Sequence[tuple[str, Any]]
    organization_id: int

    def select(self, columns: Sequence[str]) -> tuple[str, list[Any]]:
        """Rows of these columns, among which may be "day" and "part"; the statement and its parameters."""
        kind, first, last = self.piece
        day = "start" if kind else "day"
        names = {"part": f"{self.part} AS part", "day": f"{day} AS day"}
        selected = ", ".join(names.get(column, column) for column in columns)
        conditions = ["organization_id = %s"]
        parameters: list[Any] = [self.organization_id]
        if kind:
            conditions += ["kind = %s", f"tag IS {'NOT ' if self.by_tag else ''}NULL"]
            parameters.append(kind)
        if self._has_tag_behind_day:
            days = self.piece.starts
            conditions.append(f"{day} IN ({', '.join(['%s'] * len(days))})")
        else:
            days = [first, last]
            conditions.append(f"{day} BETWEEN %s AND %s")
        conditions += [f"{name} = %s" for name, _ in self.narrowed]
        parameters += [*map(connection.ops.adapt_datefield_value, days), *(value for _, value in self.narrowed)]
        table = self.table._meta.db_table
        return f"SELECT {selected} FROM {table} WHERE {' AND '.join(conditions)}", parameters  # noqa: S608

    @property
    def _has_tag_behind_day(self) -> bool:
        """Whether the index does, so that of a range of days it would read all tags, and of single days but the one."""
        if self.table is DailyTagUsage:
            has_tag = any(name == "tag" for name, _ in self.narrowed)
            return has_tag and (self.piece.last - self.piece.first).days < _MANY_DAYS
        return self.table is CondensedUsage


@dataclass(frozen=True, slots=True)
class Question:
    """What `reading.read_groups` is asked."""

    scope: Scope
    dimensions: tuple[str, ...]
    columns: tuple[str, ...]
    before: Period | None
    beside: Period | None = None  # only with one before

    @property
    def keys(self) -> tuple[str, ...]:
        return self.dimensions if self.before is None else ("part", *self.dimensions)

    @property
    def parts(self) -> list[tuple[int, Period]]:
        parts = ((BEFORE, self.before), (BESIDE, self.beside), (NOW, self.scope.period))
        return [(part, period) for part, period in parts if period is not None]

    @property
    def period(self) -> Period:
        """From the first day that is read to the last one."""
        return Period(self.before.start if self.before else self.scope.period.start, self.scope.period.end)


@dataclass(frozen=True, slots=True)
class Plan:
    """The sources that together hold all usage asked for, once: as long as what is known of the spans holds.

    The statement says so itself, so that it is the only one: `proof` is its first table, `fingerprint` has the
    parameters of that, and `condition` ends each source, which is not touched when the proof fails. Days need none.
    """

    sources: Sequence[Source]
    fingerprint: tuple[int, ...] | None = None

    @property
    def condition(self) -> str:
        return "" if self.fingerprint is None else " AND (SELECT holds FROM proof) = 1"

    @property
    def proof(self) -> str:
        holds = "CASE WHEN COUNT(*) = %s AND COALESCE(SUM(id), 0) = %s THEN 1 ELSE 0 END AS holds"
        ready = f"FROM {CondensedSpan._meta.db_table} WHERE organization_id = %s AND is_ready"
        return f"proof AS (SELECT {holds} {ready})"


def plan_reading(question: Question, *, only_days: bool = False) -> Plan:
    """No query: of spans, what this process knows."""
    scope = question.scope
    asked = [(name, getattr(scope, name)) for name in _NARROWING]
    narrowed = [(name, value) for name, value in asked if value is not None and (value != "" or name != "provider")]
    names = {*question.dimensions, *(name for name, _ in narrowed)}
    by_tag = "tag" in names
    daily = DailyTagUsage if by_tag else DailyUsage
    has_totals = names <= _OF_TOTALS and set(question.columns) <= set(FIGURE_COLUMNS)
    condensed = CondensedTotals if has_totals else CondensedUsage
    known: Mapping[Span, int] = {}
    if question.period.day_count >= _FEW_DAYS and not only_days:
        known = _known.get(scope.organization_id, {})
        fingerprint = (len(known), sum(known.values()), scope.organization_id)
    else:
        fingerprint = None
    readable = [span for span in known if span.kind == spans.DAY or "day" not in names]
    sources = [
        Source(
            table=condensed if piece.kind else daily,
            piece=piece,
            part=part,
            by_tag=by_tag,
            narrowed=narrowed,
            organization_id=scope.organization_id,
        )
        for part, period in question.parts
        for piece in spans.cover(period, {span for span in readable if period.start <= span.start <= period.end})
    ]
    return Plan(sources, fingerprint)


def learn(organization_id: int) -> None:
    """Look up which spans of the organization can be read. One query."""
    _known.pop(organization_id, None)
    if found := condensing.find_ready(organization_id):
        _known[organization_id] = found
    while len(_known) > _MOST_KNOWN:
        _known.pop(next(iter(_known)), None)


def forget() -> None:
    """Know of no spans, like a process that has just begun."""
    _known.clear()
