"""A provider whose answer never gets beyond its head: the call ends in time, and nothing piles up."""

import asyncio
from collections.abc import Callable

import pytest

from proxy.aiohttp_client import AiohttpUpstream
from proxy.http1.client import LeanUpstream
from proxy.upstream import UpstreamBroken, UpstreamError, UpstreamSilent

pytestmark = pytest.mark.trial


async def call(client: type[AiohttpUpstream | LeanUpstream], line: Callable[[int], bytes], patience: float) -> None:
    """A provider that sends `line(1)`, `line(2)`, ... for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        number = 0
        while not writer.is_closing():
            number += 1
            writer.write(line(number))
            await asyncio.sleep(0.001)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        upstream = client(connect_timeout=patience, silence_timeout=patience)
        await upstream.open()
        try:
            async with asyncio.timeout(60):
                await upstream.send("GET", f"http://127.0.0.1:{port}/v1/models", [(b"host", b"provider")], None)
        finally:
            await upstream.close()


@pytest.mark.parametrize("client", [AiohttpUpstream, LeanUpstream])
@pytest.mark.parametrize(
    ("line", "patience", "failure"),
    [
        (
            lambda number: b"HTTP/1.1 200 OK\r\n" if number == 1 else b"x-header-%d: value\r\n" % number,
            40,
            UpstreamBroken,
        ),
        (lambda number: b"HTTP/1.1 200 OK\r\nx-header: " if number == 1 else b"v" * 1000, 40, UpstreamBroken),
        (lambda number: b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 0.25, (UpstreamSilent, UpstreamBroken)),
    ],
    ids=["headers", "a header", "informational answers"],
)
def test_a_head_without_end_is_given_up(
    client: type[AiohttpUpstream | LeanUpstream],
    line: Callable[[int], bytes],
    patience: float,
    failure: type[UpstreamError] | tuple[type[UpstreamError], ...],
) -> None:
    with pytest.raises(failure):
        asyncio.run(call(client, line, patience))
