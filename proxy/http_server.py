"""uvicorn's HTTP/1.1, with what it leaves open towards clients closed. Nothing here knows of proxied calls.

Each gap is one of uvicorn 0.54 and is proved by tests/proxy/test_connections.py. An override goes when uvicorn does it.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_MAX_PIPELINED = 8


class ClientProtocol(HttpToolsProtocol):
    """One client's connection."""

    _running: RequestResponseCycle | None = None
    # What frames the body of a request that offers another protocol, while its body is to come.
    _offered: bytes | None = None

    # --- Another protocol is offered, as Java's HttpClient and curl offer HTTP/2. The offer is not taken up (RFC 9110,
    #     section 7.8), but the parser stops at it, and uvicorn loses the body. A new one reads on from there.

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            framing, self._offered = self._offered or b"", None
            self.parser = _AfterOffer(self).parser(framing)
            self.data_received(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def on_message_complete(self) -> None:
        if self._offered is None:
            super().on_message_complete()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            framing = [header for header in self.headers if header[0] in {b"content-length", b"transfer-encoding"}]
            self._offered = b"".join(b"%b: %b\r\n" % header for header in framing)
        super().on_headers_complete()
        # --- Trailers come by `on_header` as well. They are no headers (RFC 9110, section 6.5.1): to a list nobody
        #     reads.
        self.headers = []
        cycle = self.cycle
        if cycle.scope["http_version"] == "1.0" or cycle.waiting_for_100_continue:
            cycle.send = _Sending(cycle)  # type: ignore[method-assign]
        if 0 < len(self.pipeline) < _MAX_PIPELINED:
            # uvicorn reads no further while a request waits for its turn, and so does not see that the client leaves.
            self.flow.resume_reading()

    # --- Of pipelined requests uvicorn tells the newest that the client is gone, not the one that is being answered.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        running = self._running
        if running is not None and running is not self.cycle and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)


class _AfterOffer:
    """Hands a parser's calls on to the connection, but for the head that a body begins with once more."""

    def __init__(self, protocol: ClientProtocol) -> None:
        self._protocol = protocol
        self._is_head = True
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def parser(self, framing: bytes) -> httptools.HttpRequestParser:
        """One that expects the body which `framing` announces."""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
        self._is_head = False
        return parser

    def on_message_begin(self) -> None:
        if not self._is_head:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_head:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_head:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._is_head:
            self._protocol.on_headers_complete()


class _Sending:
    """`send` for a client of HTTP/1.0, or for one that waits for a 100 before it sends its body."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._ends_by_close = False

    async def __call__(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            if cycle.waiting_for_100_continue:
                # Refused before it was told to go on: whether the body still comes is not known, so nothing that
                # follows on this connection can be told from it (RFC 9110, section 10.1.1).
                cycle.keep_alive = False
            names = {name.lower() for name, _ in message["headers"]}
            if cycle.scope["http_version"] == "1.0" and b"content-length" not in names:
                # RFC 9112, section 6.1: no chunks for HTTP/1.0. The body ends with the connection.
                self._ends_by_close = True
                cycle.chunked_encoding = False
        elif self._ends_by_close:
            cycle.expected_content_length = len(message.get("body", b""))
        await RequestResponseCycle.send(cycle, message)
