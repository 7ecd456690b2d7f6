"""Calendar days and ranges of days in an organization's time zone. Pure: no Django, no clock, no database.

A day is a `date` of the local calendar, however many hours it has; a moment is an aware `datetime`. What is spent on a
day is looked up by that date (`reports`), never by counting hours.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_ONE_DAY = timedelta(days=1)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_ISO_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*", re.DOTALL)


class BadPeriod(ValueError):
    """A range of days cannot be read. `parameter` is "start" or "end", `message` a sentence for the caller."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` to `end`, both inclusive."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise BadPeriod("start", "start is after end.")

    @property
    def day_count(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=number) for number in range(self.day_count)]

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The calendar day on which an aware moment falls in that zone."""
    return moment.astimezone(zone).date()


def start_of(day: date, zone: tzinfo) -> datetime:
    """The first moment of a local day, in UTC.

    Midnight, or the first of two where clocks go back across it. Where clocks skip midnight (Santiago, Beirut and Cairo
    in spring) the moment of the change.
    """
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    moment = midnight.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return moment
    return _first_second_of(day, midnight.replace(fold=1).astimezone(UTC), moment, zone)


def _first_second_of(day: date, before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Narrow down the second between two moments at which the local calendar reaches the day."""
    low, high = 0, int((after - before).total_seconds())
    while low + 1 < high:
        middle = (low + high) // 2
        if local_day(before + timedelta(seconds=middle), zone) < day:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def moments_of(period: Period, zone: tzinfo) -> tuple[datetime, datetime]:
    """The period's first moment and the first one after it, in UTC."""
    return start_of(period.start, zone), start_of(period.end + _ONE_DAY, zone)


def month_of(day: date) -> Period:
    """The calendar month around a day, first to last day."""
    first = day.replace(day=1)
    last = date(day.year, 12, 31) if day.month == 12 else first.replace(month=day.month + 1) - _ONE_DAY
    return Period(first, last)


def current_month(now: datetime, zone: tzinfo) -> Period:
    return month_of(local_day(now, zone))


def previous(period: Period) -> Period:
    """The period to compare with: the calendar month before a calendar month, else as many days directly before.

    Raises OverflowError where the calendar has none.
    """
    day_before = period.start - _ONE_DAY
    if period == month_of(period.start):
        return month_of(day_before)
    return Period(day_before - timedelta(days=period.day_count - 1), day_before)


def parse_day(text: str) -> date:
    """Read YYYY-MM-DD and nothing else. Raises ValueError with a sentence for whoever wrote the text."""
    if not text:
        raise ValueError("The date is empty. Leave the parameter out, or write YYYY-MM-DD.")
    if _ISO_MOMENT.fullmatch(text):
        raise ValueError("Only a date is taken, without a time of day: write YYYY-MM-DD.")
    if not _ISO_DAY.fullmatch(text):
        raise ValueError("Write the date as YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such day in the calendar.") from None


def parse_month(text: str) -> Period:
    """Read YYYY-MM and nothing else. Raises ValueError with a sentence for whoever wrote the text."""
    if not _ISO_MONTH.fullmatch(text):
        raise ValueError("Write the month as YYYY-MM.")
    return month_of(parse_day(f"{text}-01"))


def parse_period(start: str | None, end: str | None, today: date) -> Period:
    """The days asked for by the texts of `start` and `end`; None means not given. Raises `BadPeriod`.

    Neither: the calendar month of `today`. Only a start: until today, or that day alone if it is still to come. Only an
    end: from the first day of its month.
    """
    first = None if start is None else _parse_named("start", start)
    last = None if end is None else _parse_named("end", end)
    if first is None and last is None:
        return month_of(today)
    if last is None:
        assert first is not None
        return Period(first, max(first, today))
    return Period(last.replace(day=1) if first is None else first, last)


def _parse_named(parameter: str, text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise BadPeriod(parameter, str(error)) from None
