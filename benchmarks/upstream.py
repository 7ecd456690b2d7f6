"""A provider that costs next to nothing, with fixed answers: `python -m benchmarks.upstream PORT [ANSWER]`.

It tells whole answers like nginx does, and streams in ways that nginx cannot: each event in a write of its own, without
a pause or at a pace.
"""

import asyncio
import heapq
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import cast

from benchmarks import answers

PACE_SECONDS = 0.002
Writes = list[bytes]  # what is written one after the other


def _stream(count: int) -> Writes:
    return answers.in_chunks(answers.events(count))


def _whole_stream(count: int) -> Writes:
    return [b"".join(_stream(count))]


ANSWERS: dict[str, Callable[[], Writes]] = {
    "chat": lambda: [answers.with_length(answers.chat())],
    "embeddings": lambda: [answers.with_length(answers.embeddings())],
    "sse-50": lambda: _stream(50),
    "sse-1000": lambda: _stream(1000),
    "sse-50-together": lambda: _whole_stream(50),
}
PACED = "sse-50-paced"
MIXED = "mixed"  # a stream to those that ask for one


class Upstream(asyncio.Protocol):
    """Answers every request whose body has arrived; knows Content-Length alone."""

    def __init__(self, choose: Callable[[bytes], Writes]) -> None:
        self._choose = choose

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.needed = 0

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= (self.needed or 1):
            if not self.needed:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                self.needed = end + 4 + _length(bytes(self.buffer[:end]))
                continue
            self._answer(self._choose(bytes(self.buffer[: self.needed])))
            del self.buffer[: self.needed]
            self.needed = 0

    def _answer(self, writes: Writes) -> None:
        """By system calls of our own, since the event loop would put what is written at once into one."""
        if len(writes) == 1:
            self.transport.write(writes[0])
            return
        file = self._socket.fileno()
        for number, part in enumerate(writes):
            try:
                sent = os.write(file, part)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.transport.abort()
                return
            if sent < len(part):
                self.transport.write(part[sent:] + b"".join(writes[number + 1 :]))
                return


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve(port: int, choose: Callable[[bytes], Writes]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(choose), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


class PacedUpstream:
    """Streams at a pace of their own, exact to some 0.1 ms, which event loops that count milliseconds are not."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._due: list[tuple[float, int, int, socket.socket]] = []  # when, a number to tell ties, the write, to whom
        self._number = 0
        self._changed = threading.Condition()

    def serve(self, port: int) -> None:
        threading.Thread(target=self._write_on_time, daemon=True).start()
        with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
            poll = select.epoll()
            poll.register(listener, select.EPOLLIN)
            clients: dict[int, tuple[socket.socket, bytearray]] = {}
            while True:
                for file, _ in poll.poll():
                    if file == listener.fileno():
                        client, _ = listener.accept()
                        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        clients[client.fileno()] = client, bytearray()
                        poll.register(client, select.EPOLLIN)
                    elif not self._read(*clients[file]):
                        poll.unregister(file)
                        clients.pop(file)[0].close()

    def _read(self, client: socket.socket, buffer: bytearray) -> bool:
        """Whether the client is still there."""
        try:
            data = client.recv(65536)
        except OSError:
            return False
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end >= 0 and len(buffer) >= end + 4 + _length(bytes(buffer[:end])):
            buffer.clear()
            self._plan(time.perf_counter(), 0, client)
        return bool(data)

    def _plan(self, due: float, index: int, client: socket.socket) -> None:
        with self._changed:
            self._number += 1
            heapq.heappush(self._due, (due, self._number, index, client))
            self._changed.notify()

    def _write_on_time(self) -> None:
        while True:
            with self._changed:
                while (wait := self._due[0][0] - time.perf_counter() if self._due else None) is None or wait > 0:
                    self._changed.wait(wait)
                _, _, index, client = entry = heapq.heappop(self._due)
            try:
                client.send(self._writes[index])
            except OSError:
                continue
            if index + 1 < len(self._writes):
                self._plan(entry[0] + PACE_SECONDS, index + 1, client)


def main(port: int, name: str) -> None:
    if name == PACED:
        PacedUpstream(_stream(50)).serve(port)
        return
    import uvloop

    if name == MIXED:
        chat, stream = ANSWERS["chat"](), ANSWERS["sse-50-together"]()
        uvloop.run(serve(port, lambda request: stream if b'"stream":true' in request else chat))
    else:
        writes = ANSWERS[name]()
        uvloop.run(serve(port, lambda _: writes))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else MIXED)
