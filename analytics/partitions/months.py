"""The months to come: made ahead, so that no record lies outside of all, and given the records that do all the same."""

import logging
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.db import OperationalError

from analytics.partitions import shape
from analytics.partitions.locks import insist, is_taken, short_transaction
from analytics.partitions.shape import MONTHS_AHEAD, OUTSIDE, TABLE, Shape

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # of the clock, which comes again
# Records that the clock gives to a new month by itself: meanwhile nobody posts what lies outside.
MOST_MOVED = 50_000


class TooManyOutside(Exception):
    """More records lie outside of all months than are moved while others post."""


def make_due(now: datetime) -> list[str]:
    """What the clock does: the months ahead, as far as they are missing. Returns the names of those that it made."""
    found = shape.read()
    if found is None:
        return []
    try:
        return make_until(found, shape.month_after(shape.month_of(now), MONTHS_AHEAD + 1), most=MOST_MOVED)
    except TooManyOutside as error:
        logger.error("%s manage.py partition_records moves them; who posts waits meanwhile.", error)
    except OperationalError as error:
        if not is_taken(error):
            raise
        logger.warning("The table of the records is in use; its next months are made later: %s", error)
    return []


def make_until(
    found: Shape, end: date, *, most: int | None = None, say: Callable[[str], object] | None = None
) -> list[str]:
    """The months that are missing before `end`. Raises `TooManyOutside` where more than `most` records would move."""
    made = []
    month = found.end
    while month < end:
        step = _Making(month, most)
        moved = insist(step, f"The month of {month:%Y-%m}", attempts=ATTEMPTS)
        if moved is not None:
            made.append(shape.name_of(month))
            (say or logger.info)(f"Made {made[-1]}{f', with {moved} records that lay outside' if moved else ''}.")
        month = shape.month_after(month)
    return made


class _Making:
    """One month, in one transaction. The table itself is not locked against posting, and `OUTSIDE` hardly ever used."""

    def __init__(self, month: date, most: int | None) -> None:
        self._month, self._most = month, most

    def __call__(self) -> int | None:
        """How many records it was given. None where somebody else has made it."""
        with short_transaction() as cursor:
            found = shape.read()
            if found is None or found.end != self._month:
                return None
            return make(cursor, self._month, most=self._most, has_outside=found.has_outside)


def make(cursor: Any, month: date, *, most: int | None, has_outside: bool) -> int:
    """In the caller's transaction."""
    name = shape.name_of(month)
    low, high = shape.first_id_of(month), shape.first_id_of(shape.month_after(month))
    # Attached afterwards, which takes a lighter lock of the parent than to create it there. Its indexes come with that.
    cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES)")
    moved = _move(cursor, name, f"id >= '{low}' AND id < '{high}'", most) if has_outside else 0
    cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")
    return moved


def _move(cursor: Any, name: str, which: str, most: int | None) -> int:
    # The lock that attaching needs, at once: a transaction that asks for more by and by gets into others' way.
    cursor.execute(f"LOCK TABLE {OUTSIDE} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"SELECT COUNT(*) FROM {OUTSIDE} WHERE {which}")  # noqa: S608 - names and ids of our own
    (count,) = cursor.fetchone()
    if most is not None and count > most:
        raise TooManyOutside(f"{count} records of {name} lie outside of all months.")
    if count:
        cursor.execute(
            f"WITH moved AS (DELETE FROM {OUTSIDE} WHERE {which} RETURNING *) "  # noqa: S608
            f"INSERT INTO {name} SELECT * FROM moved"
        )
    return int(count)
