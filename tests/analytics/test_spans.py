"""How days make weeks of months and months, and how a range is covered by those that are ready."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import spans
from analytics.periods import Period
from analytics.spans import DAY, MONTH, WEEK, Piece, Span

FIRST = date(2026, 1, 20)
days = st.integers(0, 110).map(lambda number: FIRST + timedelta(days=number))
periods = st.tuples(days, days).map(lambda ends: Period(min(ends), max(ends)))
ALL = list(spans.spans_within(Period(date(2026, 1, 1), date(2026, 5, 31))))


@pytest.mark.parametrize(
    ("day", "week", "end"),
    [
        (date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 7)),
        (date(2026, 2, 14), date(2026, 2, 8), date(2026, 2, 14)),
        (date(2026, 2, 21), date(2026, 2, 15), date(2026, 2, 21)),
        (date(2026, 2, 22), date(2026, 2, 22), date(2026, 2, 28)),
        (date(2026, 1, 31), date(2026, 1, 22), date(2026, 1, 31)),
    ],
)
def test_a_month_has_four_weeks_and_the_last_one_ends_with_it(day: date, week: date, end: date) -> None:
    span = spans.span_of(WEEK, day)
    assert (span.start, span.end) == (week, end)
    assert spans.span_of(MONTH, day).end >= end


def test_all_spans_of_a_month_are_its_days_its_weeks_and_itself() -> None:
    found = list(spans.spans_within(Period(date(2026, 2, 1), date(2026, 2, 28))))
    assert [len([span for span in found if span.kind == kind]) for kind in (DAY, WEEK, MONTH)] == [28, 4, 1]
    assert Span(MONTH, date(2026, 2, 1)) not in spans.spans_within(Period(date(2026, 2, 1), date(2026, 2, 27)))


@given(period=periods, ready=st.sets(st.sampled_from(ALL)))
def test_a_cover_has_every_day_once_and_only_ready_spans(period: Period, ready: set[Span]) -> None:
    covered: list[date] = []
    for piece in spans.cover(period, ready):
        pieces_days = Period(piece.first, piece.last)
        covered += pieces_days.days
        if piece.kind:
            inside = [span for span in spans.spans_within(pieces_days) if span.kind == piece.kind]
            assert set(inside) <= ready
            assert [day for span in inside for day in Period(span.start, span.end).days] == pieces_days.days
    assert covered == period.days


def test_the_longest_spans_come_first_and_neighbours_are_read_together() -> None:
    period = Period(date(2026, 1, 31), date(2026, 4, 9))
    assert spans.cover(period, set(ALL)) == [
        Piece(DAY, date(2026, 1, 31), date(2026, 1, 31)),
        Piece(MONTH, date(2026, 2, 1), date(2026, 3, 31)),
        Piece(WEEK, date(2026, 4, 1), date(2026, 4, 7)),
        Piece(DAY, date(2026, 4, 8), date(2026, 4, 9)),
    ]
    assert spans.cover(period, set()) == [Piece(0, period.start, period.end)]


def test_all_time_is_covered_at_once() -> None:
    pieces = spans.cover(Period(date.min, date.max), {Span(MONTH, date(2026, 2, 1))})
    assert pieces == [
        Piece(0, date.min, date(2026, 1, 31)),
        Piece(MONTH, date(2026, 2, 1), date(2026, 2, 28)),
        Piece(0, date(2026, 3, 1), date.max),
    ]
