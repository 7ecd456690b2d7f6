"""The dashboard's questions, answered at once: what was spent in a range of days, on what, and is it more than before.

Composes `reports`; nothing is aggregated here. All figures are read as of one moment, so that they add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from analytics import charts, comparisons, periods, provider_names, reports
from analytics.comparisons import Comparison
from analytics.filters import Filters
from analytics.periods import Period
from analytics.reports import Days, Grouping, Owners, Remainder, Row, Scope, Sums, SumsOf

# What the tables are read by. That of keys tells teams too, and that of models providers.
_PROMPTS: Grouping = ("prompt_key",)
_SPENDERS: Grouping = ("team_id", "api_key_id")
_TAGS: Grouping = ("tag",)
_MODELS: Grouping = ("provider", "model")
_GROUPINGS = (_PROMPTS, _SPENDERS, _TAGS, _MODELS)

StackBy = Literal["", "provider", "model"]
_STACKS: Mapping[StackBy, Grouping] = {"": (), "provider": ("provider",), "model": _MODELS}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What is compared with the days before has `before`; everything has where the range has begun.

    Of all sums there are the `reports.FIGURES`, no others.
    """

    filters: Filters
    period: Period
    today: date
    is_current: bool  # whether the range includes today, so that its figures still grow
    total: Sums
    before: Comparison | None
    total_before: Sums | None
    projection_pico_usd: int | None  # of a running calendar month: `comparisons.project`
    trend: charts.Chart  # by day, by hour where the range is one day
    prompts: list[Row]
    api_keys: list[Row]
    teams: list[Row]
    tags: list[Row]
    models: list[Row]
    providers: list[Row]
    first_day: date | None  # of all the organization's usage; None where there never was any
    last_day: date | None
    stamp: str  # what `reports.latest_stamp` said of these figures


def read_dashboard(
    *,
    organization_id: int,
    filters: Filters,
    zone: tzinfo,
    now: datetime,
    registered: Mapping[str, str],
    owners: Owners | None = None,
    stack_by: StackBy = "",
    pace: int | None = None,
) -> Dashboard:
    """Everything on the page. `registered` are the names of all prompts by key, `pace` pico-USD a day (`charts`).

    Seven queries at most, eight where the range is one day, whatever there is: the days; prompts and keys; tags; the
    names of keys and of teams, unless `owners` has them; the organization's first and last day; while the range runs
    and the day that today is compared with was used, what came later on that day; the hours. On PostgreSQL one more
    fixes the moment of reading.
    """
    with reports.one_moment():
        return _read(_Question(filters, filters.scope(organization_id), zone, now, stack_by, pace), registered, owners)


@dataclass(frozen=True, slots=True)
class _Question:
    filters: Filters
    scope: Scope
    zone: tzinfo
    now: datetime
    stack_by: StackBy
    pace: int | None

    @property
    def period(self) -> Period:
        return self.scope.period

    @property
    def today(self) -> date:
        return periods.local_day(self.now, self.zone)


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The days to compare with, and what to leave out of their last one."""

    period: Period
    until: datetime | None
    remainder: Remainder


def _read(question: _Question, registered: Mapping[str, str], owners: Owners | None) -> Dashboard:
    scope, period, today = question.scope, question.period, question.today
    compared = comparisons.days_to_compare(period, today)
    days = reports.read_days(
        scope, compared, _only_drawn(period, compared) if compared else None, by=_STACKS[question.stack_by]
    )
    earlier = _read_earlier(question, days, compared) if compared else None
    used = reports.find_days(scope.organization_id)
    prompts, spenders = _sums_of_both(scope, earlier, _PROMPTS, _SPENDERS)
    (tags,) = _sums_of_both(scope, earlier, _TAGS)
    models = _take_off(days.models, days.models_before, earlier, _MODELS)
    total = reports.add_sums(models[0].values())
    total_before = reports.add_sums(models[1].values()) if models[1] is not None else None
    first_day, last_day = (used.start, used.end) if used else (None, None)
    recent = reports.recent_days(period, today)
    return Dashboard(
        filters=question.filters,
        period=period,
        today=today,
        is_current=today in period,
        total=total,
        before=_compare(earlier, total_before, total) if earlier and total_before else None,
        total_before=total_before,
        projection_pico_usd=comparisons.project(period, today, days.costs(period), first_day),
        trend=_draw(question, days, compared),
        prompts=reports.rank_prompts(scope, *prompts, registered=registered),
        api_keys=reports.rank_api_keys(scope, *_regroup(spenders, 1), with_unused=True, owners=owners),
        teams=reports.rank_teams(scope, *_regroup(spenders, 0), with_unused=True, owners=owners),
        tags=reports.rank_tags(*tags),
        models=reports.rank_models(*models),
        providers=reports.rank(*_regroup(models, 0)),
        first_day=first_day,
        last_day=last_day,
        stamp=reports.stamp_of(days.total(recent) if recent else Sums(), today),
    )


# --- Now and before ---------------------------------------------------------------------------------------------------

_Both = tuple[SumsOf, SumsOf | None]


def _read_earlier(question: _Question, days: Days, compared: Period) -> _Earlier:
    """One query, none where nothing was used on the day that today is compared with."""
    until = comparisons.moment_to_compare(question.period, compared, question.now, question.zone)
    last = Period(compared.end, compared.end)
    if until is None or days.total(last).is_empty:
        return _Earlier(compared, until, Remainder())
    scope = replace(question.scope, period=last)
    remainder = reports.read_remainder(scope, until, *_GROUPINGS, columns=reports.FIGURES)
    return _Earlier(compared, until, remainder)


def _sums_of_both(scope: Scope, earlier: _Earlier | None, *groupings: Grouping) -> list[_Both]:
    """One query for all of the groupings."""
    before = earlier.period if earlier else None
    found = reports.sums_by_each(scope, before, *groupings, columns=reports.FIGURES)
    return [_take_off(*both, earlier, grouping) for both, grouping in zip(found, groupings, strict=True)]


def _take_off(now: SumsOf, before: SumsOf | None, earlier: _Earlier | None, grouping: Grouping) -> _Both:
    if earlier is None or before is None:
        return now, None
    return now, earlier.remainder.taken_off(before, *grouping)


def _regroup(both: _Both, position: int) -> _Both:
    now, before = both
    return reports.regroup(now, position), None if before is None else reports.regroup(before, position)


def _compare(earlier: _Earlier, before: Sums, now: Sums) -> Comparison:
    return Comparison(earlier.period, before.cost_pico_usd, now.cost_pico_usd, earlier.until)


# --- The trend --------------------------------------------------------------------------------------------------------


def _line_days(period: Period, compared: Period) -> Period:
    """The days of the faint line: beside a calendar month the whole month before, else those compared with."""
    return periods.month_of(compared.start) if period == periods.month_of(period.start) else compared


def _only_drawn(period: Period, compared: Period) -> Period | None:
    """Those of them that nothing is compared with."""
    line = _line_days(period, compared)
    return Period(compared.end + timedelta(days=1), line.end) if line.end > compared.end else None


def _draw(question: _Question, days: Days, compared: Period | None) -> charts.Chart:
    period = question.period
    if period.day_count == 1 and (chart := _draw_hours(question, sum(days.costs(period)))):
        return chart
    named: Mapping[str, Sequence[int]] = (
        days.costs_by(period, lambda values: _name(question, values))
        if question.stack_by
        else {"Spend": days.costs(period)}
    )
    before = days.costs(_line_days(period, compared)) if compared else []
    return charts.stack_days(
        period.days,
        _series(named),
        previous=before if any(before) else None,
        today=question.today,
        pace=question.pace,
    )


def _draw_hours(question: _Question, spent: int) -> charts.Chart | None:
    """None where the hours do not add up to the day: its records are gone."""
    day = question.period.start
    both = replace(question.scope, period=Period(day - timedelta(days=1), day))
    before, hours = reports.hourly_costs_of_days(both, question.zone, question.stack_by or None).values()
    if sum(hour.cost_pico_usd for hour in hours) != spent:
        return None
    names = sorted({name for hour in hours for name in hour.cost_by})
    named = {_name_of_hours(question, str(name)): [hour.cost_by.get(name, 0) for hour in hours] for name in names}
    costs_before = [hour.cost_pico_usd for hour in before]
    return charts.stack_hours(
        [hour.label for hour in hours],
        _series(named if question.stack_by else {"Spend": [hour.cost_pico_usd for hour in hours]}),
        previous=costs_before if any(costs_before) else None,
        current=next((number for number, hour in enumerate(hours) if hour.includes(question.now)), None),
    )


def _name(question: _Question, values: tuple[str, ...]) -> str:
    """Of what the days are stacked by."""
    if question.stack_by == "provider":
        return provider_names.name_of(values[0])
    provider, model = values
    return reports.name_of_model((provider, model))


def _name_of_hours(question: _Question, value: str) -> str:
    return provider_names.name_of(value) if question.stack_by == "provider" else value or reports.UNNAMED_MODEL


def _series(named: Mapping[str, Sequence[int]]) -> list[charts.Series]:
    """At least one, so that there are columns to draw."""
    return [charts.Series(name, tuple(amounts)) for name, amounts in named.items()]
