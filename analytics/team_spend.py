"""What one team spent in one month, on which keys and prompts. Composes `reports`; nothing is aggregated here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from analytics import charts, comparisons, periods, reports
from analytics.comparisons import Comparison
from analytics.periods import Period
from analytics.reports import Row, Scope, Sums
from orgs.models import ApiKey, Team

# Nobody spent anything earlier, and the calendar's own beginning is out of reach.
_EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class KeySpend:
    key: ApiKey
    sums: Sums


@dataclass(frozen=True, slots=True)
class TeamSpend:
    month: Period
    earlier: Period
    later: Period | None  # None in the current month
    total: Sums
    comparison: Comparison
    chart: charts.Chart
    keys: list[KeySpend]  # all of the team, the most expensive first
    prompts: list[Row]


def read_month(
    team: Team, keys: Sequence[ApiKey], *, zone: tzinfo, now: datetime, month: Period | None = None
) -> TeamSpend:
    """The given calendar month; the current one if none is given or it is still to come. Four queries, and one
    more where that day of the month before was used with which today is compared.

    `keys` are all of the team's.
    """
    today = periods.local_day(now, zone)
    if month is None or not _EARLIEST <= month.start <= today:
        month = periods.month_of(today)
    earlier = periods.previous(month)
    scope = Scope(team.organization_id, month, team_id=team.pk)
    spent_before = reports.daily_costs(replace(scope, period=earlier))
    sums_of = reports.sums_by(scope, "api_key_id")
    prompts = reports.by_prompt(scope)
    total = reports.add_up(prompts)
    ranked = sorted(keys, key=lambda key: (-sums_of.get(key.pk, Sums()).cost_pico_usd, key.is_revoked, -key.pk))
    return TeamSpend(
        month=month,
        earlier=earlier,
        later=_month_after(month, today),
        total=total,
        comparison=_compare(scope, zone, now, spent=total.cost_pico_usd, spent_before=spent_before),
        chart=_draw(scope, {key.pk: key.label for key in keys}, spent_before, today),
        keys=[KeySpend(key, sums_of.get(key.pk, Sums())) for key in ranked],
        prompts=prompts,
    )


def _compare(scope: Scope, zone: tzinfo, now: datetime, *, spent: int, spent_before: Sequence[int]) -> Comparison:
    """`spent` in the month with the month before, of which `spent_before` has all days."""
    before = comparisons.days_to_compare(scope.period, periods.local_day(now, zone))
    assert before is not None, "months to come are not shown"
    until = comparisons.moment_to_compare(scope.period, before, now, zone)
    costs = spent_before[: before.day_count]
    later = 0
    if until is not None and costs[-1]:
        last = replace(scope, period=Period(before.end, before.end))
        later = reports.read_remainder(last, until, ()).total.cost_pico_usd
    return Comparison(before, sum(costs) - later, spent, until)


def _draw(scope: Scope, labels: dict[int, str], spent_before: Sequence[int], today: date) -> charts.Chart:
    """Each key's spend by day, stacked."""
    costs = reports.daily_costs_by(scope, "api_key_id")
    series = [charts.Series(labels.get(key_id, f"key {key_id}"), tuple(costs[key_id])) for key_id in costs]
    previous = spent_before if any(spent_before) else None
    return charts.stack_days(scope.period.days, series, previous=previous, today=today)


def _month_after(month: Period, today: date) -> Period | None:
    return None if today in month else periods.month_of(date.fromordinal(month.end.toordinal() + 1))
