"""Reading everything that one page shows as of one moment, so that its figures add up while usage comes in."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from analytics import replica
from analytics.replica import connection


@contextmanager
def one_moment() -> Iterator[None]:
    """All reads inside see the database as the first of them does. Inside a transaction, what that sees.

    Not for writing. On PostgreSQL for one query more.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(using=replica.alias()):
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
                if connection.connection.in_transaction:  # SQLite ends one of itself after some errors.
                    cursor.execute("ROLLBACK")
