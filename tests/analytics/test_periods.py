"""Local days, months and the reading of date ranges."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import periods
from analytics.periods import BadPeriod, Period

pytestmark = pytest.mark.trial

KATHMANDU = ZoneInfo("Asia/Kathmandu")
TODAY = date(2026, 11, 22)

# Since 2012 no zone turns its clock back from after midnight to before it, so local days follow each other.
days = st.dates(min_value=date(2012, 1, 1), max_value=date(2045, 12, 31))
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-03-01T18:14:59Z", "Asia/Kathmandu", "2026-03-01"),
        ("2026-03-01T18:15:00Z", "Asia/Kathmandu", "2026-03-02"),
        ("2026-03-01T18:29:59Z", "Asia/Kolkata", "2026-03-01"),
        ("2026-03-01T18:30:00Z", "Asia/Kolkata", "2026-03-02"),
        ("2026-03-28T23:00:00Z", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "Europe/Berlin", "2026-03-30"),
        ("2026-10-25T22:59:59Z", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "Europe/Berlin", "2026-10-26"),
        ("2026-01-01T09:59:59Z", "Pacific/Kiritimati", "2026-01-01"),
        ("2026-01-01T10:00:00Z", "Pacific/Kiritimati", "2026-01-02"),
    ],
)
def test_a_moment_falls_on_the_calendar_day_of_its_zone(moment: str, zone: str, day: str) -> None:
    assert periods.local_day(datetime.fromisoformat(moment), ZoneInfo(zone)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("day", "zone", "start", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", 23),
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", 25),
        ("2026-09-06", "America/Santiago", "2026-09-06T04:00:00Z", 23),  # midnight is skipped
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", 25),  # midnight comes twice
        ("2026-05-05", "Asia/Kathmandu", "2026-05-04T18:15:00Z", 24),
        ("2026-04-05", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 24.5),
    ],
)
def test_a_local_day_starts_and_ends_where_its_clock_says(day: str, zone: str, start: str, hours: float) -> None:
    one_day = Period(date.fromisoformat(day), date.fromisoformat(day))
    first, after = periods.moments_of(one_day, ZoneInfo(zone))
    assert first == datetime.fromisoformat(start)
    assert after - first == timedelta(hours=hours)


def test_a_day_whose_midnight_lies_inside_a_skipped_hour_starts_at_the_change() -> None:
    # Toronto, 31 March 1919: at 23:30 of the 30th the clock was set to 00:30 of the 31st.
    toronto = ZoneInfo("America/Toronto")
    start = periods.start_of(date(1919, 3, 31), toronto)
    assert start == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    assert start.astimezone(toronto).strftime("%H:%M") == "00:30"


@given(day=days, zone=zones)
def test_a_day_starts_with_its_first_moment_in_every_zone(day: date, zone: ZoneInfo) -> None:
    start = periods.start_of(day, zone)
    assert periods.local_day(start, zone) == day
    assert periods.local_day(start - timedelta(microseconds=1), zone) == day - timedelta(days=1)


@given(moment=st.datetimes(datetime(2012, 1, 2), datetime(2045, 12, 30), timezones=st.just(UTC)), zone=zones)  # noqa: DTZ001
def test_every_moment_lies_within_its_local_day(moment: datetime, zone: ZoneInfo) -> None:
    day = periods.local_day(moment, zone)
    first, after = periods.moments_of(Period(day, day), zone)
    assert first <= moment < after


@given(day=days)
def test_a_month_has_the_days_of_that_month_and_no_other(day: date) -> None:
    month = periods.month_of(day)
    assert day in month
    assert {(month.start + timedelta(days=n)).month for n in range(month.day_count)} == {day.month}
    assert (month.start - timedelta(days=1)).month != day.month != (month.end + timedelta(days=1)).month


def test_the_current_month_is_that_of_the_zone() -> None:
    now = datetime(2026, 11, 30, 18, 15, tzinfo=UTC)
    assert periods.current_month(now, UTC) == Period(date(2026, 11, 1), date(2026, 11, 30))
    assert periods.current_month(now, KATHMANDU) == Period(date(2026, 12, 1), date(2026, 12, 31))


def test_the_last_month_of_the_calendar_ends() -> None:
    assert periods.month_of(date.max) == Period(date(9999, 12, 1), date.max)


@given(start=days, length=st.integers(min_value=0, max_value=400))
def test_the_previous_period_ends_the_day_before(start: date, length: int) -> None:
    period = Period(start, start + timedelta(days=length))
    before = periods.previous(period)
    assert before.end == start - timedelta(days=1)
    assert before == periods.month_of(before.end) or before.day_count == period.day_count


def test_the_month_before_march_is_february() -> None:
    assert periods.previous(periods.month_of(date(2028, 3, 15))) == Period(date(2028, 2, 1), date(2028, 2, 29))


@given(days, days)
def test_a_written_range_is_read_back(one: date, other: date) -> None:
    start, end = sorted((one, other))
    assert periods.parse_period(start.isoformat(), end.isoformat(), TODAY) == Period(start, end)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, ("2026-11-01", "2026-11-30")),
        ("2026-11-03", None, ("2026-11-03", "2026-11-22")),
        ("2026-12-24", None, ("2026-12-24", "2026-12-24")),
        (None, "2026-02-17", ("2026-02-01", "2026-02-17")),
        ("2026-02-17", "2026-02-17", ("2026-02-17", "2026-02-17")),
        ("0001-01-01", "9999-12-31", ("0001-01-01", "9999-12-31")),
    ],
)
def test_a_missing_end_of_a_range_is_filled_in(start: str | None, end: str | None, expected: tuple[str, str]) -> None:
    period = periods.parse_period(start, end, TODAY)
    assert (period.start.isoformat(), period.end.isoformat()) == expected


NOT_A_DATE = [
    "",
    " ",
    "today",
    "2026",
    "2026-02",
    "2026-2-1",
    "20260201",
    "2026-W07-1",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "0000-01-01",
    "-001-01-01",
    "12026-01-01",
    "01/02/2026",
    "2026-02-01T00:00:00Z",
    "2026-02-01 00:00",
    " 2026-02-01",
    "2026-02-01\n",
    "\uff12\uff10\uff12\uff16-02-01",
    "2026-02-01\x00",
]


@pytest.mark.parametrize("text", NOT_A_DATE)
@pytest.mark.parametrize("parameter", ["start", "end"])
def test_anything_but_a_calendar_day_is_refused_by_the_name_of_its_parameter(parameter: str, text: str) -> None:
    with pytest.raises(BadPeriod) as refusal:
        periods.parse_period(**{"start": None, "end": None, parameter: text}, today=TODAY)
    assert refusal.value.parameter == parameter
    assert refusal.value.message.endswith(".")


@given(st.text(max_size=20))
def test_a_date_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        day = periods.parse_day(text)
    except ValueError:
        return
    assert day.isoformat() == text


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(BadPeriod) as refusal:
        periods.parse_period("2026-02-02", "2026-02-01", TODAY)
    assert refusal.value.parameter == "start"


@pytest.mark.parametrize(("text", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31), ("9999-12", 31)])
def test_a_written_month_is_read_with_all_its_days(text: str, days: int) -> None:
    month = periods.parse_month(text)

    assert f"{month.start:%m-%d}" == f"{text[5:]}-01"
    assert len(month.days) == month.day_count == days
    assert (month.days[0], month.days[-1]) == (month.start, month.end)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "0000-01", "2026-1", "2026-01-01", "٢٠٢٦-01", "2026-01\n"]
)
def test_anything_but_a_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"YYYY-MM|calendar"):
        periods.parse_month(text)
