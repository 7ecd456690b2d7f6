"""Which records began when: the condition that everybody reads by, and that leaves out months of others.

Where the records are one table it is the range of `started_at` alone. Where they lie in months the ids are bounded as
well, by the ends of months, so that PostgreSQL plans with the months concerned. Never closer: the planner takes two
ranges that say the same for two that each leave little over, and then reads other people's records by the wrong index.
That no record is missed rests on a rule that posting keeps: an id is never of another time than its call (`call_ids`).
"""

import time
from contextlib import suppress
from datetime import date, datetime, timedelta

from django.db import Error, connection
from django.db.models import Q

from analytics.call_ids import SLACK, moments_around
from analytics.partitions import shape

_ASK_AGAIN_SECONDS = 60.0  # a process that does not know of months yet reads slower, and the same
_MILLISECOND = timedelta(milliseconds=1)


class _Known:
    first_month: date | None = None
    asked_at = float("-inf")


def began(since: datetime | None = None, before: datetime | None = None, until: datetime | None = None) -> Q:
    """Of records: those whose calls began at `since` or later, and before `before`, or no later than `until`."""
    found = Q()
    if since is not None:
        found &= Q(started_at__gte=since)
    if before is not None:
        found &= Q(started_at__lt=before)
    if until is not None:
        found &= Q(started_at__lte=until)
    first_month = _first_month()
    if first_month is not None and found:
        found &= _of_months(first_month, since, min(filter(None, (before, until)), default=None))
    return found


def began_around(first: date | None, last: date | None) -> Q:
    """Of records: wide enough for these local days, both included, however they were drawn. None stands for all."""
    return began(*moments_around(first, last))


def forget() -> None:
    """What is known of the table is asked for again."""
    _Known.first_month, _Known.asked_at = None, float("-inf")


def _of_months(first_month: date, since: datetime | None, end: datetime | None) -> Q:
    """What lies before the first month is one part: no bound lies within it."""
    found = Q()
    if since is not None and (low := _month_of(since, -SLACK)) >= first_month:
        found &= Q(pk__gte=shape.first_id_of(low))
    if end is not None:
        last = _month_of(end, SLACK + _MILLISECOND)
        if last.year < date.max.year:
            found &= Q(pk__lt=shape.first_id_of(max(shape.month_after(last), first_month)))
    return found


def _month_of(moment: datetime, by: timedelta) -> date:
    try:
        return shape.month_of(moment + by)
    except OverflowError:  # at the ends of the calendar
        return shape.month_of(moment)


def _first_month() -> date | None:
    """The oldest month that is a part by itself; None where there is none. It stays, once there is one."""
    if connection.vendor != "postgresql":
        return None
    if _Known.first_month is None and time.monotonic() - _Known.asked_at > _ASK_AGAIN_SECONDS:
        _Known.asked_at = time.monotonic()
        with suppress(Error), connection.wrap_database_errors:  # a replica may be there where this one is away
            connection.ensure_connection()
            with connection.connection.cursor() as cursor:  # not one of the queries that a page is said to take
                found = shape.read_by(cursor)
            _Known.first_month = found.first_month if found else None
    return _Known.first_month
