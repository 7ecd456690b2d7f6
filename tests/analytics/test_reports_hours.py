"""The hours of local days, where clocks change too, and what is read as of one moment."""

from datetime import date, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from analytics import reports
from analytics.periods import Period
from analytics.reports import Scope
from orgs.models import ApiKey
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key, make_organization, make_team

pytestmark = pytest.mark.trial

TENTH = Period(date(2026, 2, 10), date(2026, 2, 10))


@pytest.mark.parametrize(
    ("zone", "day", "count", "noteworthy"),
    [
        ("UTC", "2026-02-10", 24, {0: "00:00", 23: "23:00"}),
        ("Asia/Kathmandu", "2026-02-10", 24, {0: "00:00", 23: "23:00"}),
        ("Europe/Berlin", "2026-03-29", 23, {1: "01:00", 2: "03:00", 22: "23:00"}),
        ("Europe/Berlin", "2026-10-25", 25, {2: "02:00", 3: "02:00 again", 4: "03:00"}),
        ("America/Santiago", "2026-09-06", 23, {0: "01:00"}),  # clocks skip midnight
        ("America/Santiago", "2026-04-04", 25, {23: "23:00", 24: "23:00 again"}),
        ("Australia/Lord_Howe", "2026-04-05", 25, {1: "01:00", 2: "01:30", 24: "23:30"}),  # half an hour back at 2
    ],
)
def test_a_day_has_the_hours_that_its_clocks_show(zone: str, day: str, count: int, noteworthy: dict[int, str]) -> None:
    hours = reports.hours_of(date.fromisoformat(day), ZoneInfo(zone))

    assert len(hours) == count
    assert {number: hours[number].label for number in noteworthy} == noteworthy
    assert len({hour.label for hour in hours}) == count


@pytest.mark.django_db
def test_hours_have_what_began_in_them_whatever_it_was_and_nothing_simulated(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    key = make_key()[0]
    post(
        make_record(key, at=NOON, model="", model_requested="gpt-4o"),
        make_record(key, at=NOON - timedelta(microseconds=1)),
        make_record(key, at=NOON + timedelta(minutes=59), tags=("a", "b")),
        make_record(key, at=NOON, state="simulated"),
        make_record(key, at=NOON + timedelta(days=1)),
        make_record(make_key()[0]),
    )
    scope = Scope(key.organization_id, TENTH)

    with django_assert_num_queries(1):
        hours = reports.hourly_costs(scope, ZoneInfo("UTC"), by="model")

    assert {hour.label: hour.cost_by for hour in hours if hour.cost_pico_usd} == {
        "11:00": {"gpt-4o-2024-08-06": USUAL_COST},
        "12:00": {"gpt-4o": USUAL_COST, "gpt-4o-2024-08-06": USUAL_COST},
    }
    for tag, hours_used in ((None, 3), ("a", 1), ("", 2), ("c", 0)):
        narrowed = reports.hourly_costs(Scope(key.organization_id, TENTH, tag=tag), ZoneInfo("UTC"))
        assert sum(hour.cost_pico_usd for hour in narrowed) == hours_used * USUAL_COST


@pytest.mark.django_db
@pytest.mark.parametrize("day", [date(2026, 4, 5), date(2026, 10, 4)])  # half an hour back, half an hour forward
def test_hours_of_the_day_after_clocks_change_by_half_an_hour_have_what_began_in_them(day: date) -> None:
    zone, following = ZoneInfo("Australia/Lord_Howe"), day + timedelta(days=1)
    key = make_key(make_team(make_organization(timezone=zone.key)))[0]
    starts = {hour.label: hour.start for hour in reports.hours_of(following, zone)}
    for minutes in (0, 29, 30, 59):
        post(make_record(key, at=starts["07:00"] + timedelta(minutes=minutes)))

    hours = reports.hourly_costs_of_days(Scope(key.organization_id, Period(day, following)), zone)

    assert not any(hour.cost_pico_usd for hour in hours[day])
    costs = {hour.label: hour.cost_pico_usd for hour in hours[following] if hour.cost_pico_usd}
    assert costs == {"07:00": 4 * USUAL_COST}


def test_several_days_have_no_hours() -> None:
    with pytest.raises(ValueError, match="single day"):
        reports.hourly_costs(Scope(1, Period(date(2026, 2, 10), date(2026, 2, 11))), ZoneInfo("UTC"))


@pytest.mark.django_db
def test_what_is_left_of_a_day_begins_with_the_moment_itself(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = make_key()[0]
    post(
        make_record(key, at=NOON - timedelta(microseconds=1)),
        make_record(key, at=NOON, tags=("a", "b")),
        make_record(key, at=NOON + timedelta(hours=11)),
        make_record(key, at=NOON + timedelta(hours=12)),
    )
    scope = Scope(key.organization_id, TENTH)

    with django_assert_num_queries(1):
        remainder = reports.read_remainder(scope, NOON, (), ("tag",))

    assert remainder.total.request_count == 2
    assert {tag: sums.request_count for tag, sums in remainder.groups[("tag",)].items()} == {"a": 1, "b": 1, "": 1}
    left = remainder.taken_off(reports.sums_by(scope, "tag"), "tag")
    assert {tag: sums.request_count for tag, sums in left.items()} == {"": 1}


@pytest.mark.django_db(transaction=True)
def test_what_comes_in_while_one_moment_is_read_is_not_seen_before_it_is_over() -> None:
    key = make_key()[0]
    post(make_record(key))
    scope = Scope(key.organization_id, TENTH)

    with reports.one_moment():
        assert reports.get_total(scope).request_count == 1
        other = Thread(target=post_elsewhere, args=(key,))
        other.start()
        other.join()
        assert reports.get_total(scope).request_count == 1
        assert reports.by_tag(scope)[0].sums.request_count == 1

    assert reports.get_total(scope).request_count == 2


def post_elsewhere(key: ApiKey) -> None:
    """On a connection of its own."""
    try:
        post(make_record(key))
    finally:
        connection.close()
