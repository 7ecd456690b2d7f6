"""One HTTP/1.1 connection of the fake provider: reads requests, writes bytes, notices at once when the client goes.

Own code rather than a web framework, since the point is to control every byte, every pause and every reset.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import cast

from tests.fake_provider.answer import Request

Serve = Callable[["Connection"], Awaitable[None]]


class Connection(asyncio.Protocol):
    """Calls `serve(self)` as a task, which is cancelled when the client goes."""

    def __init__(self, serve: Serve, number: int) -> None:
        self.number = number
        self._serve = serve
        self._received = bytearray()
        self._arrival = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    # --- Called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._task = asyncio.ensure_future(self._serve(self))

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._arrival.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    # --- Reading ---

    async def read_request(self, next_number: Callable[[], int]) -> Request:
        """Waits for the next request, body included, and numbers it. Raises ValueError where it is no HTTP/1.1."""
        raw = await self._read_until(b"\r\n\r\n")
        head = raw.decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, target, version = first.split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP/1.x")
        headers = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
        framing = {name.lower(): value for name, value in headers}
        if framing.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if framing.get("transfer-encoding", "").lower() == "chunked":
            body = await self._read_chunks()
        else:
            body = await self._read_exactly(int(framing.get("content-length", "0")))
        return Request(method, target, headers, body, next_number(), raw)

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._read_until(b"\r\n")).split(b";")[0], 16):
            body += await self._read_exactly(size)
            await self._read_exactly(2)
        while await self._read_until(b"\r\n") != b"\r\n":
            pass
        return bytes(body)

    async def _read_until(self, mark: bytes) -> bytes:
        start = 0
        while (end := self._received.find(mark, start)) < 0:
            start = max(0, len(self._received) - len(mark) + 1)
            await self._wait()
        return self._take(end + len(mark))

    async def _read_exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            await self._wait()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    async def _wait(self) -> None:
        self._arrival.clear()
        await self._arrival.wait()

    # --- Writing ---

    async def write(self, data: bytes) -> None:
        self.transport.write(data)
        await self._writable.wait()

    async def flush(self) -> None:
        """Waits until the operating system has taken every byte."""
        self.transport.set_write_buffer_limits(high=0)
        await self._writable.wait()
        self.transport.set_write_buffer_limits()

    def close(self) -> None:
        self.transport.close()

    def reset(self) -> None:
        """Breaks the connection with a RST, dropping what is not yet sent."""
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()
