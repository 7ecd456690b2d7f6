"""One connection to an origin: gives its bytes to the exchange that it serves, with flow control both ways, and never
serves another one after anything that RFC 9112 section 9 would not have two sides agree on.
"""

import asyncio
import select
from collections.abc import Callable

from proxy.held_writes import HeldWrites
from proxy.http1.exchange import Exchange
from proxy.http1.heads import Head
from proxy.http1.layouts import Fields
from proxy.http1.reader import read_whole
from proxy.small_reads import SmallReads
from proxy.tls import Tls
from proxy.upstream import UpstreamBroken, UpstreamError

# From so many unread bytes on the provider has to wait for the reader.
_MAX_UNREAD = 4 * 1024


class Connection(SmallReads):
    """`on_idle` is called when the connection can serve again, `on_lost` once when it is gone."""

    __slots__ = (
        "_is_reading_paused",
        "_loop",
        "_on_idle",
        "_on_lost",
        "_probe",
        "_writable",
        "exchange",
        "heard_at",
        "idle_until",
        "is_lost",
        "is_writing_paused",
        "transport",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_idle: "Callable[[Connection, Head], None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        self._loop = loop
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._probe = select.poll()
        self._writable: asyncio.Future[None] | None = None
        self._is_reading_paused = False
        self.transport: HeldWrites | Tls
        self.exchange: Exchange | None = None
        self.heard_at = 0.0  # when something last came or went, on the loop's clock
        self.idle_until = 0.0  # set by the pool
        self.is_lost = False
        self.is_writing_paused = False

    def is_usable(self) -> bool:
        """Whether this idle connection can take a request: nothing has come, and the other side has not closed it.
        Asked of the operating system, since the event loop may not have got round to telling.
        """
        return not (self.is_lost or self.transport.is_closing() or self._probe.poll(0))

    def begin(self, exchange: Exchange, data: bytes) -> None:
        """Serve this exchange; `data` is its request, or the beginning of it."""
        self.exchange = exchange
        exchange.begin(self)
        self.heard_at = self._loop.time()
        self.transport.write(data)

    async def write(self, *parts: bytes | memoryview) -> None:
        """Returns when the next write may follow. Raises `UpstreamBroken` where nobody takes it."""
        if self.is_lost or self.exchange is None:
            raise UpstreamBroken("the connection was lost during the upload")
        self.transport.writelines(parts)
        while self.is_writing_paused and not self.is_lost:
            self._writable = self._loop.create_future()
            await self._writable
        self.heard_at = self._loop.time()

    def fail(self, failure: UpstreamError) -> None:
        """End the connection, and the exchange on it, at once."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.fail(failure)
        self.drop()

    def drop(self) -> None:
        if not self.is_lost:
            self.transport.abort()
        self._lose()

    def is_silent(self, since: float) -> bool:
        """Whether it is the provider who has done nothing since then."""
        exchange = self.exchange
        if exchange is None:
            return False
        if self._is_reading_paused or exchange.owes_body:
            self.heard_at = self._loop.time()
        return self.heard_at < since

    def resume_reading(self) -> None:
        if self._is_reading_paused:
            self._is_reading_paused = False
            self.heard_at = self._loop.time()
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # --- Called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport if isinstance(transport, Tls) else HeldWrites(transport, self._loop)
        self._probe.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.reads_into[:nbytes])
        exchange = self.exchange
        if exchange is None or exchange.taker is None or exchange.reader is None or exchange.reader.body is None:
            self.data_received(data)
            return
        body = exchange.reader.body
        # The next part of a stream, which goes through at once.
        self.heard_at = self._loop.time()
        if part := body.feed(data):
            exchange.give(part)
        if body.fault:
            self.fail(UpstreamBroken(body.fault))
        elif body.is_complete:
            self._complete(exchange)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.drop()  # An answer that nobody asked for: RFC 9112 section 9.2.
            return
        self.heard_at = self._loop.time()
        if not exchange.has_heard:
            if exchange.is_one_write and self.transport.held:  # Nor this: what is asked has not been sent.
                self._take_back()
                self.fail(UpstreamBroken("an answer came before the request was sent"))
                return
            exchange.has_heard = True
            if not exchange.is_to_head and (whole := read_whole(data)) is not None:
                self._complete_at_once(exchange, *whole)
                return
        reader = exchange.reader or exchange.begin_reading()
        part = reader.feed(data)
        if not exchange.status:
            if reader.head is not None:
                exchange.answer(reader.head)
            elif reader.is_told_to_go_on:
                exchange.wake()
        if part:
            was_waited_for = exchange.is_waited_for
            exchange.add(part)
            if exchange.unread >= _MAX_UNREAD and not was_waited_for and not self._is_reading_paused:
                self._is_reading_paused = True
                self.transport.pause_reading()
        if reader.fault:
            self.fail(UpstreamBroken(reader.fault))
        elif reader.is_complete:
            self._complete(exchange)

    def eof_received(self) -> None:
        """The provider has sent its last byte. (With TLS: said so by close_notify, RFC 9112 section 9.8.)"""
        self._take_back()
        exchange = self.exchange
        if exchange is not None:
            reader = exchange.reader or exchange.begin_reading()
            reader.end()
            if reader.fault:
                self.fail(UpstreamBroken(reader.fault))
            else:
                self._complete(exchange)
        self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._take_back()
        self._lose()
        self.fail(UpstreamBroken("the connection was lost"))

    def pause_writing(self) -> None:
        self.is_writing_paused = True

    def resume_writing(self) -> None:
        self.is_writing_paused = False
        self._wake_writer()

    # --- Ends ---

    def _complete(self, exchange: Exchange) -> None:
        reader = exchange.reader
        assert reader is not None
        assert reader.head is not None
        self.exchange = None
        exchange.finish()
        if reader.has_surplus:
            self.drop()
        else:
            self._rest(exchange, reader.head)

    def _complete_at_once(self, exchange: Exchange, headers: Fields, body: bytes) -> None:
        like = headers.layout.like
        self.exchange = None
        exchange.answer_whole(like.status, headers, body)
        self._rest(exchange, like)

    def _rest(self, exchange: Exchange, head: Head) -> None:
        """RFC 9112 section 9.3: the connection persists if both sides are through and neither said `close`."""
        is_through = exchange.is_sent and not self.transport.get_write_buffer_size()
        if is_through and head.keeps_alive and not exchange.closes:
            if self._is_reading_paused:
                self.resume_reading()
            self._on_idle(self, head)
        else:
            self.drop()

    def _take_back(self) -> None:
        """A request that waits for its one write is not sent where nobody takes it any more."""
        if self.exchange is not None and self.exchange.is_one_write and self.transport.take_back():
            self.exchange.is_untouched = True

    def _lose(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._wake_writer()
            self._on_lost(self)

    def _wake_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
