"""The geometry of charts: numbers in, places and sizes out. Pure: no Django, no clock, no formatting of money.

Widths are percentages of the plot, so that a chart fits any window; heights are pixels from the top of the plot.
`templates/components/_chart.html` draws what comes out of here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

MOST_SERIES = 8
OTHER = "other"
_BAR_SHARE = 0.72  # of a day's slot
_LEAST_VISIBLE = 1.5  # px: a day that cost something is never invisible
_MOST_LABELS = 7
_TIP_LINE = 18  # px
_TIP_FIRST_LINE = 20


@dataclass(frozen=True, slots=True)
class Series:
    """One name and its amount on each day of the chart, none negative."""

    name: str
    amounts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.amounts)


@dataclass(frozen=True, slots=True)
class Tick:
    amount: int
    y: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A series' part of one day's bar. `number` (1 to 8) chooses its colour; 0 is "other"."""

    number: int
    name: str
    amount: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class TipLine:
    """One series in the box beside the crosshair; `y` is the text's baseline."""

    number: int
    name: str
    amount: int
    y: int


@dataclass(frozen=True, slots=True)
class Column:
    """One day: its slot, its bar, and what the crosshair says about it."""

    day: date
    slot_x: float
    slot_width: float
    bar_x: float
    bar_width: float
    middle: float
    segments: tuple[Segment, ...]
    amounts: tuple[int, ...]  # of every series, zeros included
    total: int
    previous: int | None
    tip_lines: tuple[TipLine, ...]  # none where there is one series: the total says it
    is_partial: bool
    is_labelled: bool
    is_label_minor: bool

    @property
    def is_right_half(self) -> bool:
        return self.middle > 50

    @property
    def previous_y(self) -> int:
        return _TIP_FIRST_LINE + _TIP_LINE * (len(self.tip_lines) + 1)

    @property
    def tip_height(self) -> int:
        return self.previous_y - (_TIP_LINE if self.previous is None else 0) + 12


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of the previous period's line."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Chart:
    height: int
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]
    legend: tuple[tuple[int, str], ...]
    previous_line: tuple[Line, ...]

    @property
    def has_previous(self) -> bool:
        return bool(self.previous_line)


def round_ticks(largest: int, most: int = 4) -> list[int]:
    """0 and at most `most` round steps (1, 2 or 5 times a power of ten); the last is the first not below `largest`."""
    if largest <= 0:
        return [0, 1]
    power = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * power
            if step * most >= largest:
                return list(range(0, step * -(-largest // step) + 1, step))
        power *= 10


def gather(series: Sequence[Series], most: int = MOST_SERIES) -> tuple[Series, ...]:
    """The largest first. Where there are more than `most`, the smallest are one series called "other", last."""
    ranked = sorted(series, key=lambda one: (-one.total, one.name))
    if len(ranked) <= most:
        return tuple(ranked)
    rest = ranked[most - 1 :]
    sums = tuple(sum(amounts) for amounts in zip(*(one.amounts for one in rest), strict=True))
    return (*ranked[: most - 1], Series(OTHER, sums))


def stack_days(
    days: Sequence[date],
    series: Sequence[Series],
    *,
    previous: Sequence[int] | None = None,
    today: date | None = None,
    height: int = 200,
) -> Chart:
    """Stacked bars, one a day, and the previous period as a line (its n-th day above the n-th; it may be shorter).

    `today` is drawn as partial. Every series has one amount for each of the days.
    """
    gathered = gather(series)
    is_cut = len(gathered) < len(series)
    numbers = [0 if is_cut and index == len(gathered) - 1 else index + 1 for index in range(len(gathered))]
    earlier = list(previous or [])[: len(days)]
    totals = [sum(one.amounts[index] for one in gathered) for index in range(len(days))]
    ticks = round_ticks(max([0, *totals, *earlier]))
    slot = 100 / max(1, len(days))
    label_step = -(-len(days) // _MOST_LABELS) or 1
    columns = tuple(
        Column(
            day=day,
            slot_x=_round(index * slot),
            slot_width=_round(slot),
            bar_x=_round(index * slot + slot * (1 - _BAR_SHARE) / 2),
            bar_width=_round(slot * _BAR_SHARE),
            middle=_round((index + 0.5) * slot),
            segments=_segments(gathered, numbers, index, ticks[-1], height),
            amounts=tuple(one.amounts[index] for one in gathered),
            total=totals[index],
            previous=earlier[index] if index < len(earlier) else None,
            tip_lines=_tip_lines(gathered, numbers, index),
            is_partial=day == today,
            is_labelled=index % label_step == 0,
            is_label_minor=index // label_step % 2 == 1,
        )
        for index, day in enumerate(days)
    )
    return Chart(
        height=height,
        ticks=tuple(Tick(amount, _y(amount, ticks[-1], height)) for amount in ticks),
        columns=columns,
        legend=tuple(zip(numbers, (one.name for one in gathered), strict=True)),
        previous_line=_line(earlier, slot, ticks[-1], height),
    )


def _tip_lines(series: Sequence[Series], numbers: Sequence[int], index: int) -> tuple[TipLine, ...]:
    if len(series) < 2:
        return ()
    shown = [(number, one) for number, one in zip(numbers, series, strict=True) if one.amounts[index]]
    return tuple(
        TipLine(number, one.name, one.amounts[index], _TIP_FIRST_LINE + _TIP_LINE * line)
        for line, (number, one) in enumerate(shown, start=1)
    )


def _segments(
    series: Sequence[Series], numbers: Sequence[int], index: int, top: int, height: float
) -> tuple[Segment, ...]:
    """From the bottom up, in the order of the series; those without an amount are left out."""
    amounts = [one.amounts[index] for one in series]
    total = sum(amounts)
    full = max(_LEAST_VISIBLE, height * total / top) if total else 0.0
    found = []
    below = 0
    for number, one, amount in zip(numbers, series, amounts, strict=True):
        if amount:
            bottom, upper = full * below / total, full * (below + amount) / total
            found.append(Segment(number, one.name, amount, _round(height - upper), _round(upper - bottom)))
        below += amount
    return tuple(found)


def _line(amounts: Sequence[int], slot: float, top: int, height: float) -> tuple[Line, ...]:
    points = [(_round((index + 0.5) * slot), _y(amount, top, height)) for index, amount in enumerate(amounts)]
    return tuple(Line(x1, y1, x2, y2) for (x1, y1), (x2, y2) in pairwise(points))


def _y(amount: int, top: int, height: float) -> float:
    return _round(height - height * amount / top)


def _round(number: float) -> float:
    return round(number, 3)
