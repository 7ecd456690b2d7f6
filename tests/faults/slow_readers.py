"""Clients that read next to nothing, a provider that always has more, and what a process holds in between."""

import asyncio
import contextlib
import resource
import ssl
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from tests.proxy.calls import CHAT, Caller, Connection, chat

_EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o",'
    b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
)
_PIECE = b"".join(_EVENT % (b"word " * 40) for _ in range(64))
_END = (
    b'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[],'
    b'"usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16}}\n\ndata: [DONE]\n\n'
)


class Flood:
    """A provider whose every answer is a stream of `size` bytes, as fast as it is taken."""

    def __init__(self, size: int, context: ssl.SSLContext | None = None) -> None:
        """`context`: over TLS, with a certificate for `localhost`."""
        self._context = context
        self._pieces = size // len(_PIECE) + 1
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="flood", daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=2048, ssl=self._context)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for _ in range(self._pieces):
                writer.write(_PIECE)
                await writer.drain()
            writer.write(_END)
            await writer.drain()
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def memory_of(pid: int) -> int:
    """Bytes that the process holds in memory now."""
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)])) * 1024


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class SlowReaders:
    """Clients that have asked for a stream, and take a byte a second of it."""

    def __init__(self, caller: Caller, count: int) -> None:
        self._connections: list[Connection] = []
        body = chat(stream=True, stream_options={"include_usage": True})
        for _ in range(count):
            connection = Connection(caller.port, receive_buffer=16384)
            connection.socket.settimeout(60)
            connection.send("POST", caller.target(CHAT), caller.headers(CHAT, {}, body), body)
            self._connections.append(connection)

    def read(self, seconds: int, pid: int) -> int:
        """The most memory that the process `pid` held meanwhile."""
        most = 0
        for _ in range(seconds):
            for connection in self._connections:
                assert connection.socket.recv(1), "the answer ended"
            most = max(most, memory_of(pid))
            time.sleep(1)
        return most

    def read_one_to_the_end(self) -> bytes:
        """What was still to come of one answer, its last chunk included."""
        with contextlib.closing(self._connections.pop()) as connection:
            received = bytearray()
            while not received.endswith(b"\r\n0\r\n\r\n"):
                part = connection.socket.recv(1024 * 1024)
                assert part, "the answer broke off"
                received += part
        return bytes(received)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
