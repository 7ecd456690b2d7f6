"""Which errors mean that a neighbour is away for a while, so that the answer is 503 and not 500."""

from django.db import InterfaceError, OperationalError, ProgrammingError
from redis.exceptions import RedisError

# PostgreSQL's undefined_table and undefined_column: the migrations of this release are still to come.
_NOT_MIGRATED = {"42P01", "42703"}


def is_outage(error: BaseException | None) -> bool:
    return isinstance(error, OperationalError | InterfaceError | RedisError) or is_unmigrated(error)


def is_unmigrated(error: BaseException | None) -> bool:
    return isinstance(error, ProgrammingError) and getattr(error.__cause__, "sqlstate", "") in _NOT_MIGRATED
