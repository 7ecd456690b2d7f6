"""The dashboard's one question, answered: what was spent this month, on what, and is it more than last month.

Composes `reports`; nothing is aggregated here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

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
    scope = Scope(organization_id, month)
    spent = reports.daily_costs(scope)
    spent_before = reports.daily_costs(Scope(organization_id, periods.previous(month)))
    prompts = reports.by_prompt(scope)
    total = reports.add_up(prompts)
    comparison = compare(month, today=today, spent=total.cost_pico_usd, spent_before=spent_before)
    chart = charts.stack_days(
        month.days,
        [charts.Series("Spend", tuple(spent))],
        previous=spent_before if any(spent_before) else None,
        today=today,
    )
    return Overview(month, today, total, comparison, chart, prompts, reports.by_team(scope))


def compare(month: Period, *, today: date, spent: int, spent_before: Sequence[int]) -> Comparison:
    """With the days of the month before (`spent_before` has all of them) that lie as far in it as today does in this.

    Amounts in pico-USD. A month that is over is compared with the whole one before.
    """
    before = periods.previous(month)
    until = before.end if today > month.end else min(before.end, before.start + (today - month.start))
    days = Period(before.start, until)
    return Comparison(period=days, before_pico_usd=sum(spent_before[: days.day_count]), now_pico_usd=spent)
