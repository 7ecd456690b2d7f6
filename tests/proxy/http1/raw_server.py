"""A server that sends exactly the bytes that a test says, and shows exactly the bytes that it got."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from proxy.http1 import LeanUpstream
from proxy.providers.base import Header
from proxy.upstream import Answer

Result = TypeVar("Result")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """One whole request, framed by Content-Length."""
        head = await self.head()
        _, _, length = head.lower().partition(b"content-length: ")
        return head + await self.reader.readexactly(int(length.split(b"\r\n")[0] or 0))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> bytes:
        """Waits for the client's end of the connection; what still came."""
        came = b""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65536):
                came += data
        return came

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Serve = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Serves the n-th connection by the n-th of `scripts`, later ones by the last. A connection is closed after it."""

    def __init__(self, *scripts: Serve, context: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._context = context
        self._open: set[Peer] = set()
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> "RawServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in list(self._open):
            peer.writer.transport.abort()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/x"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        peer = Peer(reader, writer)
        self._open.add(peer)
        try:
            # uvloop's RuntimeError: written to, or reset, after the client had gone.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):
                await script(peer)
        finally:
            self._open.discard(peer)
            writer.close()


def answering(*answers: bytes) -> Serve:
    """Answers one request with each of these, then waits for the client to go."""

    async def serve(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)
        await peer.gone()

    return serve


def answering_and_closing(answer: bytes) -> Serve:
    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return serve


def run(main: Coroutine[Any, Any, Result], loop: str = "uvloop") -> Result:
    """In a loop of that kind, for at most so long. Nothing may be left running, or be complained about."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(20):
            result = await main
            for _ in range(5):  # What was ended needs a round of the loop to be gone.
                await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        left = {task for task in left if "RawServer._serve" not in repr(task) and "StreamReader" not in repr(task)}
        assert not left, f"tasks are left: {left}"
        return result

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        result = runner.run(watched())
    assert not complaints, complaints
    return result


@contextlib.asynccontextmanager
async def opened(*, connect: float = 5, silence: float = 5, ca_file: str = "") -> AsyncIterator[LeanUpstream]:
    client = LeanUpstream(connect_timeout=connect, silence_timeout=silence, ca_file=ca_file)
    await client.open()
    try:
        yield client
    finally:
        await client.close()
        assert client.connections == 0


async def read(answer: Answer) -> bytes:
    body = b""
    while part := await answer.read():
        body += part
    return body


async def get(client: LeanUpstream, server: RawServer, headers: list[Header] | None = None) -> bytes:
    return await read(await client.send("GET", server.url, headers or [], None))


async def post(client: LeanUpstream, server: RawServer, body: bytes | AsyncIterator[bytes] = b"{}") -> bytes:
    return await read(await client.send("POST", server.url, [(b"content-type", b"application/json")], body))


async def until(holds: Callable[[], bool], *, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)
