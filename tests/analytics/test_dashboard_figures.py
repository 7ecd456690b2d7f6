"""The figures of the dashboard, worked out by hand: what is compared, drawn, expected and asked for again."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import filters, overview, periods, reports
from analytics.overview import Dashboard
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Organization
from tests.analytics.rollup_rows import spend
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

USD = 10**12


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def read(
    organization: Organization,
    *,
    now: datetime = NOON,
    registered: Mapping[str, str] | None = None,
    stack_by: overview.StackBy = "",
    parameters: Mapping[str, str] | None = None,
    **further: str,
) -> Dashboard:
    """The page at that address."""
    return overview.read_dashboard(
        organization_id=organization.pk,
        filters=filters.parse({**(parameters or {}), **further}, today=periods.local_day(now, organization.tz)),
        zone=organization.tz,
        now=now,
        registered=registered or {},
        stack_by=stack_by,
    )


def test_a_running_month_is_compared_with_the_same_days_up_to_the_same_time(key: ApiKey) -> None:
    """NOON is that of 10 February."""
    january = datetime(2026, 1, 10, 12, tzinfo=UTC)
    post(
        make_record(key, at=january - timedelta(days=9), prompt_key="early"),
        make_record(key, at=january - timedelta(seconds=1), prompt_key="a", tags=("x",)),
        make_record(key, at=january, prompt_key="a", tags=("x",)),  # twelve o'clock and later have no counterpart yet
        make_record(key, at=january + timedelta(hours=3), prompt_key="late"),
        make_record(key, at=january + timedelta(days=5), prompt_key="later"),
        make_record(key, at=NOON, prompt_key="a"),
    )

    found = read(key.organization)

    assert found.before is not None
    assert found.before.period == periods.Period(date(2026, 1, 1), date(2026, 1, 10))
    assert found.before.until == january
    assert found.before.before_pico_usd == 2 * USUAL_COST
    assert found.before.change_percent == -50
    before = {row.name: row.before.request_count for row in found.prompts if row.before}
    assert before == {"a": 1, "early": 1}
    assert {row.name: row.before and row.before.request_count for row in found.tags} == {"untagged": 1, "x": 1}
    # The line beside the days goes on to the end of the month before, as far as there are days.
    assert [column.previous for column in found.trend.columns if column.previous] == [
        USUAL_COST,
        3 * USUAL_COST,
        USUAL_COST,
    ]


def test_days_whose_records_are_gone_are_compared_whole(key: ApiKey) -> None:
    spend(key, "2", on="2026-01-10", prompt_key="a")
    spend(key, "3", on="2026-02-10", prompt_key="a")

    found = read(key.organization)

    assert found.before is not None
    assert (found.before.before_pico_usd, found.before.change_percent) == (2 * USD, 50)
    assert found.prompts[0].change_pico_usd == USD


def test_the_first_days_spend_is_no_pace_and_the_second_days_is(key: ApiKey) -> None:
    spend(key, "1", on="2025-01-01")
    spend(key, "3", on="2026-02-01")
    spend(key, "0.5", on="2026-02-02")

    assert read(key.organization, now=datetime(2026, 2, 1, 12, tzinfo=UTC)).projection_pico_usd is None
    assert read(key.organization, now=datetime(2026, 2, 2, 12, tzinfo=UTC)).projection_pico_usd == 28 * 3 * USD
    assert read(key.organization, now=datetime(2026, 3, 2, tzinfo=UTC), range="last-month").projection_pico_usd is None


def test_one_day_is_drawn_by_the_hour_beside_the_day_before(key: ApiKey) -> None:
    claude = {"provider": "anthropic", "model": "claude-sonnet-4-20250514", "usage": TokenUsage(output=100)}
    post(
        make_record(key, at=NOON - timedelta(hours=2)),
        make_record(key, at=NOON, **claude),
        make_record(key, at=NOON - timedelta(hours=26)),
        make_record(key, at=NOON - timedelta(hours=23)),
    )

    found = read(key.organization, range="today", stack_by="provider")

    assert found.trend.unit == "hour"
    assert [column.total for column in found.trend.columns if column.total] == [USUAL_COST, 1_500_000_000]
    assert [name for _, name in found.trend.legend] == ["OpenAI", "Anthropic"]
    assert [index for index, column in enumerate(found.trend.columns) if column.is_partial] == [12]
    assert [index for index, column in enumerate(found.trend.columns) if column.previous] == [10, 13]
    # What came after noon yesterday is drawn, and not compared with.
    assert found.before is not None
    assert found.before.before_pico_usd == USUAL_COST


def test_one_day_whose_records_are_gone_is_drawn_as_a_day(key: ApiKey) -> None:
    spend(key, "2", on="2026-02-03")
    post(make_record(key, at=datetime(2026, 2, 3, 8, tzinfo=UTC)))

    found = read(key.organization, start="2026-02-03", end="2026-02-03")

    assert found.trend.unit == "day"
    assert [column.total for column in found.trend.columns] == [found.total.cost_pico_usd] == [2 * USD + USUAL_COST]


@pytest.mark.parametrize(("stack_by", "names"), [("", ["Spend"]), ("provider", ["Anthropic", "OpenAI"])])
def test_days_are_stacked_on_demand(key: ApiKey, stack_by: Any, names: list[str]) -> None:
    spend(key, "1", on="2026-02-03", provider="openai", model="a")
    spend(key, "1", on="2026-02-03", provider="openai", model="b")
    spend(key, "5", on="2026-02-04", provider="anthropic", model="a")

    found = read(key.organization, stack_by=stack_by)

    assert [name for _, name in found.trend.legend] == names
    assert [column.total for column in found.trend.columns if column.total] == [2 * USD, 5 * USD]
    if not stack_by:  # One name that two providers use is one series.
        assert [name for _, name in read(key.organization, stack_by="model").trend.legend] == ["a", "b"]


def test_a_range_still_to_come_is_empty_and_compared_with_nothing(key: ApiKey) -> None:
    spend(key, "1", prompt_key="a")

    found = read(key.organization, start="2026-03-01", end="2026-03-31", registered={"a": ""})

    assert (found.before, found.total_before, found.projection_pico_usd) == (None, None, None)
    assert not found.is_current
    assert [(row.name, row.before, row.is_unused) for row in found.prompts] == [("a", None, True)]
    assert not found.trend.has_previous


def test_the_first_and_last_day_are_those_of_all_usage_whatever_is_asked_for(key: ApiKey) -> None:
    spend(key, "1", on="2025-07-01")
    spend(key, "1", on="2026-02-09", provider="anthropic")

    found = read(key.organization, provider="openai")
    assert (found.first_day, found.last_day) == (date(2025, 7, 1), date(2026, 2, 9))

    unused = read(make_organization())
    assert (unused.first_day, unused.last_day) == (None, None)
    assert unused.total.is_empty
    assert len(unused.trend.columns) == 28


def test_the_stamp_changes_with_new_usage_and_a_new_day_and_with_nothing_else(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(make_record(key, prompt_key="a"))
    scope = filters.parse({"prompt": "a"}, today=date(2026, 2, 10)).scope(key.organization_id)

    def stamp(today: date = date(2026, 2, 10)) -> str:
        with django_assert_num_queries(1):
            return reports.latest_stamp(scope, today=today)

    first = stamp()
    assert first == read(key.organization, prompt="a").stamp
    assert first != stamp(date(2026, 2, 11))  # the same usage, but another day
    post(make_record(key, prompt_key="b"), make_record(make_key()[0], prompt_key="a"))
    post(make_record(key, prompt_key="a", state="simulated"))
    assert stamp() == first
    post(make_record(key, at=NOON - timedelta(hours=13), prompt_key="a"))  # it began yesterday
    second = stamp()
    post(make_record(key, prompt_key="a", usage=TokenUsage(), usage_source="none", status=500, error_code="x"))
    assert len({first, second, stamp()}) == 3
    assert read(key.organization, prompt="a").stamp == stamp()


@pytest.mark.parametrize(
    ("parameters", "queries"),
    [({}, 7), ({"range": "90d"}, 6), ({"range": "last-month"}, 6), ({"range": "today"}, 8), ({"tag": "x"}, 7)],
)
def test_the_dashboard_is_a_handful_of_queries_however_much_there_is(
    key: ApiKey, parameters: dict[str, str], queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    spenders = [make_key(make_team(key.organization))[0] for _ in range(6)]
    moments = (NOON, NOON - timedelta(days=1), NOON - timedelta(days=31))
    post(
        *(
            make_record(spender, at=at, prompt_key=f"prompt-{number}", tags=("x", f"tag-{number}"), version=number)
            for number, spender in enumerate(spenders)
            for at in moments
        )
    )

    with django_assert_num_queries(queries):
        found = read(key.organization, parameters=parameters)
    assert len(found.prompts) == 6
    assert len(found.api_keys) == 7


def test_an_organization_without_usage_asks_no_more(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    organization = make_organization()

    with django_assert_num_queries(6):
        read(organization)
