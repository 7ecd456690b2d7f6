"""The dashboard's one question, answered: what was spent this month, on what, and is it more than last month.

Composes `reports`; nothing is aggregated here.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from analytics import charts, periods, reports
from analytics.periods import Period
from analytics.reports import Row, Scope, Sums


@dataclass(frozen=True, slots=True)
class Comparison:
    """With the same days of the month before, as far as this month has come."""

    period: Period
    before_pico_usd: int
    now_pico_usd: int

    @property
    def change_pico_usd(self) -> int:
        return self.now_pico_usd - self.before_pico_usd

    @property
    def change_percent(self) -> int | None:
        """Rounded; None where nothing was spent before."""
        return round(self.change_pico_usd * 100 / self.before_pico_usd) if self.before_pico_usd else None


@dataclass(frozen=True, slots=True)
class Overview:
    month: Period
    today: date
    total: Sums
    comparison: Comparison
    chart: charts.Chart
    prompts: list[Row]
    teams: list[Row]


def read_month(*, organization_id: int, zone: tzinfo, now: datetime) -> Overview:
    """The calendar month around `now` in the organization's time zone. Five queries, four without usage."""
    today = periods.local_day(now, zone)
    month = periods.month_of(today)
    before = periods.previous(month)
    scope = Scope(organization_id, month)
    spent = _spend_by_day(scope)
    spent_before = _spend_by_day(Scope(organization_id, before))
    prompts = reports.by_prompt(scope)
    total = reports.add_up(prompts)
    until = min(before.end, before.start + (today - month.start))
    comparison = Comparison(
        period=Period(before.start, until),
        before_pico_usd=sum(amount for day, amount in spent_before.items() if day <= until),
        now_pico_usd=total.cost_pico_usd,
    )
    days = _days_of(month)
    chart = charts.stack_days(
        days,
        [charts.Series("Spend", tuple(spent.get(day, 0) for day in days))],
        previous=[spent_before.get(day, 0) for day in _days_of(before)] if any(spent_before.values()) else None,
        today=today,
    )
    return Overview(month, today, total, comparison, chart, prompts, reports.by_team(scope))


def _spend_by_day(scope: Scope) -> dict[date, int]:
    return {day: sums.cost_pico_usd for day, sums in reports.sums_by(scope, "day").items()}


def _days_of(period: Period) -> list[date]:
    return [period.start + timedelta(days=number) for number in range(period.day_count)]
