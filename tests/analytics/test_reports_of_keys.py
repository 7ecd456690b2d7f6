"""When keys were last used, how much they did lately, and what they cost by day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import reports, team_spend
from analytics.periods import Period
from analytics.reports import LastUse, RecentRequests, Scope
from analytics.usage import TokenUsage
from orgs.models import ApiKey
from tests.analytics.rollup_rows import spend
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

ZONE = ZoneInfo("UTC")
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def last_use(key: ApiKey, now: datetime = NOON) -> LastUse | None:
    return reports.last_uses(key.organization_id, now=now, zone=ZONE).get(key.pk)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(seconds=20), LastUse(date(2026, 2, 10), 0, 0)),
        (timedelta(minutes=59), LastUse(date(2026, 2, 10), 0, 59)),
        (timedelta(hours=2), LastUse(date(2026, 2, 10), 0, None)),
        (timedelta(hours=13), LastUse(date(2026, 2, 9), 1, None)),
        (timedelta(days=400), LastUse(date(2025, 1, 6), 400, None)),
    ],
)
def test_a_keys_last_use_is_known_to_the_minute_for_an_hour_and_then_to_the_day(
    key: ApiKey, ago: timedelta, expected: LastUse
) -> None:
    post(make_record(key, at=NOON - ago), make_record(key, at=NOON - ago - timedelta(days=3)))

    assert last_use(key) == expected


def test_a_call_that_failed_is_a_use_and_a_simulated_one_is_not(key: ApiKey) -> None:
    post(make_record(key, state="simulated"))
    assert last_use(key) is None

    post(make_record(key, status=500, usage_source="none", error_code="server_error"))
    assert last_use(key) == LastUse(date(2026, 2, 10), 0, 0)


def test_a_use_after_the_given_moment_is_just_now_and_not_before_it(key: ApiKey) -> None:
    post(make_record(key, at=NOON + timedelta(seconds=30)))

    assert last_use(key) == LastUse(date(2026, 2, 10), 0, 0)


def test_last_uses_are_two_queries_and_of_one_organization(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stranger = make_key()[0]
    second = make_key(key.team)[0]
    post(make_record(key), make_record(stranger), make_record(second))

    with django_assert_num_queries(2):
        found = reports.last_uses(key.organization_id, now=NOON, zone=ZONE)
    assert set(found) == {key.pk, second.pk}


def test_recent_requests_are_those_of_the_key_within_a_day_and_within_seven(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hours = (1, 23, 25, 6 * 24, 7 * 24)
    post(*(make_record(key, at=NOON - timedelta(hours=ago)) for ago in hours))
    post(make_record(key, state="simulated"), make_record(key, status=500, usage=TokenUsage()))
    post(make_record(make_key(key.team)[0]))

    with django_assert_num_queries(2):
        assert reports.count_recent_requests(key, now=NOON, zone=ZONE) == RecentRequests(2, 4)


def test_a_team_and_a_key_narrow_every_report(key: ApiKey) -> None:
    second = make_key(key.team)[0]
    elsewhere = make_key(make_team(key.organization))[0]
    for spender, usd in ((key, "1"), (second, "10"), (elsewhere, "100")):
        spend(spender, usd)

    by_team = Scope(key.organization_id, FEBRUARY, team_id=key.team_id)
    assert reports.get_total(by_team).cost_usd == 11
    assert [row.value for row in reports.by_team(by_team)] == [key.team_id]
    assert reports.get_total(Scope(key.organization_id, FEBRUARY, api_key_id=second.pk)).cost_usd == 10


def test_every_day_of_the_period_has_its_cost(key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    second = make_key(key.team)[0]
    free = make_key(key.team)[0]
    spend(key, "1", on="2026-02-01", prompt_key="a")
    spend(key, "2", on="2026-02-01", prompt_key="b")
    spend(second, "4", on="2026-02-28")
    spend(free, "0")
    spend(key, "9", on="2026-03-01")
    scope = Scope(key.organization_id, FEBRUARY)
    usd = 10**12

    with django_assert_num_queries(1):
        assert reports.daily_costs(scope) == [3 * usd, *[0] * 26, 4 * usd]
    with django_assert_num_queries(1):
        costs = reports.daily_costs_by(scope, "api_key_id")
    assert costs == {key.pk: [3 * usd, *[0] * 27], second.pk: [*[0] * 27, 4 * usd]}


# What a team spent


@pytest.mark.parametrize(
    ("now", "compared_until", "before"),
    [
        (datetime(2026, 3, 10, tzinfo=UTC), date(2026, 2, 10), 1),  # as far as this month has come
        (datetime(2026, 3, 31, tzinfo=UTC), date(2026, 2, 28), 5),
        (datetime(2026, 7, 1, tzinfo=UTC), date(2026, 2, 28), 5),  # the month is over: the whole one before
    ],
)
def test_a_month_is_compared_with_as_much_of_the_one_before(
    key: ApiKey, now: datetime, compared_until: date, before: int
) -> None:
    spend(key, "1", on="2026-02-10")
    spend(key, "4", on="2026-02-11")
    spend(key, "2", on="2026-03-01")
    march = Period(date(2026, 3, 1), date(2026, 3, 31))

    spent = team_spend.read_month(key.team, [key], zone=ZONE, now=now, month=march)

    assert spent.comparison.period == Period(date(2026, 2, 1), compared_until)
    assert spent.comparison.before_pico_usd == before * 10**12
    assert spent.comparison.now_pico_usd == spent.total.cost_pico_usd == 2 * 10**12
    assert sum(column.total for column in spent.chart.columns) == 2 * 10**12


def test_months_lead_to_their_neighbours_but_not_into_the_future(key: ApiKey) -> None:
    current = team_spend.read_month(key.team, [key], zone=ZONE, now=NOON)
    earlier = team_spend.read_month(key.team, [key], zone=ZONE, now=NOON, month=current.earlier)
    later = team_spend.read_month(
        key.team, [key], zone=ZONE, now=NOON, month=Period(date(2026, 3, 1), date(2026, 3, 31))
    )

    assert (current.month, current.later) == (FEBRUARY, None)
    assert (earlier.month.start, earlier.later) == (date(2026, 1, 1), FEBRUARY)
    assert later.month == FEBRUARY


def test_a_teams_spend_is_four_queries_and_lists_every_key_once(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    cheap, idle = make_key(key.team, "cheap")[0], make_key(key.team, "idle")[0]
    spend(cheap, "1", prompt_key="a")
    spend(key, "2", prompt_key="b")
    spend(make_key(make_team(make_organization()))[0], "50")

    with django_assert_num_queries(4):
        spent = team_spend.read_month(key.team, [idle, cheap, key], zone=ZONE, now=NOON)
    assert [(line.key, int(line.sums.cost_usd)) for line in spent.keys] == [(key, 2), (cheap, 1), (idle, 0)]
    assert [row.name for row in spent.prompts] == ["b", "a"]
