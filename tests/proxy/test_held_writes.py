"""Writes wait for the end of the event loop's turn, in order, and never for longer."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from proxy.held_writes import MAX_HELD_BYTES, HeldWrites, turn_of
from proxy.http_server import ClientProtocol
from tests.proxy.http1.raw_server import LOOPS, run

on_both_loops = pytest.mark.parametrize("loop", LOOPS)


class Pair:
    """A transport, and the socket at its other end."""

    def __init__(self, transport: HeldWrites, far: socket.socket) -> None:
        self.transport, self.far = transport, far
        self.came = b""

    def arrived(self) -> bytes:
        """All that has come so far, without waiting."""
        while True:
            try:
                data = self.far.recv(2**20)
            except BlockingIOError:
                return self.came
            if not data:
                return self.came
            self.came += data

    async def end(self) -> bytes:
        """All that comes."""
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self.far, 2**20):
            self.came += data
        return self.came


async def pairs(count: int) -> list[Pair]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(count):
        near, far = socket.socketpair()
        far.settimeout(0)
        plain, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        made.append(Pair(HeldWrites(plain, loop), far))
    return made


def played(play: Callable[[list[Pair]], Awaitable[None]], count: int = 1, loop: str = "uvloop") -> None:
    async def main() -> None:
        made = await pairs(count)
        await play(made)
        for pair in made:
            pair.transport.abort()
            pair.far.close()

    run(main(), loop)


async def turn() -> None:
    """Until the writes of this turn have gone out."""
    for _ in range(2):
        await asyncio.sleep(0)


@on_both_loops
def test_the_writes_of_a_turn_go_out_at_its_end(loop: str) -> None:
    async def play(made: list[Pair]) -> None:
        for pair in made:
            pair.transport.write(b"one, ")
            pair.transport.write(bytearray(b"two, "))
            pair.transport.writelines([b"thr", memoryview(b"ee")])
        assert [pair.arrived() for pair in made] == [b""] * 3
        assert [pair.transport.get_write_buffer_size() for pair in made] == [15] * 3
        await turn()
        assert [pair.arrived() for pair in made] == [b"one, two, three"] * 3
        assert [pair.transport.get_write_buffer_size() for pair in made] == [0] * 3

    played(play, 3, loop)


def test_what_is_large_does_not_wait() -> None:
    async def play(made: list[Pair]) -> None:
        (pair,) = made
        pair.transport.write(b"small")
        pair.transport.write(b"x" * (MAX_HELD_BYTES + 1))
        assert pair.arrived() == b"small" + b"x" * (MAX_HELD_BYTES + 1)

    played(play)


def test_no_write_waits_for_more_than_a_few_others() -> None:
    async def play(made: list[Pair]) -> None:
        for pair in made:
            pair.transport.write(b".")
        arrived = [pair.arrived() for pair in made]
        assert arrived == [b"."] * 32 + [b""] * 3
        await turn()
        assert [pair.arrived() for pair in made] == [b"."] * 35

    played(play, 35)


def test_a_write_that_is_alone_in_its_turn_time_and_again_does_not_wait_for_a_while() -> None:
    waited = []

    async def play(made: list[Pair]) -> None:
        (pair,) = made
        for number in range(200):
            pair.transport.write(b".")
            waited.append(len(pair.arrived()) == number)
            await turn()
        assert 0.03 < sum(waited) / 200 < 0.06
        assert waited[:4] == [True, True, True, False]

    played(play)


def test_writes_that_are_not_alone_go_on_to_wait() -> None:
    async def play(made: list[Pair]) -> None:
        for number in range(1, 101):
            for pair in made:
                pair.transport.write(b".")
                assert len(pair.arrived()) == number - 1
            await turn()

    played(play, 2)


@on_both_loops
@pytest.mark.parametrize("end", ["close", "abort", "write_eof"])
def test_what_was_written_goes_out_before_the_connection_ends(end: str, loop: str) -> None:
    async def play(made: list[Pair]) -> None:
        (pair,) = made
        pair.transport.write(b"last words")
        getattr(pair.transport, end)()
        assert await pair.end() == b"last words"

    played(play, loop=loop)


@on_both_loops
def test_what_is_taken_back_is_not_sent(loop: str) -> None:
    async def play(made: list[Pair]) -> None:
        (pair,) = made
        pair.transport.write(b"never mind")
        assert pair.transport.take_back() == b"never mind"
        await turn()
        pair.transport.write(b"but this")
        pair.transport.close()
        assert await pair.end() == b"but this"

    played(play, loop=loop)


@on_both_loops
def test_nobody_there_is_no_reason_to_complain(loop: str) -> None:
    async def play(made: list[Pair]) -> None:
        first, second = made
        first.transport.write(b"to nobody")
        first.transport._plain.abort()
        second.transport.write(b"to somebody")
        await turn()
        assert second.arrived() == b"to somebody"

    played(play, 2, loop)


@on_both_loops
def test_what_fails_keeps_nothing_else_from_going_out(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a fault of ours")

    async def play(made: list[Pair]) -> None:
        running = asyncio.get_running_loop()
        made[0].transport.write_eof()
        for number in range(1, 3):
            turn_of(running).begin_end_with(fail, running)
            for pair in made:
                pair.transport.write(b".")
            await turn()
            assert [pair.arrived() for pair in made] == [b"", b"." * number, b"." * number]
        turn_of(running).begin_end_with(fail, running)
        made[1].transport.write(b"x" * (MAX_HELD_BYTES + 1))
        assert made[1].arrived() == b".." + b"x" * (MAX_HELD_BYTES + 1)

    played(play, 3, loop)
    assert caplog.text.count("RuntimeError: a fault of ours") == 3
    assert caplog.text.count("A write of a turn has failed") == 2


def test_what_nobody_takes_any_more_can_still_be_taken_back() -> None:
    async def play(made: list[Pair]) -> None:
        (pair,) = made
        pair.transport.write(b"never mind")
        pair.transport._plain.abort()
        await turn()
        assert pair.transport.take_back() == b"never mind"

    played(play)


STEP = st.tuples(st.integers(0, 2), st.sampled_from(["write", "many", "flush", "turn"]), st.integers(0, 9_000))


@given(st.lists(STEP, max_size=40))
def test_every_byte_comes_once_and_in_order(steps: list[tuple[int, str, int]]) -> None:
    async def play(made: list[Pair]) -> None:
        written = [b""] * 3
        for which, what, size in steps:
            transport, data = made[which].transport, bytes([65 + size % 26]) * size
            if what == "turn":
                await turn()
            elif what == "flush":
                transport.flush()
            else:
                transport.writelines([data, b"|"]) if what == "many" else transport.write(data)
                written[which] += data + b"|" * (what == "many")
            await asyncio.sleep(0) if size % 7 == 0 else None
        for pair in made:
            pair.transport.close()
        assert [await pair.end() for pair in made] == written

    played(play, 3)


def test_what_was_answered_when_the_client_ends_its_side_goes_out() -> None:
    """The event loop then closes the connection by itself."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()

        async def answer_and_see_the_end(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            far.shutdown(socket.SHUT_WR)

        config = Config(answer_and_see_the_end, log_config=None, lifespan="off")
        config.load()
        await loop.create_connection(lambda: ClientProtocol(config, ServerState(), {}), sock=near)
        far.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        far.settimeout(0)
        assert (await loop.sock_recv(far, 2**20)).startswith(b"HTTP/1.1 204 ")
        far.close()

    run(main())
