"""Django's PostgreSQL engine, which knows when the server is away: nobody waits then for a connection from the pool.

The pool by itself lets everyone wait for its whole timeout, and looks for a server that is long away ever less often.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.db.backends.postgresql import base

# How long a caller waits for a connection where the server is there and others have them all.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.5
CONNECT_SECONDS = 2


class Absence:
    """Whether the server is away, as far as this process knows. Used by all its threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looking = threading.Lock()
        self._reason = ""
        self._look_at = 0.0

    def refuse(self, try_to_connect: Callable[[], None]) -> bool:
        """Raises `psycopg.OperationalError` while the server is away, at once but for the one who looks again.

        True for the one who finds it back.
        """
        if not self._reason:
            return False
        if self._clock() >= self._look_at:
            return self.look(try_to_connect)
        raise psycopg.OperationalError(self._reason)

    def look(self, try_to_connect: Callable[[], None]) -> bool:
        """Connect, unless another thread is just doing so. Raises `psycopg.OperationalError` when that fails.

        True for the one who finds the server back.
        """
        if not self._looking.acquire(blocking=False):
            if self._reason:
                raise psycopg.OperationalError(self._reason)
            return False
        try:
            try_to_connect()
            was_away, self._reason = bool(self._reason), ""
        except psycopg.OperationalError as error:
            self._reason = str(error).strip() or "The database does not answer."
            self._look_at = self._clock() + LOOK_SECONDS
            raise
        finally:
            self._looking.release()
        return was_away


_absences: dict[str, Absence] = {}  # by alias


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """From the pool, whose own timeout is short. Raises `psycopg.OperationalError`."""
        if not self.pool:
            return super().get_new_connection(conn_params)
        absence = _absences.setdefault(self.alias, Absence())

        def try_to_connect() -> None:
            psycopg.connect(**{**conn_params, "connect_timeout": CONNECT_SECONDS}).close()

        if absence.refuse(try_to_connect):
            self._forget_pool()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except psycopg.OperationalError:
                if absence.look(try_to_connect):
                    self._forget_pool()
                elif time.monotonic() >= deadline:
                    raise

    def _forget_pool(self) -> None:
        """A new pool connects at once, where the old one waits for its next attempt."""
        pool = self._connection_pools.pop(self.alias, None)  # type: ignore[attr-defined]  # unknown to the stubs
        if pool is not None:
            pool.close(timeout=0)
