"""What a call's id tells: a UUIDv7 (RFC 9562, section 5.7), which begins with the milliseconds of the call's start.

Months of a partitioned ledger (`analytics.partitions`) are ranges of ids. That reads by the start find every record
there rests on one rule, which posting keeps: an id is never further than `SLACK` from the start. Pure.
"""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

# Far more than there is: the proxy makes both of one reading of its clock.
SLACK = timedelta(days=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BITS_BEHIND = 80  # the milliseconds are the first 48 of 128
_LAST = 2**48 - 1
_MARGIN = timedelta(days=2)


def id_from(moment: datetime) -> UUID:
    """The lowest id of a call that began at the moment."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    return UUID(int=min(max(milliseconds, 0), _LAST) << _BITS_BEHIND)


def tells_start(id_: int, started_at: int) -> bool:
    """Whether the number that an id is fits the call's start, in milliseconds since the epoch."""
    return abs((id_ >> _BITS_BEHIND) - started_at) <= SLACK // _MILLISECOND


def moments_around(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """Between which the records of these local days began, both included, however they were drawn: from, and before."""
    since = None if first in (None, date.min) else _moved(_midnight(first), -_MARGIN)
    before = None if last in (None, date.max) else _moved(_midnight(last), _MARGIN + timedelta(days=1))
    return since, before


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:  # at the ends of the calendar
        return moment
