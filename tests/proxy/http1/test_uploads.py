"""Bodies that are large or still arriving, and answers that do not wait for their end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.providers.base import Header
from proxy.upstream import UpstreamBroken
from tests.proxy.http1.raw_server import (
    LOOPS,
    OK,
    Peer,
    RawServer,
    answering,
    opened,
    post,
    read,
    run,
    until,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
on_both_loops = pytest.mark.parametrize("loop", LOOPS)


# --- Uploads ----------------------------------------------------------------------------------------------------------


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


def taking(seen: list[bytes], mark: bytes) -> object:
    async def serve(peer: Peer) -> None:
        seen.append(await peer.reader.readuntil(mark))
        await peer.send(OK)
        await peer.gone()

    return serve


@on_both_loops
@pytest.mark.parametrize(
    ("headers", "framed"),
    [
        ([], b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n14\r\n" + b"d" * 19 + b"e\r\n0\r\n\r\n"),
        ([(b"content-length", b"23")], b"content-length: 23\r\n\r\nabc" + b"d" * 19 + b"e"),
    ],
)
def test_a_body_that_is_still_arriving_is_passed_on(headers: list[Header], framed: bytes, loop: str) -> None:
    seen: list[bytes] = []

    async def main() -> None:
        serve = taking(seen, framed[-10:])
        async with RawServer(serve) as server, opened() as client:  # type: ignore[arg-type]
            answer = await client.send("POST", server.url, headers, pieces(b"abc", b"", b"d" * 19 + b"e"))
            assert (await read(answer), client.connections) == (b"ok", 1)
            assert seen[0].endswith(framed)

    run(main(), loop)


@on_both_loops
def test_a_large_body_waits_for_a_provider_that_does_not_take_it(loop: str) -> None:
    size, taken = 24 * 1024 * 1024, asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.head()
        await taken.wait()
        assert await peer.reader.readexactly(size) == b"x" * size
        await peer.send(OK)
        await peer.gone()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            call = asyncio.create_task(post(client, server, b"x" * size))
            await until(lambda: client.connections == 1)
            await asyncio.sleep(0.05)
            (connection,) = client._pool._connections  # type: ignore[union-attr]
            assert connection.transport.get_write_buffer_size() < 1024 * 1024
            taken.set()
            assert (await call, client.connections) == (b"ok", 1)

    run(main(), loop)


@pytest.mark.parametrize("parts", [(b"abc",), (b"abc", b"defg")], ids=["shorter", "longer"])
def test_a_body_of_another_length_than_announced_breaks_the_call(parts: tuple[bytes, ...]) -> None:
    seen: list[bytes] = []

    async def serve(peer: Peer) -> None:
        seen.append(await peer.gone())

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            with pytest.raises(UpstreamBroken, match="Content-Length"):
                await client.send("POST", server.url, [(b"content-length", b"5")], pieces(*parts))
            await until(lambda: bool(seen))
            assert (seen[0].partition(b"\r\n\r\n")[2] in {b"", b"abc"}, client.connections) == (True, 0)

    run(main())


def test_a_body_that_fails_fails_the_call_with_its_own_failure() -> None:
    class Gone(Exception):
        pass

    async def failing() -> AsyncIterator[bytes]:
        yield b"abc"
        raise Gone

    async def main() -> None:
        async with RawServer(answering(OK)) as server, opened() as client:
            with pytest.raises(Gone):
                await client.send("POST", server.url, [], failing())
            assert client.connections == 0

    run(main())


@on_both_loops
@pytest.mark.parametrize("kind", ["arriving", "large"])
def test_an_answer_that_comes_before_the_upload_has_ended_ends_the_upload(kind: str, loop: str) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig"
    ended = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(3)
        await peer.send(refusal)
        await peer.gone()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"abc"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main() -> None:
        async with RawServer(serve, answering(OK)) as server, opened() as client:
            body = endless() if kind == "arriving" else b"x" * 64 * 1024 * 1024
            answer = await client.send("POST", server.url, [], body)
            assert (answer.status, await read(answer)) == (413, b"big")
            assert ended.is_set() == (kind == "arriving")
            assert await post(client, server) == b"ok"
            assert server.connections == 2, "half a request is on the first"

    run(main(), loop)


def test_an_upload_that_nobody_takes_is_closed_when_the_answer_comes() -> None:
    ended = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.head()
        await asyncio.sleep(0.1)  # Meanwhile the buffers on the way fill up.
        await peer.send(OK)
        await peer.gone()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1024 * 1024
        finally:
            ended.set()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            answer = await client.send("POST", server.url, [], endless())
            assert (answer.status, ended.is_set()) == (200, True)

    run(main())


# --- Expect -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 100 Continue\r\n\r\n", b"", b"HTTP/1.1 417 No\r\ncontent-length: 2\r\n\r\nno"]
)
def test_a_request_that_expects_100_waits_for_it_but_not_for_ever(first: bytes) -> None:
    seen: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.head()
        await asyncio.sleep(0.02)
        assert not peer.reader._buffer  # type: ignore[attr-defined]
        await peer.send(first)
        if not first.startswith(b"HTTP/1.1 417"):
            seen.append(await peer.reader.readexactly(2))
            await peer.send(OK)
        await peer.gone()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            answer = await client.send("POST", server.url, [(b"expect", b"100-continue")], b"{}")
            assert await read(answer) in {b"ok", b"no"}
            assert (answer.status == 417) == (not seen)
            assert client.connections == (0 if answer.status == 417 else 1)

    run(main())
