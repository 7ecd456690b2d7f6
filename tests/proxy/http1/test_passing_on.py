"""An answer's parts, given to whoever takes them at the moment they come."""

import asyncio
from typing import Any

import pytest

from proxy.upstream import UpstreamBroken
from tests.proxy.http1.raw_server import Peer, RawServer, opened, run

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def in_parts(*parts: bytes) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]


async def serve_slowly(peer: Peer, *parts: bytes) -> None:
    await peer.request()
    await peer.send(CHUNKED)
    for part in parts:
        await asyncio.sleep(0.02)
        await peer.send(part)


def test_parts_are_given_as_they_come_until_one_is_refused_and_the_rest_is_read() -> None:
    taken: list[bytes] = []

    def take(part: bytes) -> bool:
        taken.append(part)
        return part != b"two"

    async def main() -> None:
        async with (
            RawServer(lambda peer: serve_slowly(peer, *in_parts(b"one", b"two", b"three"), b"0\r\n\r\n")) as server,
            opened() as client,
        ):
            answer = await client.send("POST", server.url, [], b"{}")
            await answer.pass_to(take)  # type: ignore[attr-defined]
            assert taken == [b"one", b"two"]
            assert [await answer.read(), await answer.read()] == [b"three", b""]
            await answer.pass_to(take)  # type: ignore[attr-defined]
            assert taken == [b"one", b"two"]

    run(main())


def test_what_breaks_while_parts_are_given_is_told_to_the_reader() -> None:
    taken: list[bytes] = []

    def take(part: bytes) -> bool:
        taken.append(part)
        return True

    async def main() -> None:
        async with (
            RawServer(lambda peer: serve_slowly(peer, *in_parts(b"one"), b"zz\r\n")) as server,
            opened() as client,
        ):
            answer = await client.send("POST", server.url, [], b"{}")
            await answer.pass_to(take)  # type: ignore[attr-defined]
            assert taken == [b"one"]
            with pytest.raises(UpstreamBroken):
                await answer.read()

    run(main())


def test_a_fault_of_the_taker_is_its_own() -> None:
    def take(part: bytes) -> bool:
        raise KeyError(part)

    async def main() -> None:
        async with RawServer(lambda peer: serve_slowly(peer, *in_parts(b"one"))) as server, opened() as client:
            answer = await client.send("POST", server.url, [], b"{}")
            with pytest.raises(KeyError):
                await answer.pass_to(take)  # type: ignore[attr-defined]
            answer.abort()

    run(main())


def test_an_answer_is_taken_whole_once_nothing_of_it_is_still_to_come() -> None:
    async def main() -> None:
        first, second = in_parts(b"one", b"two")
        async with (
            RawServer(lambda peer: serve_slowly(peer, first, second + b"0\r\n\r\n")) as server,
            opened() as client,
        ):
            answer: Any = await client.send("POST", server.url, [], b"{}")
            assert answer.take_whole() is None
            while (taken := answer.take_whole()) is None:
                await answer.more()
            assert (taken, await answer.read()) == (b"onetwo", b"")

    run(main())
