"""Work done at the same time by several threads, and waiting until they wait for each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

from tests.servers import wait_until


@contextmanager
def threads(count: int) -> Iterator[Callable[..., Future[None]]]:
    """Run functions in threads of their own, each with a database connection that is closed at the end."""

    def run(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        try:
            function(**arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        yield lambda function, **arguments: pool.submit(run, function, arguments)


def wait_for_waiting(count: int, what: str) -> None:
    """Until so many other sessions wait for a lock of PostgreSQL."""

    def waiting() -> int:
        with connection.cursor() as cursor:
            # A transaction sees the sessions as they were when it first looked, unless it asks again.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return int(cursor.fetchone()[0])

    wait_until(lambda: waiting() == count, what)
