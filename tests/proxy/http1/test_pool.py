"""Connections that wait for the next call: which of them is used, and when they go."""

import asyncio

from proxy.http1 import LeanUpstream
from tests.proxy.http1.raw_server import OK, Peer, RawServer, answering, opened, post, run, until


async def serving(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(OK)


async def together(client: LeanUpstream, server: RawServer, count: int) -> None:
    await asyncio.gather(*(post(client, server) for _ in range(count)))


def test_calls_at_once_have_a_connection_each_and_leave_them_for_the_next() -> None:
    async def main() -> None:
        async with RawServer(serving) as server, opened() as client:
            for _ in range(3):
                await together(client, server, 7)
            assert (server.connections, client.connections) == (7, 7)

    run(main())


def test_the_connection_used_last_is_used_next() -> None:
    served: list[int] = []

    async def numbered(peer: Peer) -> None:
        while True:
            await peer.request()
            served.append(id(peer))
            await peer.send(OK)

    async def main() -> None:
        async with RawServer(numbered) as server, opened() as client:
            await together(client, server, 4)
            served.clear()
            for _ in range(5):
                await post(client, server)
            assert len(set(served)) == 1

    run(main())


def test_origins_do_not_share_connections() -> None:
    async def main() -> None:
        async with RawServer(serving) as one, RawServer(serving) as other, opened() as client:
            for server in (one, other, one, other):
                await post(client, server)
            assert (one.connections, other.connections) == (1, 1)

    run(main())


def test_a_connection_that_waited_long_enough_is_closed() -> None:
    gone = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK.replace(b"\r\n\r\n", b"\r\nkeep-alive: timeout=2\r\n\r\n"))
        await peer.gone()
        gone.set()

    async def main() -> None:
        async with RawServer(serve, answering(OK)) as server, opened(silence=0.4) as client:
            await post(client, server)
            assert client.connections == 1
            await gone.wait()
            assert client.connections == 0
            assert await post(client, server) == b"ok"

    run(main())


def test_closing_ends_what_waits_and_what_serves() -> None:
    async def main() -> None:
        async with RawServer(answering(OK), answering(b"")) as server:
            async with opened() as client:
                await post(client, server)
                answer = asyncio.create_task(post(client, server))
                await until(lambda: not client._pool._idle[next(iter(client._pool._idle))])  # type: ignore[union-attr]
            await asyncio.wait([answer])
            assert "lost" in str(answer.exception()) or "closed" in str(answer.exception())

    run(main())
