"""Running a transaction again that the database broke off for the sake of another one."""

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connection

logger = logging.getLogger(__name__)

ATTEMPTS = 8
Result = TypeVar("Result")


def retry(transact: Callable[[], Result], what: str) -> Result:
    """Call `transact`, which opens and ends a transaction, until it meets no conflict. Raises what else it raises.

    Inside a transaction of the caller it is called once: that one is lost as a whole. `what` names it in the log.
    """
    for attempt in range(1, 1 if connection.in_atomic_block else ATTEMPTS):
        try:
            return transact()
        except DatabaseError as error:
            if not _is_conflict(error):
                raise
            logger.warning("%s met another transaction (attempt %d): %s", what, attempt, error)
        time.sleep(random.uniform(0, min(0.02 * 2**attempt, 2)))  # noqa: S311
    return transact()


def _is_conflict(error: DatabaseError) -> bool:
    """A deadlock or serialisation failure (PostgreSQL), or a lock not released in time (SQLite)."""
    if isinstance(error, OperationalError):
        return getattr(error.__cause__, "sqlstate", None) in {"40001", "40P01"} or "is locked" in str(error)
    return is_of_parts(error)


def is_of_parts(error: DatabaseError) -> bool:
    """A row found the part of its table, and others made a part that it belongs to before it got there.

    Unlike a constraint of ours, the bound of a part has no name.
    """
    cause: Any = error.__cause__
    return getattr(cause, "sqlstate", None) == "23514" and not cause.diag.constraint_name
