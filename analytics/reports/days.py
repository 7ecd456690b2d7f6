"""The days of two periods from one read: what the dashboard draws and adds up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.periods import Period
from analytics.reports.reading import read_groupings
from analytics.reports.scope import Dimension, Scope
from analytics.reports.sources import BEFORE, NOW
from analytics.reports.sums import FIGURES, Sums, add_sums, sums_from
from analytics.reports.totals import SumsOf, fold, of_part

_COST = FIGURES.index("cost_pico_usd")

# The values by which a day is told apart, none where it is not, and its `FIGURES`.
_Part = tuple[tuple[Any, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Days:
    """`FIGURES` by day, and those of each period by provider and model."""

    parts: Mapping[date, Sequence[_Part]]
    models: SumsOf
    models_before: SumsOf | None

    def total(self, period: Period) -> Sums:
        return add_sums(sums_from(amounts, FIGURES) for _, (_, amounts) in self._within(period))

    def costs(self, period: Period) -> list[int]:
        """Pico-USD of each day, in order."""
        return [sum(amounts[_COST] for _, amounts in self.parts.get(day, ())) for day in period.days]

    def costs_by(self, period: Period, name_of: Callable[[tuple[Any, ...]], Any]) -> dict[Any, list[int]]:
        """Pico-USD of each day, for every name of the values it is told apart by that cost anything."""
        found: dict[Any, list[int]] = {}
        for number, (values, amounts) in self._within(period):
            if cost := amounts[_COST]:
                costs = found.setdefault(name_of(values), [0] * period.day_count)
                costs[number] += cost
        return found

    def _within(self, period: Period) -> Iterable[tuple[int, _Part]]:
        return ((number, part) for number, day in enumerate(period.days) for part in self.parts.get(day, ()))


def read_days(
    scope: Scope, before: Period | None = None, beside: Period | None = None, *, by: Sequence[Dimension] = ()
) -> Days:
    """The days of the scope's period, told apart by these dimensions, and those of a period before it if given.

    `beside` are days between the two, of which nothing but the day is wanted. One query.
    """
    groupings = (("day", *by), ("provider", "model"))
    by_day, by_model = read_groupings(scope, groupings, FIGURES, before=before, beside=beside)
    first = 0 if before is None else 1
    parts: dict[date, list[_Part]] = {}
    for key, amounts in by_day:
        parts.setdefault(key[first], []).append((key[first + 1 :], amounts))
    if before is None:
        return Days(parts, fold(by_model, FIGURES), None)
    return Days(parts, fold(of_part(NOW, by_model), FIGURES), fold(of_part(BEFORE, by_model), FIGURES))
