"""One prompt as its page shows it: its versions, what each cost, when which was active, spend by day. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo

from analytics import charts, periods, reports, versions
from analytics.caps import OVERFLOW
from analytics.filters import MOST_DAYS
from analytics.periods import Period
from analytics.reports import LastUse, Scope, Sums
from analytics.versions import Comparison, Line
from prompts.catalog import configure, find_used_again
from prompts.models import Prompt, PromptActivation, PromptVersion

_FEWEST_DAYS = 30  # of the chart of all time


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version that is registered, or that requests named, or (number 0) requests without one."""

    line: Line
    version: PromptVersion | None
    active_since: datetime | None  # None: it is not active

    @property
    def number(self) -> int:
        return self.line.number

    @property
    def sums(self) -> Sums:
        return self.line.sums

    @property
    def model_seen(self) -> str:
        """That most of its requests were answered by; "" where none is known."""
        return find_model_seen(self.line)


@dataclass(frozen=True, slots=True)
class History:
    prompt: Prompt
    rows: Sequence[VersionRow]  # the newest version first, usage without a version last
    active: PromptActivation | None
    activations: Sequence[PromptActivation]  # the newest first
    comparison: Comparison
    bars: charts.CompareBars  # of the versions that were used, in the colours of the chart
    chart: charts.Chart
    drawn: Period  # the days of the chart
    last_use: LastUse | None
    is_used_again: bool  # by requests after it was archived
    was_used: bool  # ever

    @property
    def total(self) -> Sums:
        return self.comparison.total

    @property
    def latest(self) -> PromptVersion | None:
        return next((row.version for row in self.rows if row.version), None)


def read_history(prompt: Prompt, period: Period, *, now: datetime, zone: tzinfo) -> History:
    """Nine queries at most, whatever there is."""
    today = periods.local_day(now, zone)
    registered = {version.number: version for version in prompt.versions.all()}
    activations = list(prompt.activations.select_related("version"))
    active = next((one for one in activations if one.active_until is None), None)
    active_id = active.version_id if active else None
    scope = Scope(prompt.organization_id, period, prompt_key=prompt.key)
    comparison = versions.compare(scope, [configure(one, active_id) for one in registered.values()], now=now)
    uses = reports.last_uses_of_prompts(prompt.organization_id, now=now, zone=zone, prompt_key=prompt.key)
    drawn, chart = _draw(scope, today)
    return History(
        prompt=prompt,
        rows=_rows(comparison, registered, active),
        active=active,
        activations=activations,
        comparison=comparison,
        bars=_paint(comparison.bars, chart),
        chart=chart,
        drawn=drawn,
        last_use=uses.get(prompt.key),
        is_used_again=bool(find_used_again([prompt], uses, now=now, zone=zone)),
        was_used=bool(uses),
    )


def find_model_seen(line: Line) -> str:
    return next((seen.model for seen in line.seen if seen.model not in {"", OVERFLOW}), "")


def guess_registration(prompt: Prompt, number: int, *, now: datetime) -> str:
    """The model to register a version with that requests have named: that of most of them, "" if none is known."""
    scope = Scope(prompt.organization_id, reports.ALL_TIME, prompt_key=prompt.key, version=number)
    found = {line.number: find_model_seen(line) for line in versions.compare(scope, [], now=now).lines}
    return found.get(number, "")


def _rows(
    comparison: Comparison, registered: Mapping[int, PromptVersion], active: PromptActivation | None
) -> list[VersionRow]:
    since = {active.version.number: active.active_from} if active else {}
    return [VersionRow(line, registered.get(line.number), since.get(line.number)) for line in comparison.lines]


def _draw(scope: Scope, today: date) -> tuple[Period, charts.Chart]:
    """Spend by day, stacked by version. Of all time, from the first day that cost anything; of long ago, the end."""
    is_all = scope.period == reports.ALL_TIME
    period = _find_days(scope, today) if is_all else scope.period
    costs_of = reports.daily_costs_by(_over(scope, period), "version")
    if is_all:
        first = min((_first_cost(costs) for costs in costs_of.values()), default=period.day_count)
        first = max(0, min(first, period.day_count - _FEWEST_DAYS))
        period = Period(period.start + timedelta(days=first), period.end)
        costs_of = {number: costs[first:] for number, costs in costs_of.items()}
    series = [
        charts.Series(f"v{number}" if number else reports.NO_VERSION, tuple(costs))
        for number, costs in sorted(costs_of.items(), reverse=True)
    ]
    nothing = charts.Series("Spend", (0,) * period.day_count)
    return period, charts.stack_days(period.days, series or [nothing], today=today)


def _paint(bars: charts.CompareBars, chart: charts.Chart) -> charts.CompareBars:
    """A version has one colour on the page. What the chart does not show for itself is grey."""
    numbers = {name: number for number, name in chart.legend}
    return charts.CompareBars(tuple(replace(row, number=numbers.get(row.name, 0)) for row in bars.rows))


def _find_days(scope: Scope, today: date) -> Period:
    """From the organization's first use until today, at least a month, at most as many days as a chart takes."""
    used = reports.find_days(scope.organization_id)
    earliest = today - timedelta(days=MOST_DAYS - 1)
    start = min(used.start if used else today, today - timedelta(days=_FEWEST_DAYS - 1))
    return Period(max(start, earliest), today)


def _over(scope: Scope, period: Period) -> Scope:
    return Scope(scope.organization_id, period, prompt_key=scope.prompt_key)


def _first_cost(costs: Sequence[int]) -> int:
    return next((index for index, cost in enumerate(costs) if cost), len(costs))
