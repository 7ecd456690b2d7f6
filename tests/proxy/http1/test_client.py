"""Answers and their ends, against a server that does exactly what a test says: breaks, silence, aborts, flow."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from proxy.http1 import LeanUpstream
from proxy.upstream import UpstreamBroken, UpstreamSilent
from tests.pace import tried_again_when_late
from tests.proxy.http1.raw_server import (
    LOOPS,
    OK,
    Peer,
    RawServer,
    answering,
    answering_and_closing,
    opened,
    post,
    read,
    run,
    until,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
on_both_loops = pytest.mark.parametrize("loop", LOOPS)


# --- Answers that break -----------------------------------------------------------------------------------------------


@on_both_loops
@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b": 2", b": 3"),
        CHUNKED + b"2\r\nok\r\n",
        CHUNKED + b"2\r\nok\r\nzz\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\nx y\r\n\r\n",
    ],
)
def test_an_answer_that_breaks_gives_what_came_and_then_the_failure(answer: bytes, loop: str) -> None:
    async def main() -> None:
        async with RawServer(answering_and_closing(answer), answering(OK)) as server, opened() as client:
            broken = await client.send("POST", server.url, [], b"{}")
            assert await broken.read() == b"ok"
            for _ in range(2):
                with pytest.raises(UpstreamBroken):
                    await broken.read()
            assert client.connections == 0
            assert await post(client, server) == b"ok"

    run(main(), loop)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nx: y", b"HTTP/1.1 100 Continue\r\n\r\n", b"\x16\x03\x01"])
def test_an_answer_that_breaks_before_its_head_is_a_failure_at_once(answer: bytes) -> None:
    async def main() -> None:
        async with RawServer(answering_and_closing(answer)) as server, opened() as client:
            with pytest.raises(UpstreamBroken):
                await client.send("POST", server.url, [], b"{}")
            assert client.connections == 0

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"),
        OK.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n"),
        OK.replace(b"\r\n\r\n", b"\r\nx: a\r\n b\r\n\r\n"),
        b"not HTTP at all",
        b"HTTP/1.1 200 OK\n\nok",
    ],
)
def test_framing_that_cannot_be_trusted_fails_while_the_server_keeps_the_connection_open(answer: bytes) -> None:
    async def main() -> None:
        async with RawServer(answering(answer)) as server, opened() as client:
            with pytest.raises(UpstreamBroken):
                await client.send("POST", server.url, [], b"{}")
            assert client.connections == 0

    run(main())


@on_both_loops
def test_an_answer_that_ends_with_the_connection_is_whole_after_an_orderly_end_alone(loop: str) -> None:
    until_close = b"HTTP/1.1 200 OK\r\n\r\nok"

    async def reset(peer: Peer) -> None:
        await peer.request()
        await peer.send(until_close)
        await peer.reader.read(1)  # The client has read the answer's first part.
        peer.reset()

    async def main() -> None:
        async with RawServer(answering_and_closing(until_close), reset) as server, opened() as client:
            assert await post(client, server) == b"ok"
            answer = await client.send("POST", server.url, [(b"x", b"y")], b"{}")
            assert await answer.read() == b"ok"
            client._pool._connections.copy().pop().transport.write(b"x")  # type: ignore[union-attr]
            with pytest.raises(UpstreamBroken):
                await answer.read()

    run(main(), loop)


@on_both_loops
def test_an_aborted_answer_ends_its_connection_at_once(loop: str) -> None:
    gone = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n")
        await peer.gone()
        gone.set()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            answer = await client.send("POST", server.url, [], b"{}")
            answer.abort()
            assert client.connections == 0
            answer.abort()
            await gone.wait()
            assert await answer.read() == b"ok"
            with pytest.raises(UpstreamBroken):
                await answer.read()

    run(main(), loop)


@pytest.mark.parametrize("moment", ["before the head", "in the body"])
def test_a_cancelled_call_leaves_no_connection_and_the_answer_readable(moment: str) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        if moment == "in the body":
            await peer.send(CHUNKED + b"2\r\nok\r\n")
        begun.set()
        await peer.gone()
        gone.set()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            call = asyncio.create_task(post(client, server))
            await begun.wait()
            await until(lambda: client.connections == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            if moment == "before the head":
                await gone.wait()
                assert client.connections == 0

    run(main())


# --- Silence ----------------------------------------------------------------------------------------------------------


@on_both_loops
@tried_again_when_late
def test_silence_ends_a_call_and_talk_does_not(loop: str) -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(8):
            await asyncio.sleep(0.06)
            await peer.send(b"1\r\nx\r\n")
        await peer.gone()

    async def main() -> None:
        async with RawServer(serve) as server, opened(silence=0.3) as client:
            begun, body = time.monotonic(), b""
            answer = await client.send("POST", server.url, [], b"{}")
            while len(body) < 8:
                body += await answer.read()
            with pytest.raises(UpstreamSilent):
                await answer.read()
            assert (body, client.connections) == (b"x" * 8, 0)
            assert time.monotonic() - begun > 0.75

    run(main(), loop)


def test_silence_before_the_head_is_told_apart_from_a_broken_connection() -> None:
    async def main() -> None:
        async with RawServer(answering(b"")) as server, opened(silence=0.2) as client:
            with pytest.raises(UpstreamSilent):
                await client.send("POST", server.url, [], b"{}")
            assert client.connections == 0

    run(main())


@tried_again_when_late
def test_a_slow_reader_and_a_slow_uploader_are_not_the_providers_silence() -> None:
    big = b"x" * 3_000_000

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(big) + big)
        await peer.gone()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.7)
        yield b"b"

    async def main() -> None:
        async with RawServer(serve) as server, opened(silence=0.3) as client:
            answer = await client.send("POST", server.url, [(b"content-length", b"2")], slowly())
            await asyncio.sleep(0.7)
            assert await read(answer) == big

    run(main())


# --- Flow -------------------------------------------------------------------------------------------------------------


@on_both_loops
def test_memory_stays_flat_while_readers_are_slow(loop: str) -> None:
    size = 64 * 1024 * 1024

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size // (1024 * 1024)):
            await peer.send(b"x" * 1024 * 1024)
        await peer.gone()

    async def slow(client: LeanUpstream, server: RawServer) -> int:
        answer = await client.send("POST", server.url, [], b"{}")
        most = taken = 0
        for _ in range(25):
            await asyncio.sleep(0.004)
            part = await answer.read()
            most, taken = max(most, len(part)), taken + len(part)
        answer.abort()
        assert taken < size
        return most

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            most = await asyncio.gather(*(slow(client, server) for _ in range(4)))
            assert max(most) <= 1024 * 1024

    run(main(), loop)
