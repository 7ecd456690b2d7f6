"""Whatever a report is narrowed to, its rows are what was used, and they add up to the total."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from analytics import overview, periods, reports
from analytics.comparisons import days_to_compare
from analytics.filters import Filters
from analytics.periods import Period
from analytics.reports import Dimension, HourDimension, Scope
from tests.analytics.made_up_usage import (
    MODELS,
    PROMPT_KEYS,
    TAGS,
    Use,
    World,
    counted,
    counted_by,
    counted_by_tag,
    make_world,
    shown,
)

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# Clocks change inside all of these: by an hour in both directions, at midnight, by half an hour; and once not at all.
PLACES = {
    "Europe/Berlin": date(2026, 3, 27),
    "America/New_York": date(2026, 10, 30),
    "America/Santiago": date(2026, 9, 4),
    "Australia/Lord_Howe": date(2026, 4, 3),
    "Asia/Kathmandu": date(2026, 2, 26),
}
DIMENSIONS: tuple[Dimension, ...] = ("prompt_key", "team_id", "api_key_id", "version", "provider", "model", "day")


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    first = PLACES[request.param]
    return make_world(request.param, first, first + timedelta(days=4))


def anywhere(*places: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", places, indirect=True)


def days_of(world: World) -> Period:
    first = PLACES[world.organization.timezone]
    return Period(first, first + timedelta(days=4))


@st.composite
def narrowed(draw: st.DrawFn, world: World) -> dict[str, Any]:
    """Up to three things at once to narrow a scope to; most of them are used together somewhere."""
    choices: dict[str, st.SearchStrategy[Any]] = {
        "provider": st.sampled_from(["openai", "anthropic"]),
        "prompt_key": st.sampled_from([*PROMPT_KEYS, "never used"]),
        "team_id": st.sampled_from([key.team_id for key in world.keys]),
        "api_key_id": st.sampled_from([key.pk for key in world.keys]),
        "model": st.sampled_from([model for _, model in MODELS]),
        "tag": st.sampled_from(["", *TAGS]),
        "version": st.sampled_from([0, 1, 2]),
    }
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=3, unique=True))
    return {name: draw(choices[name]) for name in names}


@st.composite
def ranges(draw: st.DrawFn, world: World) -> Period:
    around = Period(days_of(world).start - timedelta(days=1), days_of(world).end + timedelta(days=1))
    return Period(*sorted(draw(st.lists(st.sampled_from(around.days), min_size=2, max_size=2))))


def many(examples: int) -> settings:
    """The world is made once; every example only reads it."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@anywhere("America/New_York", "Asia/Kathmandu")
@many(12)
@given(data=st.data())
def test_rows_are_what_was_used_and_add_up_however_usage_is_narrowed(world: World, data: st.DataObject) -> None:
    scope = world.scope(data.draw(ranges(world)), **data.draw(narrowed(world)))
    uses = world.used_in(scope)

    assert shown(reports.get_total(scope)) == counted(uses)
    for dimension in DIMENSIONS:
        groups = reports.sums_by(scope, dimension)
        used = counted_by(uses, attrgetter(dimension))
        assert {value: shown(sums) for value, sums in groups.items()} == used
        assert reports.add_sums(groups.values()) == reports.get_total(scope)
    for rows in (reports.by_prompt(scope), reports.by_team(scope), reports.by_api_key(scope), reports.by_model(scope)):
        assert reports.add_up(rows) == reports.get_total(scope)
    tags = counted_by_tag(uses, scope)
    assert {row.value: shown(row.sums) for row in reports.by_tag(scope)} == tags
    assert sum(reports.daily_costs(scope)) == reports.get_total(scope).cost_pico_usd


@anywhere(*PLACES)
@many(15)
@given(data=st.data())
def test_the_hours_of_a_day_are_what_was_used_in_them(world: World, data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(days_of(world).days))
    by = data.draw(st.sampled_from([None, "provider", "model", "team_id", "prompt_key"]))
    scope = world.scope(Period(day, day), **data.draw(narrowed(world)))

    hours = reports.hourly_costs(scope, world.organization.tz, cast(HourDimension | None, by))

    assert sum(hour.cost_pico_usd for hour in hours) == reports.get_total(scope).cost_pico_usd
    for hour in hours:
        uses = [use for use in world.used_in(scope) if hour.includes(use.at)]
        assert hour.cost_pico_usd == counted(uses)["cost_pico_usd"]
        if by:
            costs = counted_by(uses, attrgetter(by))
            assert hour.cost_by == {value: one["cost_pico_usd"] for value, one in costs.items() if one["cost_pico_usd"]}


# --- The dashboard ----------------------------------------------------------------------------------------------------


def before_of(world: World, scope: Scope, now: datetime) -> list[Use]:
    """What was used in the days compared with: of the last of them, what has a counterpart in the part of today."""
    today = periods.local_day(now, world.organization.tz)
    before = days_to_compare(scope.period, today)
    assert before is not None
    time_of_day = now.astimezone(world.organization.tz).time()
    is_cut = today in scope.period and (today - scope.period.start).days == before.day_count - 1
    return [
        use
        for use in world.used_in(Scope(**{**narrowing_of(scope), "period": before}))
        if not (is_cut and use.day == before.end and use.at.astimezone(world.organization.tz).time() >= time_of_day)
    ]


def narrowing_of(scope: Scope) -> dict[str, Any]:
    return {name: getattr(scope, name) for name in Scope.__slots__}


def figures(amounts: Counter[str]) -> Counter[str]:
    """Those that the dashboard reads."""
    return Counter({name: amounts[name] for name in reports.FIGURES if amounts[name]})


@anywhere("Europe/Berlin", "Asia/Kathmandu")
@many(20)
@given(data=st.data())
def test_every_table_of_the_dashboard_adds_up_to_its_total_now_and_before(
    world: World, data: st.DataObject, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    period = data.draw(ranges(world))
    now = datetime.combine(period.end, datetime.min.time(), tzinfo=UTC) + timedelta(
        hours=data.draw(st.sampled_from([5, 12, 30, 100]))
    )
    today = periods.local_day(now, world.organization.tz)
    if today < period.start:
        return
    filters = Filters(period=period, preset="", **data.draw(narrowed(world)))
    stack_by = data.draw(st.sampled_from(["", "provider", "model"]))
    scope = filters.scope(world.organization.pk)

    with django_assert_max_num_queries(8 if period.day_count == 1 else 7):
        found = overview.read_dashboard(
            organization_id=world.organization.pk,
            filters=filters,
            zone=world.organization.tz,
            now=now,
            registered={"summarizer": "Summaries", "idle": ""},
            stack_by=cast(overview.StackBy, stack_by),
        )

    assert shown(found.total) == figures(counted(world.used_in(scope)))
    assert shown(found.total_before) == figures(counted(before_of(world, scope, now)))
    assert found.before is not None
    assert found.before.now_pico_usd == found.total.cost_pico_usd
    for rows in (found.prompts, found.api_keys, found.teams, found.models, found.providers):
        assert reports.add_up(rows) == found.total
        assert reports.add_sums(row.before for row in rows if row.before) == found.total_before
    tags_before = counted_by_tag(before_of(world, scope, now), scope)
    shown_before = {row.value: shown(row.before) for row in found.tags if shown(row.before)}
    assert shown_before == {tag: figures(amounts) for tag, amounts in tags_before.items()}
    assert sum(column.total for column in found.trend.columns) == found.total.cost_pico_usd
    assert found.is_current == (today in period)
    assert found.stamp == reports.latest_stamp(scope, today=today)
