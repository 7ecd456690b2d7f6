"""Days, weeks of months and months, and how a range of days is made of them. Pure: no database, no clock."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from analytics import periods
from analytics.periods import Period

# In the database too. A week begins with the 1st, 8th, 15th or 22nd day of a month, so that months are made of weeks.
DAY, WEEK, MONTH = 1, 7, 31
KINDS = (DAY, WEEK, MONTH)

_ONE_DAY = timedelta(days=1)


class Span(NamedTuple):
    kind: int
    start: date

    @property
    def end(self) -> date:
        """Its last day."""
        if self.kind == DAY:
            return self.start
        if self.kind == WEEK and self.start.day < 22:
            return self.start + timedelta(days=6)
        return periods.month_of(self.start).end

    @property
    def parts(self) -> list["Span"]:
        """The days of a week, the weeks of a month; none of a day."""
        kind = {WEEK: DAY, MONTH: WEEK}.get(self.kind)
        return list(_follow(kind, self.start, self.end)) if kind else []


class Piece(NamedTuple):
    """Days read in one go: those of spans of one kind that follow each other, or any days (`kind` 0)."""

    kind: int
    first: date
    last: date

    @property
    def starts(self) -> list[date]:
        """The first days of its spans; of any days, themselves."""
        return [span.start for span in _follow(self.kind or DAY, self.first, self.last)]


def span_of(kind: int, day: date) -> Span:
    """The span of that kind in which the day lies."""
    if kind == DAY:
        return Span(kind, day)
    return Span(kind, day.replace(day=min((day.day - 1) // 7 * 7, 21) + 1 if kind == WEEK else 1))


def spans_within(period: Period) -> Iterator[Span]:
    """All that begin and end in the period, the earliest first, the shorter before the longer."""
    day = period.start
    while day <= period.end:
        for kind in KINDS:
            span = span_of(kind, day)
            if span.start == day and span.end <= period.end:
                yield span
        day += _ONE_DAY


def cover(period: Period, ready: Collection[Span]) -> list[Piece]:
    """The period in as few pieces as the ready spans allow, in order; their days are exactly those of the period."""
    if not ready:
        return [Piece(0, period.start, period.end)]
    kinds = sorted({span.kind for span in ready}, reverse=True)
    last = min(period.end, max(span.end for span in ready))
    day = max(period.start, min(span.start for span in ready))
    pieces = [Piece(0, period.start, day - _ONE_DAY)] if period.start < day <= period.end else []
    if day > last:
        return [Piece(0, period.start, period.end)]
    while day <= last:
        fitting = (span_of(kind, day) for kind in kinds)
        found = next((s for s in fitting if s.start == day and s.end <= last and s in ready), None)
        end = found.end if found else day
        _append(pieces, Piece(found.kind if found else 0, day, end))
        day = end + _ONE_DAY
    if last < period.end:
        _append(pieces, Piece(0, day, period.end))
    return pieces


def _append(pieces: list[Piece], piece: Piece) -> None:
    if pieces and pieces[-1].kind == piece.kind:
        piece = Piece(piece.kind, pieces.pop().first, piece.last)
    pieces.append(piece)


def _follow(kind: int, first: date, last: date) -> Iterator[Span]:
    """The spans of one kind, from the one that begins on the first day to the one that ends on the last."""
    span = span_of(kind, first)
    while span.end <= last:
        yield span
        span = span_of(kind, span.end + _ONE_DAY)
