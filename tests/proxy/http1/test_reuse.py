"""When a connection serves again, when it does not, and when a call is tried a second time."""

import asyncio

import pytest

from proxy.providers.base import Header
from proxy.upstream import UpstreamBroken
from tests.proxy.http1.raw_server import (
    LOOPS,
    OK,
    Peer,
    RawServer,
    answering,
    get,
    opened,
    post,
    read,
    run,
    until,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
on_both_loops = pytest.mark.parametrize("loop", LOOPS)


# --- One call after the other -----------------------------------------------------------------------------------------


@on_both_loops
def test_a_connection_serves_one_call_after_the_other(loop: str) -> None:
    chunked = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"

    async def main() -> None:
        async with RawServer(answering(OK, chunked, OK)) as server, opened() as client:
            assert [await post(client, server), await get(client, server), await post(client, server)] == [b"ok"] * 3
            assert (server.connections, client.connections) == (1, 1)

    run(main(), loop)


def test_the_request_arrives_as_it_was_given_in_one_piece() -> None:
    seen: list[bytes] = []

    async def serve(peer: Peer) -> None:
        seen.append(await peer.reader.read(65536))
        await peer.send(OK)
        await peer.gone()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            headers = [(b"X-Odd", b"caf\xe9"), (b"Accept", b"*/*")]
            url = f"http://127.0.0.1:{server.port}/v1/a%2fB//c?q=%7E~[]"
            assert await read(await client.send("POST", url, headers, b"{}")) == b"ok"
            assert seen == [
                b"POST /v1/a%%2fB//c?q=%%7E~[] HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nX-Odd: caf\xe9\r\nAccept: */*\r\n"
                b"content-length: 2\r\n\r\n{}" % server.port
            ]

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\nx",
        OK.replace(b"\r\n\r\n", b"\r\nkeep-alive: timeout=1\r\n\r\n"),
    ],
    ids=["close", "http-1.0", "second-answer", "surplus", "soon-closed"],
)
def test_a_connection_that_is_not_to_be_used_again_is_not(answer: bytes) -> None:
    async def main() -> None:
        async with RawServer(answering(answer, OK), answering(OK)) as server, opened() as client:
            assert [await post(client, server), await post(client, server)] == [b"ok", b"ok"]
            assert server.connections == 2

    run(main())


def test_a_request_that_says_close_is_the_last_of_its_connection() -> None:
    async def main() -> None:
        async with RawServer(answering(OK)) as server, opened() as client:
            for _ in range(2):
                assert await get(client, server, [(b"connection", b"close")]) == b"ok"
            assert server.connections == 2

    run(main())


def test_an_answer_can_be_read_after_its_connection_serves_the_next_call() -> None:
    async def main() -> None:
        first = OK.replace(b"ok", b"1.")
        async with RawServer(answering(first, OK)) as server, opened() as client:
            answer = await client.send("GET", server.url, [], None)
            assert await get(client, server) == b"ok"
            assert await read(answer) == b"1."
            answer.abort()
            assert (server.connections, client.connections) == (1, 1)

    run(main())


# --- Idle connections that are no good --------------------------------------------------------------------------------


@on_both_loops
@pytest.mark.parametrize("what", ["closes", "resets", "sends-an-answer", "sends-a-byte"])
def test_a_call_is_never_sent_on_an_idle_connection_that_is_closed_or_has_data(what: str, loop: str) -> None:
    """Even if the event loop has not heard of it yet: it gets no turn here between the event and the next call."""

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.reader.read(0)
        if what == "closes":
            peer.writer.transport.close()
        elif what == "resets":
            peer.reset()
        else:
            await peer.send(b"x" if what == "sends-a-byte" else OK.replace(b"ok", b"no"))
            await peer.gone()

    async def main() -> None:
        async with RawServer(serve, answering(OK)) as server, opened() as client:
            assert await post(client, server) == b"ok"
            pool = client._pool
            assert pool is not None
            await until(lambda: any(each._probe.poll(0) for each in pool._connections) or not len(pool))
            assert await post(client, server) == b"ok"
            assert server.connections == 2

    run(main(), loop)


def test_data_on_an_idle_connection_ends_it() -> None:
    spoil = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await spoil.wait()
        await peer.send(OK)
        await peer.gone()

    async def main() -> None:
        async with RawServer(serve) as server, opened() as client:
            await post(client, server)
            assert client.connections == 1
            spoil.set()
            await until(lambda: client.connections == 0)

    run(main())


# --- Second tries -----------------------------------------------------------------------------------------------------


def closing_on_the_second(log: list[bytes], *, begins: bytes = b"") -> object:
    async def serve(peer: Peer) -> None:
        log.append(await peer.request())
        await peer.send(OK)
        log.append(await peer.request())
        if begins:
            await peer.send(begins)

    return serve


@on_both_loops
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_have_been_done_is_never_sent_twice(method: str, loop: str) -> None:
    log: list[bytes] = []

    async def main() -> None:
        async with RawServer(closing_on_the_second(log)) as server, opened() as client:  # type: ignore[arg-type]
            await post(client, server)
            with pytest.raises(UpstreamBroken):
                await client.send(method, server.url, [], b"{}")
            assert (server.connections, len(log), client.connections) == (1, 2, 0)

    run(main(), loop)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_is_safe_is_sent_once_more_on_a_fresh_connection(method: str) -> None:
    log: list[bytes] = []

    async def main() -> None:
        second = answering(OK[:-2] if method == "HEAD" else OK)
        async with RawServer(closing_on_the_second(log), second) as server, opened() as client:  # type: ignore[arg-type]
            await post(client, server)
            answer = await client.send(method, server.url, [], None)
            assert (answer.status, server.connections, len(log)) == (200, 2, 2)

    run(main())


def test_nothing_is_sent_again_once_a_byte_of_the_answer_has_come() -> None:
    log: list[bytes] = []

    async def main() -> None:
        serve = closing_on_the_second(log, begins=b"HTTP/1.1 2")
        async with RawServer(serve) as server, opened() as client:  # type: ignore[arg-type]
            await post(client, server)
            with pytest.raises(UpstreamBroken):
                await get(client, server)
            assert server.connections == 1

    run(main())


def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.request()

    async def main() -> None:
        async with RawServer(hang_up) as server, opened() as client:
            with pytest.raises(UpstreamBroken):
                await get(client, server)
            assert server.connections == 1

    run(main())


# --- Requests that cannot be sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:{port}/a b", []),
        ("http://127.0.0.1:{port}", []),
        ("http://user@127.0.0.1:{port}/", []),
        ("ftp://127.0.0.1:{port}/", []),
        ("http:///x", []),
        ("http://127.0.0.1:{port}/x", [(b"x", b"a\r\nb: c")]),
        ("http://127.0.0.1:{port}/x", [(b"content-length", b"9")]),
    ],
)
def test_a_request_that_cannot_be_sent_as_it_is_is_not_sent(url: str, headers: list[Header]) -> None:
    async def main() -> None:
        async with RawServer(answering(OK)) as server, opened() as client:
            with pytest.raises(UpstreamBroken):
                await client.send("POST", url.format(port=server.port), headers, b"{}")
            assert server.connections == 0

    run(main())
