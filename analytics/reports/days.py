"""The days of two periods from one read: what the dashboard draws and adds up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import add
from typing import Any

from analytics.periods import Period
from analytics.reports.reading import read_groups
from analytics.reports.scope import Scope
from analytics.reports.sums import NOTHING, SUM_COLUMNS, Sums, sums_from
from analytics.reports.totals import SumsOf

_COST = SUM_COLUMNS.index("cost_pico_usd")


@dataclass(frozen=True, slots=True)
class _Part:
    """What one model did on one day."""

    day: date
    model: tuple[str, str]  # the provider and the model
    amounts: Sequence[int]  # of `SUM_COLUMNS`


@dataclass(frozen=True, slots=True)
class Days:
    parts: Sequence[_Part]

    def total(self, period: Period) -> Sums:
        return self._sums(period, lambda part: None).get(None, NOTHING)

    def by_model(self, period: Period) -> SumsOf:
        """Under (provider, model)."""
        return self._sums(period, lambda part: part.model)

    def by_provider(self, period: Period) -> SumsOf:
        return self._sums(period, lambda part: part.model[0])

    def costs(self, period: Period) -> list[int]:
        """Pico-USD of each day, in order."""
        return self.costs_by(period, lambda model: None).get(None, [0] * period.day_count)

    def costs_by(self, period: Period, name_of: Callable[[tuple[str, str]], Any]) -> dict[Any, list[int]]:
        """Pico-USD of each day, for every name of a (provider, model) that cost anything."""
        found: dict[Any, list[int]] = {}
        for part in self._within(period):
            if cost := part.amounts[_COST]:
                costs = found.setdefault(name_of(part.model), [0] * period.day_count)
                costs[(part.day - period.start).days] += cost
        return found

    def _sums(self, period: Period, value_of: Callable[[_Part], Any]) -> SumsOf:
        found: dict[Any, list[int]] = {}
        for part in self._within(period):
            value = value_of(part)
            found[value] = list(map(add, found[value], part.amounts)) if value in found else list(part.amounts)
        return {value: sums_from(amounts) for value, amounts in found.items() if any(amounts)}

    def _within(self, period: Period) -> Iterable[_Part]:
        return (part for part in self.parts if part.day in period)


def read_days(scope: Scope, before: Period | None = None) -> Days:
    """The days of the scope's period, and of one before it if given. One query."""
    dimensions = ("day", "provider", "model")
    keys_from = 0 if before is None else 1
    groups = read_groups(scope, dimensions, before=before)
    return Days([_Part(key[keys_from], key[keys_from + 1 :], amounts) for key, amounts in groups])
