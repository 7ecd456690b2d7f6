"""One request of a client and its answer: uvicorn's `RequestResponseCycle`, written anew where every call passes.

It says to the application when the client leaves (`when_gone`), so that no call needs a task that waits for it; checks
an answer's headers in one go; and frames answers to HTTP/1.0, and to clients that wait for a 100, as uvicorn does not.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from proxy.http1.heads import Lines, Writable, can_be_written

if TYPE_CHECKING:
    from proxy.http_server import ClientProtocol

# Under this name the application finds in its scope's extensions what gives it the cycle that is being answered.
RUNNING = "aipc.running"
# In the message that starts an answer: its body follows at once, so that one write is enough for both.
HELD = "aipc.held"
_RULING = frozenset({b"content-length", b"transfer-encoding", b"connection"})


class Cycle(RequestResponseCycle):
    """`send` and `receive` are the application's. What is raised is a fault of the application."""

    body: bytes | bytearray = b""  # type: ignore[assignment]
    more_body = True
    disconnected = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    access_log = False
    _is_news = False  # something has come that `receive` has not told
    _waiter: asyncio.Future[None] | None = None
    task: asyncio.Task[None] | None = None  # while it runs
    _gone: Callable[[], object] | None = None
    _ends_by_close = False
    _has_no_body = False
    _head = b""  # that waits for the body
    is_watched = False  # nobody reads the request any more

    def __init__(self, connection: "ClientProtocol", scope: Any, *, keeps_alive: bool, waits: bool) -> None:
        """`waits`: the client sends its body after a 100 (Continue)."""
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self._tasks = connection.tasks
        self.keep_alive = keeps_alive
        self.waiting_for_100_continue = waits

    async def run_asgi(self, app: Any) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as failure:
            self.logger.error("Exception in ASGI application\n", exc_info=failure)
            await self._fail()
        else:
            if not (self.response_complete or self.disconnected):
                what = "completing" if self.response_started else "starting"
                self.logger.error("ASGI callable returned without %s response.", what)
                await self._fail()
        finally:  # Not by a callback of the task's, which would cost a turn of the event loop.
            if self.task is not None:
                self._tasks.discard(self.task)
                self.task = None

    async def _fail(self) -> None:
        """The application will not end the answer."""
        if self.response_started:
            if self._head:  # Else it would seem not to have been answered, and be sent again.
                self.transport.write(self._head)
            self.transport.close()
            return
        try:
            await self.send_500_response()
        finally:
            self.transport.close()

    # --- The client's side ---

    def take(self, part: bytes) -> int:
        """A part of the request's body. How much of it waits to be received."""
        if not self.body:
            self.body = part
        elif isinstance(self.body, bytearray):
            self.body += part
        else:
            self.body = bytearray(self.body) + part
        self.wake()
        return len(self.body)

    def take_end(self) -> None:
        if not self.response_complete:
            self.more_body = False
            self.wake()

    def take_whole(self, body: bytes) -> None:
        """All of the request's body, before anybody asks."""
        self.body, self.more_body, self._is_news = body, False, True

    def wake(self) -> None:
        self._is_news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def when_gone(self, callback: Callable[[], object] | None) -> None:
        """Have `callback` called, once, when the client leaves before it has its whole answer; None: nobody asks any
        more. Whoever asks has read the request, and reads no more of it.
        """
        self._gone = callback
        if callback is not None:
            self.is_watched = True
            if self.flow.read_paused:
                self.flow.resume_reading()
            if self.disconnected:
                self.tell_gone()

    def tell_gone(self) -> None:
        if self._gone is not None and self.disconnected:
            gone, self._gone = self._gone, None
            gone()

    async def receive(self) -> Any:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self._is_news:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                self._waiter = None
            self._is_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def whole_body(self) -> bytes | None:
        """The request's body, if nobody has received anything and all of it is here."""
        if self.more_body or not self._is_news or self.disconnected or self.waiting_for_100_continue:
            return None
        if self.flow.read_paused:
            self.flow.resume_reading()
        self._is_news = False
        body, self.body = self.body, b""
        return bytes(body)

    # --- The answer ---

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started and kind == "http.response.start":
            self.start(message["status"], message.get("headers", ()))
            if HELD not in message:
                self._flush()
        elif self.response_started and not self.response_complete and kind == "http.response.body":
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError(f"The message {kind} comes at the wrong moment.")

    @property
    def is_free(self) -> bool:
        """Whether a whole answer can be written now."""
        return not (self.flow.write_paused or self.disconnected or self.response_started)

    def start(self, status: int, headers: Any) -> None:
        """Where the answer `is_free`: its head, which goes out with the body."""
        self._start(status, [*self.default_headers, *headers] if self.default_headers else headers)

    def end(self, body: bytes) -> None:
        """All of the body, or what is left of it."""
        self._write(body, is_last=True)

    def write(self, part: bytes) -> bool:
        """A part of an answer that is to go on. False: not now, it has to be sent."""
        if self.flow.write_paused or self.disconnected or not self.response_started or self.response_complete:
            return False
        if self.chunked_encoding and part and not (self._head or self._has_no_body):
            self.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        else:
            self._write(part, is_last=False)
        return True

    def _start(self, status: int, headers: list[tuple[bytes, bytes]] | Lines) -> None:
        self.response_started = True
        # RFC 9110, sections 9.3.2 and 15.4.5: their Content-Length is of what is not sent.
        self._has_no_body = self.scope["method"] == "HEAD" or status in {204, 304}
        if self.waiting_for_100_continue:
            # Refused before it was told to go on: whether the body still comes is not known, so nothing that follows on
            # this connection can be told from it (RFC 9110, section 10.1.1).
            self.keep_alive = self.waiting_for_100_continue = False
        if isinstance(headers, Lines):
            fields = headers.raw
            if headers.length is not None:
                self.expected_content_length, self.chunked_encoding = headers.length, False
            own = b"" if headers.length is not None and self.keep_alive else self._framing(())
        else:
            if not isinstance(headers, Writable):
                if not can_be_written(headers):
                    raise RuntimeError("An answer's header is no token and a value in one line.")
                headers = [(name.lower(), value) for name, value in headers]
            fields = b"".join([b"%b: %b\r\n" % header for header in headers])
            own = self._framing([header for header in headers if header[0] in _RULING])
        self._head = b"%b%b%b\r\n" % (STATUS_LINE[status], fields, own)

    def _flush(self, part: bytes = b"") -> None:
        if self._head:
            part, self._head = self._head + part, b""
        if part:
            self.transport.write(part)

    def _framing(self, ruling: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The headers that say where the answer ends, and whether the connection stays, as far as they are missing."""
        is_said = False
        for name, value in ruling:
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == b"connection" and b"close" in [option.strip() for option in value.lower().split(b",")]:
                self.keep_alive, is_said = False, True
        own = b"" if self.keep_alive or is_said else b"connection: close\r\n"
        if self.chunked_encoding is None and not self._has_no_body:
            if self.scope["http_version"] == "1.0":
                # RFC 9112, section 6.1: no chunks for HTTP/1.0. The body ends with the connection.
                self._ends_by_close, self.chunked_encoding = True, False
            else:
                self.chunked_encoding = True
                own += b"transfer-encoding: chunked\r\n"
        return own

    def _write(self, body: bytes, *, is_last: bool) -> None:
        if self._has_no_body:
            self.expected_content_length = 0
            self._flush()
        elif self.chunked_encoding:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._flush(framed + b"0\r\n\r\n" if is_last else framed)
        else:
            if not self._ends_by_close:
                self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("The answer is longer than its Content-Length.")
            self._flush(body)
        if is_last:
            if self.expected_content_length:
                raise RuntimeError("The answer is shorter than its Content-Length.")
            self.response_complete = True
            self.wake()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
