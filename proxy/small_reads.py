"""Reading from providers in small pieces, so that what a slow client does not take stays with the provider.

The event loops' own reads are of 256 KB, and that a client is slow is seen only after one was taken. What it costs and
saves: benchmarks/README.md, "Slow readers".
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar, cast

# Each is one for all connections: it is emptied before the loop reads on.
_BUFFER = memoryview(bytearray(4 * 1024))
# Over TLS a record of 16 KB and what one more read brings: what stays behind, the loop's TLS drops when the provider
# closes without saying so before.
_RECORDS = memoryview(bytearray(32 * 1024))
_CIPHERED_BYTES = 1  # of one connection so much waits to be deciphered, and one read

Kept = TypeVar("Kept", bound=asyncio.BaseProtocol)


class SmallReads(asyncio.BufferedProtocol):
    """A protocol with `data_received`, and no `asyncio.Protocol`: of those uvloop does not ask for a buffer."""

    __slots__ = ()
    reads_into = _BUFFER

    def data_received(self, data: bytes) -> None:
        raise NotImplementedError

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.reads_into

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.reads_into[:nbytes]))


async def connect_tls(
    make: Callable[[], Kept], connected: socket.socket, context: ssl.SSLContext, host: str
) -> tuple[asyncio.Transport, Kept]:
    """As `create_connection` of the loop, whose TLS reads and keeps up to 256 KB twice for each connection: here, too,
    what is read from the socket comes in small pieces. Raises what that raises.
    """
    loop = asyncio.get_running_loop()
    plain, waiting = await loop.create_connection(_Waiting, sock=connected)
    transport = await loop.start_tls(plain, waiting, context, server_hostname=host)
    if transport is None or waiting.is_spoiled:
        plain.abort()
        raise ConnectionResetError("The connection was used before it was made.")
    plain.set_protocol(_Ciphered(plain.get_protocol()))
    cast("Any", transport).set_read_buffer_limits(_CIPHERED_BYTES, 0)
    protocol = make()
    if isinstance(protocol, SmallReads):
        protocol.reads_into = _RECORDS
    protocol.connection_made(transport)
    transport.set_protocol(protocol)
    return transport, protocol


class _Waiting(asyncio.Protocol):
    """Stands for the protocol until there is TLS. A server of HTTP/1.1 says nothing before it is asked."""

    is_spoiled = False

    def data_received(self, data: bytes) -> None:
        self.is_spoiled = True

    def eof_received(self) -> None:
        self.is_spoiled = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_spoiled = True


class _Ciphered(SmallReads):
    """Between the socket and the loop's TLS, whose buffer is asked for no more than came."""

    def __init__(self, tls: Any) -> None:
        self._tls = tls
        self.connection_lost = tls.connection_lost  # type: ignore[method-assign]
        self.eof_received = tls.eof_received  # type: ignore[method-assign]
        self.pause_writing = tls.pause_writing  # type: ignore[method-assign]
        self.resume_writing = tls.resume_writing  # type: ignore[method-assign]

    def buffer_updated(self, nbytes: int) -> None:
        self._tls.get_buffer(nbytes)[:nbytes] = _BUFFER[:nbytes]
        self._tls.buffer_updated(nbytes)
