"""Stacked amounts by day or by hour, with the previous period as a faint line and a budget's pace as another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from analytics.charts.csv_text import write_csv
from analytics.charts.scale import Series, gather, place_text, round_place, round_ticks

BAR_SHARE = 0.72  # of a column's slot
_WIDEST_BAR = 8.0  # percent: few days are no walls
LEAST_VISIBLE = 1.5  # px: a day that cost something is never invisible
_MOST_BARS = 100  # more columns touch each other: an area with steps, since gaps would be finer than a pixel
_MOST_DAYS_BY_STEP = 120  # above, the months are labelled
_MOST_LABELS = 7
_PACE_REACH = 1.5  # times the largest amount: a line farther up would squash what was really spent

Unit = Literal["day", "hour"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One series' part of all columns as SVG path data. `number` (1 to 8) chooses its colour; 0 is "other".

    `path` is in a box of 100 x the chart's height; `partial_path` the same for the column that is still running.
    """

    number: int
    name: str
    amounts: tuple[int, ...]
    path: str
    partial_path: str

    @property
    def amounts_text(self) -> str:
        """For static/js/chart.js, which stacks what is left when a series is hidden."""
        return " ".join(map(str, self.amounts))


@dataclass(frozen=True, slots=True)
class Tick:
    amount: int
    y: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day or hour: its slot, and what is said about it."""

    day: date | None  # None for hours
    title: str  # beside the crosshair and in the table
    label: str  # under the axis, "" where there is none
    is_label_minor: bool  # left out in a narrow window
    x: float
    width: float
    middle: float
    amounts: tuple[int, ...]  # of every layer, zeros included
    total: int
    previous: int | None
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """The even daily pace of a budget: `amount` a day. `y` is None where it lies above the chart."""

    amount: int
    y: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """`csv` is the table with exact dollars."""

    unit: Unit
    height: int
    bar_share: float
    top: int  # the amount at the top of the axis
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]
    layers: tuple[Layer, ...]
    previous_path: str  # "" without a previous period
    pace: Pace | None
    csv: str

    @property
    def has_previous(self) -> bool:
        return bool(self.previous_path)

    @property
    def is_stacked(self) -> bool:
        return len(self.layers) > 1

    @property
    def legend(self) -> tuple[tuple[int, str], ...]:
        return tuple((layer.number, layer.name) for layer in self.layers)


@dataclass(frozen=True, slots=True)
class _Slot:
    day: date | None
    title: str
    label: str
    csv: str


def stack_days(
    days: Sequence[date],
    series: Sequence[Series],
    *,
    previous: Sequence[int] | None = None,
    today: date | None = None,
    pace: int | None = None,
    height: int = 200,
) -> Chart:
    """Bars, one a day, and the previous period as a line (its n-th day above the n-th; it may be shorter).

    `today` is drawn as partial. Every series has one amount for each of the days. More than a hundred days are an area.

    `pace` is a month's budget by day: the budget divided by the month's days, an even line. A line of what is spent so
    far against the whole budget would need an axis thirty times as high, under which the days lie flat; the pace tells
    on this axis which days cost more than their share. How much of the month's budget is gone is told beside the chart
    (`templates/analytics/_budget.html`). A pace far above everything spent is only named, not drawn.
    """
    has_months = len(days) > _MOST_DAYS_BY_STEP
    label_of = _month_label if has_months else _day_label
    slots = [_Slot(day, f"{day:%a} {day.day} {day:%b} {day:%Y}", label_of(day), day.isoformat()) for day in days]
    is_labelled = _is_month_start if has_months else _every_few(len(days))
    partial = next((index for index, day in enumerate(days) if day == today), None)
    return _stack("day", slots, series, is_labelled, previous=previous, partial=partial, pace=pace, height=height)


def stack_hours(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    previous: Sequence[int] | None = None,
    current: int | None = None,
    height: int = 200,
) -> Chart:
    """The hours of one local day, 23 to 25 of them, as their labels say; `current` is the index of the running one."""
    slots = [_Slot(None, label, label, label) for label in labels]
    few = _every_few(len(labels))
    return _stack("hour", slots, series, few, previous=previous, partial=current, pace=None, height=height)


def _stack(
    unit: Unit,
    slots: Sequence[_Slot],
    series: Sequence[Series],
    is_labelled: Callable[[int, _Slot], bool],
    *,
    previous: Sequence[int] | None,
    partial: int | None,
    pace: int | None,
    height: int,
) -> Chart:
    gathered = gather(series)
    earlier = list(previous or [])[: len(slots)]
    totals = [sum(one.amounts[index] for one in gathered) for index in range(len(slots))]
    largest = max([0, *totals, *earlier])
    is_pace_drawn = pace is not None and 0 < pace <= largest * _PACE_REACH
    ticks = round_ticks(max(largest, pace or 0) if is_pace_drawn else largest)
    share = round_place(min(BAR_SHARE, _WIDEST_BAR * len(slots) / 100)) if len(slots) <= _MOST_BARS else 1.0
    return Chart(
        unit=unit,
        height=height,
        bar_share=share,
        top=ticks[-1],
        # An axis of nothing has no amount to name but 0.
        ticks=tuple(Tick(amount, _y(amount, ticks[-1], height)) for amount in (ticks if largest else [0])),
        columns=_columns(slots, gathered, totals, earlier, partial, is_labelled),
        layers=_layers(gathered, len(gathered) < len(series), totals, partial, share, ticks[-1], height),
        previous_path=_line(earlier, len(slots), ticks[-1], height),
        pace=None if pace is None else Pace(pace, _y(pace, ticks[-1], height) if is_pace_drawn else None),
        csv=write_csv(unit, [slot.csv for slot in slots], gathered, totals, earlier),
    )


def _columns(
    slots: Sequence[_Slot],
    series: Sequence[Series],
    totals: Sequence[int],
    earlier: Sequence[int],
    partial: int | None,
    is_labelled: Callable[[int, _Slot], bool],
) -> tuple[Column, ...]:
    width = 100 / max(1, len(slots))
    labelled = [index for index, slot in enumerate(slots) if is_labelled(index, slot)]
    return tuple(
        Column(
            day=slot.day,
            title=slot.title,
            label=slot.label if index in labelled else "",
            is_label_minor=index in labelled[1::2],
            x=round_place(index * width),
            width=round_place(width),
            middle=round_place((index + 0.5) * width),
            amounts=tuple(one.amounts[index] for one in series),
            total=totals[index],
            previous=earlier[index] if index < len(earlier) else None,
            is_partial=index == partial,
        )
        for index, slot in enumerate(slots)
    )


def _layers(
    series: Sequence[Series],
    is_cut: bool,
    totals: Sequence[int],
    partial: int | None,
    share: float,
    top: int,
    height: float,
) -> tuple[Layer, ...]:
    """From the bottom up, in the order of the series."""
    slot = 100 / max(1, len(totals))
    fulls = [max(LEAST_VISIBLE, height * total / top) if total else 0.0 for total in totals]
    below = [0] * len(totals)
    layers = []
    for position, one in enumerate(series):
        bars = ["", ""]
        for index, amount in enumerate(one.amounts):
            if amount:
                scale = fulls[index] / totals[index]
                x = (index + (1 - share) / 2) * slot
                bottom, upper = height - below[index] * scale, height - (below[index] + amount) * scale
                bars[index == partial] += _bar(x, slot * share, upper, bottom)
                below[index] += amount
        number = 0 if is_cut and position == len(series) - 1 else position + 1
        layers.append(Layer(number, one.name, one.amounts, *bars))
    return tuple(layers)


def _bar(x: float, width: float, upper: float, bottom: float) -> str:
    ground = place_text(bottom)
    return f"M{place_text(x)} {ground}V{place_text(upper)}H{place_text(x + width)}V{ground}Z"


def _line(amounts: Sequence[int], count: int, top: int, height: float) -> str:
    """Through the middles of the slots; a single amount is a level line across its slot."""
    if not amounts:
        return ""
    slot = 100 / count
    ys = [place_text(_y(amount, top, height)) for amount in amounts]
    if len(ys) == 1:
        return f"M0 {ys[0]}H{place_text(slot)}"
    return "M" + "L".join(f"{place_text((index + 0.5) * slot)} {y}" for index, y in enumerate(ys))


def _y(amount: int, top: int, height: float) -> float:
    return round_place(height - height * amount / top)


def _every_few(count: int) -> Callable[[int, _Slot], bool]:
    step = -(-count // _MOST_LABELS) or 1
    return lambda index, _: index % step == 0


def _is_month_start(_: int, slot: _Slot) -> bool:
    return slot.day is not None and slot.day.day == 1


def _day_label(day: date) -> str:
    return f"{day.day} {day:%b}"


def _month_label(day: date) -> str:
    return f"{day:%Y}" if day.month == 1 else f"{day:%b}"
