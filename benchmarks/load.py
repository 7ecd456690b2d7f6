"""Load on one address: keep-alive connections that send one prepared request after the other and read each answer."""

import asyncio
import time
from functools import partial
from typing import cast


class Connection(asyncio.Protocol):
    """Counts answers by their end: Content-Length, or the last chunk. Happy path only; anything else is an error."""

    def __init__(self, request: bytes, finished: asyncio.Event, quota: list[int], latencies: list[float]) -> None:
        self.request = request
        self.finished = finished
        self.quota = quota
        self.latencies = latencies
        self.buffer = bytearray()
        self.started = 0.0
        self.error = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        if self.quota[0] <= 0:
            self.transport.close()
            return
        self.quota[0] -= 1
        self.started = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or not self._is_whole(end):
            return
        if not self.buffer.startswith(b"HTTP/1.1 200"):
            self.error = bytes(self.buffer[:300]).decode("latin-1")
            self.transport.close()
            return
        self.latencies.append(time.perf_counter() - self.started)
        self.buffer.clear()
        self._next()

    def _is_whole(self, end: int) -> bool:
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            return len(self.buffer) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return self.buffer.endswith(b"0\r\n\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.finished.set()


async def run(port: int, request: bytes, *, requests: int, connections: int) -> tuple[float, list[float]]:
    """Wall seconds and the latency of each request in seconds. Raises `RuntimeError` on any answer but 200."""
    loop = asyncio.get_running_loop()
    quota = [requests]
    latencies: list[float] = []
    made = []
    started = time.perf_counter()
    for _ in range(connections):
        finished = asyncio.Event()
        _, protocol = await loop.create_connection(
            partial(Connection, request, finished, quota, latencies), "127.0.0.1", port
        )
        made.append(protocol)
    for protocol in made:
        await asyncio.wait_for(protocol.finished.wait(), 120)
    errors = [protocol.error for protocol in made if protocol.error]
    if errors or len(latencies) != requests:
        raise RuntimeError(f"{len(latencies)} of {requests} answered: {errors[:1]}")
    return time.perf_counter() - started, latencies
