"""Work done at the same time by several threads, and waiting until they wait for each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, connections

from tests.servers import wait_until

# As many as there are connections beside this thread's: who waits for one longer than ten seconds is refused it.
AT_MOST = settings.DATABASE_POOL_SIZE - 1


@contextmanager
def threads(count: int) -> Iterator[Callable[..., Future[None]]]:
    """Run functions in threads of their own, each with a database connection that is closed at the end."""
    assert count <= AT_MOST

    def run(function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        try:
            function(*arguments, **named)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        yield lambda *arguments, **named: pool.submit(run, *arguments, **named)


@contextmanager
def session_set(name: str, value: str) -> Iterator[None]:
    """A setting of PostgreSQL for this thread's session, which goes back to the pool, and so to others, without it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION {name} = '{value}'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"RESET {name}")


def count_waiting() -> int:
    """How many other sessions wait for a lock of PostgreSQL."""
    with connection.cursor() as cursor:
        # A transaction sees the sessions as they were when it first looked, unless it asks again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def wait_for_waiting(count: int, what: str) -> None:
    """Until so many other sessions wait for a lock of PostgreSQL."""
    wait_until(lambda: count_waiting() == count, what)
