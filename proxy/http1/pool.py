"""The connections of one process: those that serve, and those that wait for the next request to their origin."""

import asyncio
import ssl
from functools import partial

from proxy.http1.connection import Connection
from proxy.http1.dialing import Origin, dial
from proxy.http1.heads import Head
from proxy.upstream import UpstreamSilent

_MAX_IDLE = 1_000  # of one origin
_IDLE_SECONDS = 20.0


class Pool:
    """The connection used last is used next, so that those not needed grow old and are closed."""

    def __init__(self, context: ssl.SSLContext, *, connect_timeout: float, silence_timeout: float) -> None:
        self.loop = asyncio.get_running_loop()
        self._context = context
        self._connect_timeout = connect_timeout
        self._silence_timeout = silence_timeout
        self._idle: dict[Origin, list[Connection]] = {}
        self._connections: set[Connection] = set()
        self._is_closed = False
        self._tick = min(silence_timeout / 4, 1.0)
        self._sweeper = self.loop.call_later(self._tick, self._sweep)

    def __len__(self) -> int:
        """Connections that are open, whether they serve or wait."""
        return len(self._connections)

    def take(self, origin: Origin) -> Connection | None:
        """A connection that waits, and is sound."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.drop()
        return None

    async def dial(self, origin: Origin) -> Connection:
        """A fresh connection. Raises `UpstreamUnreachable`."""
        make = partial(Connection, self.loop, partial(self._note_idle, origin), self._connections.discard)
        connection = await dial(origin, self._context, self._connect_timeout, make)
        self._connections.add(connection)
        if self._is_closed or connection.is_lost:
            connection.drop()
            self._connections.discard(connection)
        return connection

    def close(self) -> None:
        self._is_closed = True
        self._sweeper.cancel()
        for connection in list(self._connections):
            connection.drop()
        self._idle.clear()

    def _note_idle(self, origin: Origin, connection: Connection, head: Head) -> None:
        idle = self._idle.get(origin)
        if idle is None:
            idle = self._idle[origin] = []
        seconds = _IDLE_SECONDS
        if head.idle_seconds is not None:  # The server would close it then; a second is for the way.
            seconds = min(seconds, head.idle_seconds - 1)
        if self._is_closed or len(idle) >= _MAX_IDLE or seconds <= 0:
            connection.drop()
            return
        connection.idle_until = connection.heard_at + seconds
        idle.append(connection)

    def _sweep(self) -> None:
        """All timeouts of all connections: one timer for the process, none for a call or a read."""
        self._sweeper = self.loop.call_later(self._tick, self._sweep)
        now = self.loop.time()
        for origin, idle in self._idle.items():
            kept = [connection for connection in idle if not connection.is_lost and connection.idle_until > now]
            if len(kept) < len(idle):
                expired = set(idle).difference(kept)
                self._idle[origin] = kept
                for connection in expired:
                    connection.drop()
        silent_since = now - self._silence_timeout
        for connection in [each for each in self._connections if each.is_silent(silent_since)]:
            connection.fail(UpstreamSilent("the provider has been silent for too long"))
