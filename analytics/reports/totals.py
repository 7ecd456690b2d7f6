"""Totals, sums by one dimension, and costs by day."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import blake2s
from typing import Any

from analytics.periods import Period
from analytics.reports.reading import Group, read_groupings, read_groups
from analytics.reports.scope import Dimension, Scope
from analytics.reports.sources import BEFORE, NOW
from analytics.reports.sums import FIGURES, NOTHING, SUM_COLUMNS, Sums, add_sums, sums_from

SumsOf = dict[Any, Sums]


def get_total(scope: Scope, columns: Sequence[str] = SUM_COLUMNS) -> Sums:
    """One query."""
    return add_sums(sums_from(amounts, columns) for _, amounts in read_groups(scope, (), columns))


def sums_by(scope: Scope, dimension: Dimension) -> SumsOf:
    """The sums of every value of the dimension that has any. One query.

    All of them add up to `get_total`, but for tags: a request counts in full under each of its tags, and under `""` if
    it has none.
    """
    return sums_by_all(scope, dimension)


def sums_by_all(scope: Scope, *dimensions: Dimension) -> SumsOf:
    """The same by several dimensions at once: the keys are tuples of their values. One query."""
    return fold(read_groups(scope, dimensions))


def sums_by_both(scope: Scope, before: Period | None, *dimensions: Dimension) -> tuple[SumsOf, SumsOf | None]:
    """The same for the scope's period, and for one before it if given. One query."""
    (both,) = sums_by_each(scope, before, dimensions)
    return both


def sums_by_each(
    scope: Scope, before: Period | None, *groupings: Sequence[Dimension], columns: Sequence[str] = SUM_COLUMNS
) -> list[tuple[SumsOf, SumsOf | None]]:
    """The same for several groupings, from one reading of the roll-ups. One query."""
    found = read_groupings(scope, groupings, columns, before=before)
    if before is None:
        return [(fold(groups, columns), None) for groups in found]
    return [(fold(of_part(NOW, groups), columns), fold(of_part(BEFORE, groups), columns)) for groups in found]


def of_part(part: int, groups: Iterable[Group]) -> Iterable[Group]:
    return ((key[1:], amounts) for key, amounts in groups if key[0] == part)


def regroup(sums_of: SumsOf, position: int) -> SumsOf:
    """The sums by one of several dimensions, out of those by all of them."""
    found: dict[Any, list[Sums]] = {}
    for key, sums in sums_of.items():
        found.setdefault(key[position], []).append(sums)
    return {value: add_sums(counted) for value, counted in found.items()}


def daily_costs(scope: Scope) -> list[int]:
    """Pico-USD of each day of the period, in order. One query."""
    found = {key[0]: cost for key, (cost,) in read_groups(scope, ("day",), ("cost_pico_usd",))}
    return [found.get(day, 0) for day in scope.period.days]


def daily_costs_by(scope: Scope, dimension: Dimension) -> dict[Any, list[int]]:
    """Pico-USD of each day of the period, for every value of the dimension that cost anything. One query."""
    groups = read_groups(scope, (dimension, "day"), ("cost_pico_usd",))
    days = {day: index for index, day in enumerate(scope.period.days)}
    found: dict[Any, list[int]] = {}
    for (value, day), (cost,) in groups:
        if cost:
            found.setdefault(value, [0] * len(days))[days[day]] = cost
    return found


def latest_stamp(scope: Scope, *, today: date) -> str:
    """A text that is another one when usage of the scope came in, or a new day began: for pages that ask what is new.

    Looks at today and yesterday alone, so that it stays cheap for any period. One query.
    """
    days = recent_days(scope.period, today)
    return stamp_of(get_total(replace(scope, period=days), FIGURES) if days else NOTHING, today)


def recent_days(period: Period, today: date) -> Period | None:
    """The days of the period to which new usage is added: a call that began before midnight counts as yesterday's."""
    first, last = max(period.start, today - timedelta(days=1)), min(period.end, today)
    return Period(first, last) if first <= last else None


def stamp_of(recent: Sums, today: date) -> str:
    """`latest_stamp`, from the `FIGURES` of the `recent_days`."""
    return blake2s(f"{today} {recent}".encode(), digest_size=12).hexdigest()


def fold(groups: Iterable[Group], columns: Sequence[str] = SUM_COLUMNS) -> SumsOf:
    """Keys of a single value stand for themselves."""
    return {(key[0] if len(key) == 1 else key): sums_from(amounts, columns) for key, amounts in groups if any(amounts)}
