"""Django's PostgreSQL engine, which knows when the server is away or hangs: nobody waits then for long.

The pool by itself lets everyone wait for its whole timeout, and looks for a server that is long away ever less often.
A server that hangs (stopped, or on a machine that does) takes queries and never answers: the kernel confirms each byte,
so no timeout of TCP ends that, and no timeout of the server's own.
"""

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import RV, PQGen
from psycopg.errors import ConnectionTimeout

# How long a caller waits for a connection where the server is there and others have them all.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.5
CONNECT_SECONDS = 2
# After so much silence within a query it is looked whether the server answers others.
SILENCE_SECONDS = 2.0

# What a server, or a pooler in front of it, says that is there and has no room for one more. The code of such an error
# (53300) does not come through libpq; one that speaks another language than English counts as away.
_FULL = ("too many clients", "too many connections", "connection slots are reserved", "no more connections allowed")


class Absence:
    """Whether the server is away, as far as this process knows. Used by all its threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looking = threading.Lock()
        self._reason = ""
        self._kind: type[psycopg.OperationalError] = psycopg.OperationalError
        self._look_at = 0.0

    def refuse(self, try_to_connect: Callable[[], None]) -> bool:
        """Raises `psycopg.OperationalError` while the server is away, at once but for the one who looks again.

        True for the one who finds it back.
        """
        if not self._reason:
            return False
        if self._clock() >= self._look_at:
            return self.look(try_to_connect)
        raise self._kind(self._reason)

    def look(self, try_to_connect: Callable[[], None]) -> bool:
        """Connect, unless another thread is just doing so. Raises `psycopg.OperationalError` when that fails,
        `ConnectionTimeout` when nothing answers. A server that is full is there: those who have connections go on, and
        others wait for these.

        True for the one who finds the server back.
        """
        if not self._looking.acquire(blocking=False):
            if self._reason:
                raise self._kind(self._reason)
            return False
        try:
            _reach(try_to_connect)
            was_away, self._reason = bool(self._reason), ""
        except psycopg.OperationalError as error:
            self._kind = ConnectionTimeout if isinstance(error, ConnectionTimeout) else psycopg.OperationalError
            self._reason = str(error).strip() or "The database does not answer."
            self._look_at = self._clock() + LOOK_SECONDS
            raise
        finally:
            self._looking.release()
        return was_away


def _reach(try_to_connect: Callable[[], None]) -> None:
    try:
        try_to_connect()
    except psycopg.OperationalError as error:
        if not any(words in str(error) for words in _FULL):
            raise


_absences: dict[str, Absence] = {}  # by alias


class PatientConnection(psycopg.Connection[Any]):
    """Waits for as long as a query takes, and no longer than a few seconds where the server answers nobody."""

    look: Callable[[], object] | None = None  # whether the server answers; raises `ConnectionTimeout`

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(self._watched(gen), interval, timeout)

    def _watched(self, gen: PQGen[RV]) -> Generator[Any, Any, RV]:
        """`gen` itself, which is sent something about ten times a second, and what is true when something came."""
        try:
            wanted = next(gen)
            heard_at = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard_at = now
                elif now - heard_at >= SILENCE_SECONDS:
                    self._look_around()
                    heard_at = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result

    def _look_around(self) -> None:
        try:
            if self.look is not None:
                self.look()
        except ConnectionTimeout:
            self.pgconn.finish()
            raise
        except psycopg.OperationalError:
            return  # It refuses another connection, so it is there: the query takes its time.


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        if options := self.settings_dict["OPTIONS"].get("pool"):
            options.setdefault("connection_class", PatientConnection)
        return super().pool

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """From the pool, whose own timeout is short. Raises `psycopg.OperationalError`."""
        if not self.pool:
            return super().get_new_connection(conn_params)
        self._refuse()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except psycopg.OperationalError:
                if not self._look() and time.monotonic() >= deadline:
                    raise

    def _configure_connection(self, connection: Any) -> bool:
        """Called by the pool for each new one."""
        connection.look = self._look_twice
        return bool(super()._configure_connection(connection))  # type: ignore[misc]  # unknown to the stubs

    @property
    def _absence(self) -> Absence:
        return _absences.setdefault(self.alias, Absence())

    def _try_to_connect(self) -> None:
        psycopg.connect(**{**self.get_connection_params(), "connect_timeout": CONNECT_SECONDS}).close()

    def _refuse(self) -> bool:
        """As `Absence.refuse`."""
        is_back = self._absence.refuse(self._try_to_connect)
        if is_back:
            self._forget_pool()
        return is_back

    def _look(self) -> bool:
        """As `Absence.look`, and at once where somebody has just looked."""
        is_back = self._refuse() or self._absence.look(self._try_to_connect)
        if is_back:
            self._forget_pool()
        return is_back

    def _look_twice(self) -> None:
        """For a query that takes long. A server that refuses one more connection is there, and no other thread is told
        that it is away; nor when it is slow to accept one once.
        """
        try:
            self._try_to_connect()
        except ConnectionTimeout:
            self._look()

    def _forget_pool(self) -> None:
        """A new pool connects at once, where the old one waits for its next attempt."""
        pool = self._connection_pools.pop(self.alias, None)  # type: ignore[attr-defined]  # unknown to the stubs
        if pool is not None:
            pool.close(timeout=0)
