"""Reading everything that one page shows as of one moment, so that its figures add up while usage comes in."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from django.db import connection, transaction

Found = TypeVar("Found")

# What was found in the moment that is being read.
_found: ContextVar[dict[Hashable, Any] | None] = ContextVar("found", default=None)


@contextmanager
def one_moment() -> Iterator[None]:
    """All reads inside see the database as the first of them does. Inside a transaction, what that sees.

    Not for writing. On PostgreSQL for one query more.
    """
    with _held():
        token = _found.set({})
        try:
            yield
        finally:
            _found.reset(token)


def once(key: Hashable, find: Callable[[], Found]) -> Found:
    """What `find` returns; within one moment it is asked once for each key, as it would find the same again."""
    found = _found.get()
    if found is None:
        return find()
    if key not in found:
        found[key] = find()
    return cast(Found, found[key])


@contextmanager
def _held() -> Iterator[None]:
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # Not `atomic()`, which in SQLite's IMMEDIATE mode takes the lock of those who write.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
