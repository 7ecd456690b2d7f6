"""What a range of days is compared with, and where a running month is heading. Pure: no Django, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from analytics import periods
from analytics.periods import Period

_ONE_DAY = timedelta(days=1)
_MOST_DAYS_TO_CUT = 31


@dataclass(frozen=True, slots=True)
class Comparison:
    """With the days before. `until` is the moment of their last day at which it stops; None where that counts whole."""

    period: Period
    before_pico_usd: int
    now_pico_usd: int
    until: datetime | None = None

    @property
    def change_pico_usd(self) -> int:
        return self.now_pico_usd - self.before_pico_usd

    @property
    def change_percent(self) -> int | None:
        """Rounded; None where nothing was spent before."""
        return change_percent(self.before_pico_usd, self.now_pico_usd)


def change_percent(before: int, now: int) -> int | None:
    """By how many percent it changed, rounded; None where there was nothing before."""
    return divide((now - before) * 100, before) if before else None


def divide(amount: int, by: int) -> int:
    """The nearest whole number, a half up. `by` is positive."""
    return (2 * amount + by) // (2 * by)


def days_to_compare(period: Period, today: date) -> Period | None:
    """The days that a range is compared with; None for one that is still to come.

    A calendar month: the month before, and while it runs the same days of that one, as far as today has come (all of
    it, where that one is shorter). Any other range: as many days directly before as have begun.
    """
    if today < period.start:
        return None
    try:
        if today > period.end:
            return periods.previous(period)
        begun = (today - period.start).days + 1
        if period == periods.month_of(period.start):
            before = periods.previous(period)
            return Period(before.start, min(before.end, before.start + timedelta(days=begun - 1)))
        return Period(period.start - timedelta(days=begun), period.start - _ONE_DAY)
    except OverflowError:
        return None


def moment_to_compare(period: Period, before: Period, now: datetime, zone: tzinfo) -> datetime | None:
    """Where in the last of the days `before` the comparison stops, so that like is compared with like.

    Today is not over, so the day that it is compared with counts up to the same time of day. None where it counts
    whole: the range does not include today; today has no counterpart (the 31st, beside a month of 30 days); so many
    days are compared that a part of one makes no difference worth reading records for.
    """
    local = now.astimezone(zone)
    begun = (local.date() - period.start).days + 1
    if local.date() not in period or begun != before.day_count or begun > _MOST_DAYS_TO_CUT:
        return None
    return datetime.combine(before.end, local.time(), tzinfo=zone).astimezone(UTC)


def project(month: Period, today: date, spent: Sequence[int], first_day: date | None = None) -> int | None:
    """What a running calendar month will have cost at its end, in pico-USD, if it goes on like its whole days so far.

    `spent` is each day's cost. The pace is the average of the days before today, from `first_day` on if nothing was
    ever used before it. Each day to come is taken to cost that; today too, or what it cost already if that is more.
    None for another range, and before the first whole day is over: there is no pace yet.
    """
    if month != periods.month_of(month.start) or today not in month:
        return None
    done = (today - month.start).days
    counted = done if first_day is None else min(done, (today - first_day).days)
    if counted < 1:
        return None
    so_far, of_today = sum(spent[:done]), sum(spent[done : done + 1])
    to_come = (month.end - today).days
    return so_far + max(of_today, divide(so_far, counted)) + divide(so_far * to_come, counted)
