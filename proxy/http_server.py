"""uvicorn's HTTP/1.1, with what it leaves open towards clients closed. Nothing here knows of proxied calls.

Each gap is one of uvicorn 0.54 and is proved by tests/proxy/test_connections.py, test_smuggling.py and
test_request_limits.py. An override goes when uvicorn does it. What a request must be like is `proxy.request_heads`'.
"""

from typing import Any
from urllib.parse import unquote

import httptools
from django.conf import settings
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from proxy import request_heads as heads
from proxy.held_writes import HeldWrites
from proxy.http_cycle import RUNNING, Cycle

_MAX_PIPELINED = 8
# Requests that one read may bring. Who sends more gets the answers to those before, and no more.
_MAX_QUEUED = 64
# Chunk extensions and trailers between two pieces of a body, or after the last.
_MAX_FRAMING_BYTES = 64 * 1024
# A body that brings fewer bytes than this in CLIENT_BODY_TIMEOUT seconds, and not its end, is too slow.
_LEAST_BODY_BYTES = 4096
IDLE, HEAD, BODY = range(3)
# Of one answer at most so much, and one part, waits here for its client.
_WAITING_BYTES = 8 * 1024


class ClientProtocol(HttpToolsProtocol):
    """One client's connection."""

    cycle: Cycle
    transport: HeldWrites
    _running: Cycle | None = None
    # What frames the body of a request that offers another protocol, while its body is to come.
    _offered: bytes | None = None
    _phase = IDLE
    _messages = 0
    _read_bytes = 0  # of the latest read
    _head_bytes = 0  # of earlier reads that held a part of the head; the first may hold something else, too
    _late_head_bytes = 0  # of those that held nothing else
    _body_bytes = 0
    _framing_bytes = 0
    _is_refused = False  # what still comes is not looked at

    def connection_made(self, transport: Any) -> None:
        transport = HeldWrites(transport, self.loop)
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_WAITING_BYTES)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=False)
        patience = min(settings.CLIENT_HEAD_TIMEOUT, settings.CLIENT_BODY_TIMEOUT)
        self._looks_every = patience / 6
        self._extensions: dict[str, Any] = {RUNNING: self._find_running}
        self._mark = (IDLE, 0, self.loop.time(), 0)
        self._next_look = self.loop.call_later(self._looks_every, self._look)

    def eof_received(self) -> None:
        """The event loop ends the connection now. What was answered by then goes out before."""
        self.transport.flush()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        before = self._phase, self._messages, self._body_bytes
        self._read_bytes = len(data)
        try:
            self._feed(data)
            if self._phase == HEAD:
                self._head_bytes += len(data)
            if before == (self._phase, self._messages, self._body_bytes):
                self._count_more_of_the_same(len(data))
        except httptools.HttpParserError as error:
            reason = error.__context__
            self._refuse(reason if isinstance(reason, heads.BadRequest) else heads.BadRequest(400))
        except heads.BadRequest as error:
            self._refuse(error)

    # --- Another protocol is offered, as Java's HttpClient and curl offer HTTP/2. The offer is not taken up (RFC 9110,
    #     section 7.8), but the parser stops at it, and uvicorn loses the body. A new one reads on from there.

    def _feed(self, data: bytes | memoryview) -> None:
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                framing, self._offered = self._offered or b"", None
                self.parser = _AfterOffer(self).parser(framing)
                data = memoryview(data)[offer.args[0] :]

    # --- uvicorn and the parser below know no limits for a head, for trailers and for chunk extensions.

    def _count_more_of_the_same(self, size: int) -> None:
        """A read brought neither a piece of a body, nor the end of a head or of a message."""
        if self._phase == HEAD:
            self._late_head_bytes += size
            if self._late_head_bytes > heads.MAX_HEAD_BYTES:
                raise heads.BadRequest(431)
        elif self._phase == BODY:
            self._framing_bytes += size
            if self._framing_bytes > _MAX_FRAMING_BYTES:
                raise heads.BadRequest(400)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = HEAD
        self._messages += 1
        self._head_bytes = self._late_head_bytes = self._framing_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > heads.MAX_TARGET_BYTES:
            raise heads.BadRequest(414)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._framing_bytes = 0
        cycle = self.cycle
        # Where the answer came before, the rest is read past, to see the client leave.
        if not (cycle.is_watched or cycle.response_complete) and cycle.take(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self._offered is None:
            self._phase = IDLE
            self.cycle.take_end()

    def on_headers_complete(self) -> None:
        parser = self.parser
        heads.check(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        if self._head_bytes + self._read_bytes > heads.MAX_HEAD_BYTES:
            heads.check_size(self.headers)
        if len(self.pipeline) >= _MAX_QUEUED:
            raise heads.BadRequest(400)
        if parser.should_upgrade():
            framing = [header for header in self.headers if header[0] in {b"content-length", b"transfer-encoding"}]
            self._offered = b"".join(b"%b: %b\r\n" % header for header in framing)
        self._begin()
        self._phase = BODY
        self.headers = []  # Trailers come like headers, and are none (RFC 9110, section 6.5.1): nobody reads these.
        if 0 < len(self.pipeline) < _MAX_PIPELINED:
            # uvicorn reads no further while a request waits for its turn, and so does not see that the client leaves.
            self.flow.resume_reading()

    def _begin(self) -> None:
        """uvicorn's own end of a head, with our cycle. Of pipelined requests the later ones wait for their turn."""
        version = self.parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope |= {
            "method": self.parser.get_method().decode("ascii"),
            "http_version": version,
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "extensions": self._extensions,
        }
        self._start(keeps_alive=version != "1.0" and self.parser.should_keep_alive())

    def _start(self, *, keeps_alive: bool) -> None:
        before = self.cycle
        self.cycle = cycle = Cycle(self, self.scope, keeps_alive=keeps_alive, waits=self.expect_100_continue)
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_response_complete(self) -> None:
        """uvicorn's own, without a timer for each answer: `_look` ends connections that nobody uses."""
        if (self.pipeline or self.flow.read_paused) and not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())

    # --- uvicorn writes its 400 into an answer that is under way, and where others wait for theirs, it stands for them.

    def _refuse(self, refusal: heads.BadRequest) -> None:
        """The requests before the bad one are answered; then the connection ends, since nothing behind it is known."""
        self.logger.debug("A request was refused by %s: %s", refusal.status, refusal)
        self._is_refused = True
        waiting = [cycle for cycle, _ in self.pipeline]  # the newest first
        if self._running is not None and not self._running.response_complete:
            waiting.append(self._running)
        is_begun = self._phase == BODY  # The bad one has a cycle of its own.
        if len(waiting) > is_begun:
            waiting[is_begun].keep_alive = False  # With its answer the connection ends.
            return
        if not (is_begun and self.cycle.response_started):
            self._answer(refusal)
        self.transport.close()

    def _answer(self, refusal: heads.BadRequest) -> None:
        text = str(refusal).encode()
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self.transport.write(STATUS_LINE[refusal.status] + head + text)

    # --- uvicorn waits for ever for a request that has begun.

    def _look(self) -> None:
        """Called now and then while the connection is open, so that no request costs a timer."""
        if self.transport.is_closing() or self._is_refused:
            return
        now = self.loop.time()
        phase, messages, since, body_bytes = self._mark
        if self._is_moving(phase, messages, body_bytes):
            self._mark = (self._phase, self._messages, now, self._body_bytes)
        elif now - since >= self._patience():
            if phase == IDLE:
                self.transport.close()
            else:
                self._refuse(heads.BadRequest(408))
            return
        self._next_look = self.loop.call_later(self._looks_every, self._look)

    def _is_moving(self, phase: int, messages: int, body_bytes: int) -> bool:
        """Whether something came since the mark, or it is not the client's turn."""
        if (phase, messages) != (self._phase, self._messages):
            return True
        cycle = self.cycle
        if phase == IDLE:
            return not (cycle is None or cycle.response_complete)
        if phase == HEAD or cycle.response_complete:  # Refused while it came: what is left must be here in time, too.
            return False
        is_enough = self._body_bytes - body_bytes >= _LEAST_BODY_BYTES
        return is_enough or self.flow.read_paused or cycle.waiting_for_100_continue

    def _patience(self) -> float:
        if self._phase == IDLE:
            return float(self.timeout_keep_alive) + self._looks_every  # It may have been in use since the mark.
        return float(settings.CLIENT_HEAD_TIMEOUT if self._phase == HEAD else settings.CLIENT_BODY_TIMEOUT)

    # --- Of pipelined requests uvicorn tells the newest that the client is gone, not the one that is being answered.

    def _find_running(self) -> Cycle:
        """To be asked by the request that is being answered."""
        assert self._running is not None
        return self._running

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        cycle.task = task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        running = self._running
        for cycle in {each for each in (running, self.cycle) if each is not None}:
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.wake()
        self.connections.discard(self)
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self.parser = None  # type: ignore[assignment]
        if running is not None:
            running.tell_gone()


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
