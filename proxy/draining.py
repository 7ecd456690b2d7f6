"""Ending connections without failing a call, when one process takes over from another or a host leaves its balancer.

A kept-alive connection that the server closes while the client writes its next request fails that call, and clients
must not repeat a POST (RFC 9112, sections 9.3.1 and 9.5). So a process that stops tells it first: answers say
`Connection: close`, and a connection that waits for a request is closed only when its client has left it alone for
longer than pools of clients keep one.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from proxy.http_known import KnowingProtocol, SharedState

# httpx, and with it the official Python SDKs, keeps an idle connection for 5 s, Node's fetch for 4 s.
POOLED_SECONDS = 6.0
# Where nobody takes over, a client's next request fails anyway.
UNPOOLED_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class DrainingState(SharedState):
    idle_seconds = UNPOOLED_SECONDS


class DrainingProtocol(KnowingProtocol):
    """One client's connection, with a gentle `shutdown`."""

    server_state: DrainingState
    _answers = 0  # of as many messages that have begun, else one is under way
    _idle_since = 0.0
    _parting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if self.server_state.is_draining:
            self._part_when_idle()  # accepted before the listening ended, made after it

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.server_state.is_draining:
            self.cycle.keep_alive = False  # which the answer says, too

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._answers += 1
        self._idle_since = self.loop.time()
        if self.server_state.is_draining:
            self._part_when_idle()

    def shutdown(self) -> None:
        """An answer that has begun without the word is followed by one more request, or by nothing."""
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        self._part_when_idle()

    def _part_when_idle(self) -> None:
        if self._parting is not None:
            self._parting.cancel()
        due = self._idle_since + self.server_state.idle_seconds
        self._parting = self.loop.call_later(max(0.0, due - self.loop.time()), self._part_if_idle)

    def _part_if_idle(self) -> None:
        if self._answers == self._messages:
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """uvicorn's server on a socket that others may share, with an end that is told beforehand."""

    server_state: DrainingState

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        notice_seconds: float,
        may_listen: Callable[[], bool],
        on_listening: Callable[[], object],
        on_leaving: Callable[[], object],
    ) -> None:
        """`may_listen` is asked until it is true, before the first connection is accepted. `on_leaving` is called when
        the whole service stops here; `notice_seconds` later nothing more is accepted.
        """
        super().__init__(config)
        self.server_state = DrainingState()
        self._notice_seconds = notice_seconds
        self._may_listen = may_listen
        self._on_listening = on_listening
        self._on_leaving = on_leaving
        self._is_handed_over = False

    def hand_over(self) -> None:
        """Stop, others serve on. Called by any thread."""
        self._is_handed_over = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own, which cannot wait between the application's start and the first connection."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        while not self._may_listen() and not self.should_exit:  # noqa: ASYNC110 - once, and other threads decide
            await asyncio.sleep(_LOOK_SECONDS)
        self.servers = [] if self.should_exit else [await self._listen(listener) for listener in sockets or []]
        self.started = True
        if self.servers:
            self._on_listening()

    async def _listen(self, listener: socket.socket) -> asyncio.Server:
        def connect() -> asyncio.Protocol:
            return DrainingProtocol(self.config, self.server_state, self.lifespan.state)

        return await asyncio.get_running_loop().create_server(connect, sock=listener, backlog=self.config.backlog)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        if not self._is_handed_over:
            self._on_leaving()
        if self._is_handed_over or self._notice_seconds:
            state.idle_seconds = POOLED_SECONDS
        state.is_draining = True
        for connection in list(state.connections):
            connection.shutdown()
        # What the kernel has accepted by now is accepted here; a listening socket that goes would reset it.
        notice = 0 if self._is_handed_over else self._notice_seconds
        for _ in range(1 + round(notice / _LOOK_SECONDS)):
            if not self.force_exit:
                await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)
