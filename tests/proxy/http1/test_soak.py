"""Many calls at once with every fault at random: each ends, each answer that is whole is right, and nothing is left."""

import asyncio
import contextlib
import gc
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.http1 import LeanUpstream
from proxy.http1.exchange import Exchange
from proxy.upstream import UpstreamBroken, UpstreamSilent
from tests.proxy.http1.raw_server import LOOPS, Peer, RawServer, opened, read, run

pytestmark = pytest.mark.slow

CALLS_AT_ONCE, ROUNDS = 24, 20


def whole(body: bytes, chance: random.Random) -> bytes:
    head = b"HTTP/1.1 200 OK\r\n" + (b"connection: close\r\n" if chance.random() < 0.1 else b"")
    if chance.random() < 0.5:
        return head + b"content-length: %d\r\n\r\n" % len(body) + body
    step = chance.randint(1, 5000)
    chunks = [body[start : start + step] for start in range(0, len(body), step)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def faulty(chance: random.Random) -> "object":
    """Answers with the request's own body, in pieces, unless a fault comes between."""

    async def serve(peer: Peer) -> None:
        while True:
            request = await peer.request()
            answer = whole(request.partition(b"\r\n\r\n")[2], chance)
            fault = chance.choice(["", "", "", "", "", "cut", "reset", "garbage", "silence", "surplus", "hangs up"])
            # Garbage in a body of a given length is that body, so it comes in the head.
            at = chance.randint(0, answer.index(b"\r\n\r\n") if fault == "garbage" else len(answer) - 1)
            if fault in {"cut", "reset", "garbage", "silence"}:
                await peer.send(answer[:at] + (b"\0\r\xff\n" if fault == "garbage" else b""))
            else:
                await peer.send(answer[:at])
                await asyncio.sleep(chance.choice([0, 0, 0.002]))
                await peer.send(answer[at:] + (b"HTTP/1.1 200 OK\r\n\r\nbad" if fault == "surplus" else b""))
            if fault == "reset":
                peer.reset()
            if fault in {"garbage", "silence"}:
                await peer.gone()
            if fault not in {"", "surplus"}:
                return

    return serve


async def arriving(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]
        await asyncio.sleep(0)


async def call(client: LeanUpstream, server: RawServer, number: int, chance: random.Random) -> str:
    body = b"%d:" % number + chance.randbytes(chance.choice([10, 2000, 90_000]))
    length = [(b"content-length", b"%d" % len(body))]
    given = arriving(body) if chance.random() < 0.2 else body
    try:
        answer = await client.send("POST", server.url, length, given)
        if chance.random() < 0.1:
            answer.abort()
            return "aborted"
        try:
            got = await read(answer)
        finally:
            answer.abort()  # as the proxy does: nobody else ends an answer that waits for its reader
    except (UpstreamBroken, UpstreamSilent):
        return "failed"
    assert got == body, "an answer of another call, or not all of it"
    return "whole"


async def leave(calls: list["asyncio.Task[str]"], chance: random.Random) -> None:
    """Some callers go away."""
    for one in chance.sample(calls, len(calls) // 8):
        await asyncio.sleep(0.001)
        one.cancel()


def open_sockets() -> set[str]:
    links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return {link for link in links if link.startswith("socket:")}


@pytest.mark.parametrize("loop", LOOPS)
def test_random_faults_leave_nothing_behind_and_mix_nothing_up(loop: str) -> None:
    chance = random.Random(f"soak {loop}")
    before = open_sockets()

    async def main() -> None:
        outcomes: list[str] = []
        async with RawServer(faulty(chance)) as server, opened(silence=0.12) as client:  # type: ignore[arg-type]
            for number in range(ROUNDS):
                calls = [asyncio.create_task(call(client, server, number, chance)) for _ in range(CALLS_AT_ONCE)]
                await leave(calls, chance)
                for one in calls:
                    with contextlib.suppress(asyncio.CancelledError):
                        outcomes.append(await one)
            pool = client._pool
            assert pool is not None
            waiting = [each for idle in pool._idle.values() for each in idle if not each.is_lost]
            assert len(pool) == len(waiting), "no connection serves"
        assert {"whole", "failed", "aborted"} == set(outcomes)
        assert outcomes.count("whole") > len(outcomes) // 4

    run(main(), loop)
    gc.collect()
    # `isinstance` would ask the lazy objects of other tests for their class.
    assert not [each for each in gc.get_objects() if issubclass(type(each), Exchange)]
    assert open_sockets() <= before
