"""TLS towards providers over a plain connection of the event loop: the bytes are ours to hold, the cipher is OpenSSL's.

The loops' own TLS reads on for a reader who has stopped, up to 256 KB, keeps as much again undeciphered, and drops what
nobody took when the other side goes. Here a piece is read, deciphered and handed on when it is wanted, and what came is
handed on before the end is told. What it costs and saves: benchmarks/README.md, "Slow readers".
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from proxy.held_writes import HeldWrites
from proxy.small_reads import SmallReads

# One for all connections: it is emptied before another reads.
_PLAIN = memoryview(bytearray(4 * 1024))
# Of what is written at once so much is one record. What OpenSSL has held once for a connection it keeps.
_RECORD_BYTES = 8 * 1024

Made = TypeVar("Made", bound=asyncio.BaseProtocol)


async def connect_tls(
    make: Callable[[], Made], connected: socket.socket, context: ssl.SSLContext, host: str
) -> tuple[asyncio.Transport, Made]:
    """As `create_connection` of the loop with `ssl`: raises OSError, of which `ssl.SSLError` is one."""
    loop = asyncio.get_running_loop()
    if context.options & ssl.OP_IGNORE_UNEXPECTED_EOF:  # Some Pythons set it: an end without close_notify would be one.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    tls = Tls(loop, context, host)
    plain, _ = await loop.create_connection(lambda: tls, sock=connected)
    try:
        await tls.shaken
        if plain.is_closing():  # It went with the last word of the handshake.
            raise ConnectionResetError("The connection was lost during the handshake.")
    except BaseException:
        plain.abort()
        raise
    protocol = make()
    tls.carry(protocol)
    return tls, protocol


class Tls(SmallReads, asyncio.Transport):
    """The protocol of a plain connection, and the transport of the protocol that speaks over it."""

    __slots__ = (
        "_context",
        "_end",
        "_in",
        "_inner",
        "_is_closed",
        "_is_drained",
        "_is_gone",
        "_is_held",
        "_is_lost",
        "_is_paused",
        "_is_trimmed",
        "_loop",
        "_out",
        "_plain",
        "_ssl",
        "shaken",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, host: str) -> None:
        self._loop = loop
        self._context = context
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._plain: HeldWrites
        self._inner: Any = None
        self._end: Exception | None = None  # the other side's: nothing more will come
        self._is_paused = False
        self._is_held = False  # the plain connection reads no further
        self._is_drained = True  # nothing is left that could be deciphered
        self._is_trimmed = False
        self._is_closed = False  # by us
        self._is_gone = False  # the plain connection
        self._is_lost = False
        self.shaken: asyncio.Future[None] = loop.create_future()  # hands, or why not

    def carry(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner = protocol
        protocol.connection_made(self)
        self._pump()

    # --- Called by the event loop, of the plain connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._plain = HeldWrites(transport, self._loop)
        self._shake()

    def buffer_updated(self, nbytes: int) -> None:
        self._in.write(self.reads_into[:nbytes])
        self._is_drained = False
        if self._inner is not None:
            self._pump()
        elif not self.shaken.done():
            self._shake()

    def eof_received(self) -> bool:
        """Whether there was a goodbye, `_pump` finds out."""
        self._note_end(ConnectionResetError("TLS ended without close_notify."))
        return not self._is_lost  # It is ours to close: what came is handed on first.

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_gone = True
        if self._is_closed:
            self._lose(None)
        else:
            self._note_end(exc or ConnectionResetError("The connection was lost."))

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    # --- The transport of the protocol ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._ssl
        if name == "sslcontext":
            return self._context
        return self._plain.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._inner
        return protocol

    def is_closing(self) -> bool:
        return self._is_closed

    def is_reading(self) -> bool:
        return not self._is_paused and not self._is_closed

    def pause_reading(self) -> None:
        self._is_paused = True
        if not self._is_held and self._end is None and not self._is_closed:
            self._is_held = True
            self._plain.pause_reading()

    def resume_reading(self) -> None:
        """What is here comes first: nothing is read onto it."""
        self._is_paused = False
        if self._is_drained:
            self._read_on()
        else:
            self._loop.call_soon(self._pump)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_closed or self._end is not None:
            return
        try:
            records = []
            for start in range(0, len(data), _RECORD_BYTES):
                self._ssl.write(memoryview(data)[start : start + _RECORD_BYTES])
                records.append(self._out.read())
        except ssl.SSLError as error:
            self._lose(error)
            return
        if not self._plain.is_closing():
            self._plain.write(b"".join(records))  # in one, so that of what is held nothing is on its way

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    @property
    def held(self) -> bytes:
        return self._plain.held

    def take_back(self) -> bytes:
        """As of `HeldWrites`, enciphered. The other side would miss it: the connection is of no more use."""
        return self._plain.take_back()

    def get_write_buffer_size(self) -> int:
        return self._plain.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._plain.set_write_buffer_limits(high, low)

    def close(self) -> None:
        """Says goodbye, and goes once that is written. For the other side's nobody waits (RFC 8446, section 6.1)."""
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(ssl.SSLError):
                self._ssl.unwrap()
            self._flush()
            self._go(self._plain.close)

    def abort(self) -> None:
        self._is_closed = True
        self._go(self._plain.abort)

    def _go(self, end: Callable[[], object]) -> None:
        """Where the plain connection went while the reader was paused, nobody else tells the reader so."""
        if self._is_gone:
            self._loop.call_soon(self._lose, None)
        else:
            end()

    # --- Between the two ---

    def _shake(self) -> None:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:  # A certificate that does not fit among them.
            self._flush()
            self.shaken.set_exception(error)
        else:
            self._flush()
            self.shaken.set_result(None)

    def _flush(self) -> None:
        """What TLS says of its own accord does not wait: what is held is what was written, and nothing else."""
        if self._out.pending and not self._plain.is_closing():
            self._plain.write(self._out.read())
            self._plain.flush()

    def _pump(self) -> None:
        """Hand on what can be deciphered, while it is wanted."""
        tls, came, inner = self._ssl, self._in, self._inner
        while not (self._is_paused or self._is_closed or self._is_drained):
            try:
                count = cast("int", tls.read(len(_PLAIN), _PLAIN))
            except ssl.SSLWantReadError:
                self._is_drained = True
                break
            except ssl.SSLError as error:
                self._lose(self._end or error)
                return
            if not count:
                self._say_end()
                return
            if not self._is_trimmed:
                self._trim()
            self._is_drained = not (tls.pending() or came.pending or self._end)
            inner.data_received(bytes(_PLAIN[:count]))
        self._flush()
        if self._is_held and self._is_drained and not self._is_paused:
            self._read_on()

    def _read_on(self) -> None:
        if self._is_held and self._end is None and not self._is_closed:
            self._is_held = False
            self._plain.resume_reading()

    def _trim(self) -> None:
        """The session tickets, which come before the first answer, leave OpenSSL with a buffer of 16 KB for writing.
        An empty write sends nothing, and gives it back.
        """
        self._is_trimmed = True
        with contextlib.suppress(ssl.SSLError):
            self._ssl.write(b"")

    def _note_end(self, end: Exception) -> None:
        if self._end is None:
            self._end = end
            self._in.write_eof()
            self._is_drained = False
            if self._inner is not None:
                self._pump()
            elif not self.shaken.done():
                self.shaken.set_exception(end)

    def _say_end(self) -> None:
        """The other side said goodbye."""
        self._inner.eof_received()
        self.close()

    def _lose(self, failure: Exception | None) -> None:
        self._is_closed = True
        if not self._is_lost:
            self._is_lost = True
            try:
                if self._inner is not None:
                    self._inner.connection_lost(failure)  # who may take back what is held
            finally:
                self._plain.abort()
