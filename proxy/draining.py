"""Ending connections without failing a call, when one process takes over from another.

A kept-alive connection that the server closes while the client writes its next request fails that call (RFC 9112,
section 9.5), so a process that stops leaves idle ones open for a moment and answers what still comes with
`Connection: close`.
"""

import asyncio
from typing import Any

from proxy.http_server import ClientProtocol

# Clients under load send their next request well within this time; the others look at a connection before they use it.
IDLE_SECONDS = 2.0


class DrainingProtocol(ClientProtocol):
    """With a gentle `shutdown`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_draining = False

    def shutdown(self) -> None:
        self._is_draining = True
        if self.cycle is None or self.cycle.response_complete:
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._is_draining:
            self.cycle.keep_alive = False  # which the answer says, too

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
