"""What ranges are compared with and what months are heading for, worked out by hand."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics.comparisons import Comparison, days_to_compare, moment_to_compare, project
from analytics.periods import Period

pytestmark = pytest.mark.trial

TODAY = date(2026, 3, 10)
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
APRIL = Period(date(2026, 4, 1), date(2026, 4, 30))


def days(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("period", "today", "expected"),
    [
        (MARCH, "2026-03-10", days("2026-02-01", "2026-02-10")),  # the same days
        (MARCH, "2026-03-01", days("2026-02-01", "2026-02-01")),
        (MARCH, "2026-03-31", days("2026-02-01", "2026-02-28")),  # February has no more
        (MARCH, "2026-04-01", days("2026-02-01", "2026-02-28")),  # over: the whole month before
        (APRIL, "2026-04-30", days("2026-03-01", "2026-03-30")),
        (APRIL, "2026-05-01", days("2026-03-01", "2026-03-31")),
        (MARCH, "2026-02-28", None),  # still to come
        (days("2026-03-04", "2026-03-10"), "2026-03-10", days("2026-02-25", "2026-03-03")),  # the last seven
        (days("2026-03-10", "2026-03-10"), "2026-03-10", days("2026-03-09", "2026-03-09")),
        (days("2026-03-08", "2026-03-20"), "2026-03-10", days("2026-03-05", "2026-03-07")),  # three days have begun
        (days("2026-02-05", "2026-02-14"), "2026-03-10", days("2026-01-26", "2026-02-04")),
        (days("2025-11-15", "2026-03-31"), "2026-03-10", days("2025-07-22", "2025-11-14")),
        (days("0001-01-02", "2026-03-10"), "2026-03-10", None),  # the calendar has no such days
    ],
)
def test_a_range_is_compared_with_as_much_before_it(period: Period, today: str, expected: Period | None) -> None:
    assert days_to_compare(period, date.fromisoformat(today)) == expected


@pytest.mark.parametrize(
    ("zone", "now", "period", "expected"),
    [
        ("UTC", "2026-03-10T09:30Z", MARCH, "2026-02-10T09:30Z"),
        ("Asia/Kathmandu", "2026-03-10T09:30Z", MARCH, "2026-02-10T09:30Z"),
        ("Asia/Kathmandu", "2026-03-09T18:20Z", MARCH, "2026-02-09T18:20Z"),  # five past midnight there
        ("Europe/Berlin", "2026-03-30T06:00Z", days("2026-03-30", "2026-03-30"), "2026-03-29T06:00Z"),  # 8 o'clock both
        ("Europe/Berlin", "2026-03-29T06:00Z", days("2026-03-29", "2026-03-29"), "2026-03-28T07:00Z"),
        ("UTC", "2026-03-31T09:30Z", MARCH, None),  # February has no 31st: all of it
        ("UTC", "2026-04-02T09:30Z", MARCH, None),  # over
        ("UTC", "2026-03-10T09:30Z", days("2026-02-08", "2026-03-10"), "2026-02-07T09:30Z"),  # 31 days
        ("UTC", "2026-03-10T09:30Z", days("2026-02-07", "2026-03-10"), None),  # so many that half a day is nothing
        # Half past midnight was skipped on that day: what the clock showed instead was half past one.
        ("America/Santiago", "2026-09-07T03:30Z", days("2026-09-07", "2026-09-07"), "2026-09-06T04:30Z"),
    ],
)
def test_today_is_compared_up_to_the_same_time_of_day(
    zone: str, now: str, period: Period, expected: str | None
) -> None:
    moment, place = datetime.fromisoformat(now), ZoneInfo(zone)
    before = days_to_compare(period, moment.astimezone(place).date())
    assert before is not None

    assert moment_to_compare(period, before, moment, place) == (expected and datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    ("before", "now", "percent"),
    [
        (200, 250, 25),
        (200, 150, -25),
        (3, 4, 33),
        (3, 5, 67),
        (8, 9, 13),
        (0, 5, None),
        (0, 0, None),
        (10**30, 0, -100),
    ],
)
def test_a_change_is_rounded_to_whole_percents(before: int, now: int, percent: int | None) -> None:
    compared = Comparison(MARCH, before, now)

    assert compared.change_percent == percent
    assert compared.change_pico_usd == now - before


@pytest.mark.parametrize(
    ("today", "spent", "first_day", "expected"),
    [
        (10, [10] * 9 + [4], None, 90 + 10 + 21 * 10),  # today is expected to become a day like the others
        (10, [10] * 9 + [40], None, 90 + 40 + 21 * 10),  # it is already more than that
        (10, [0] * 8 + [90], None, 90 + 10 + 21 * 10),  # idle days are part of the pace
        (10, [0] * 6 + [30] * 3, 7, 90 + 30 + 21 * 30),  # those before the first day of all are not
        (1, [50], None, None),  # no whole day yet
        (10, [0] * 9 + [50], 10, None),
        (2, [7], None, 7 * 31),
        (31, [1] * 30 + [3], None, 33),
        (3, [1, 0, 0], None, 1 + 1 + 14),  # half pico-dollars are rounded up, once for today and once for the rest
        (10, [], None, 0),
        (10, [10**30] * 9, None, 31 * 10**30),  # exact at any size
    ],
)
def test_a_running_month_goes_on_like_its_whole_days(
    today: int, spent: list[int], first_day: int | None, expected: int | None
) -> None:
    first = date(2026, 3, first_day) if first_day else None

    assert project(MARCH, date(2026, 3, today), spent + [0] * (31 - len(spent)), first) == expected


@pytest.mark.parametrize("period", [APRIL, days("2026-02-01", "2026-02-28"), days("2026-03-01", "2026-03-30")])
def test_only_a_running_calendar_month_is_projected(period: Period) -> None:
    assert project(period, TODAY, [1] * period.day_count) is None
