"""Changing the shape of a table that is in use: short transactions that give up rather than have everybody wait."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction

from analytics.partitions.shape import TABLE

logger = logging.getLogger(__name__)

LOCK_SECONDS = 2  # Who waits for a lock on the table has all others wait behind: for so long, at most.
PAUSE_SECONDS = 5.0
_ONE_AT_A_TIME = 0x61697061  # of our advisory locks
_LOCK_NOT_AVAILABLE, _DEADLOCK, _UNDEFINED_TABLE = "55P03", "40P01", "42P01"
Result = TypeVar("Result")


@contextmanager
def short_transaction(seconds: float | None = None) -> Iterator[Any]:
    """A cursor. Nobody else changes the shape meanwhile. Raises OperationalError for a lock that is not to be had."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS if seconds is None else seconds}s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        yield cursor


def insist(step: Callable[[], Result], what: str, *, attempts: int, pause: float = PAUSE_SECONDS) -> Result:
    """Call `step`, which opens and ends a transaction, again where it did not get its locks in time."""
    for attempt in range(1, attempts):
        try:
            return step()
        except OperationalError as error:
            if not is_taken(error):
                raise
            logger.info("%s: the table is in use, attempt %d of %d: %s", what, attempt, attempts, error)
        time.sleep(pause)
    return step()


def is_taken(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in {_LOCK_NOT_AVAILABLE, _DEADLOCK}


def hold_shape() -> None:
    """In a transaction, and before it sees anything: no month is taken out until it ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS SHARE MODE")


def is_gone(error: DatabaseError) -> bool:
    """Of a table that was there a moment ago: somebody else has dropped it."""
    return getattr(error.__cause__, "sqlstate", None) == _UNDEFINED_TABLE
