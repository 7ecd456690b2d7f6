"""The usual answer, which comes whole in one read, takes a short way. It ends as on the long one, which every answer
takes that comes in two reads.
"""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.held_writes import turn_of
from proxy.http1 import layouts
from proxy.http1.connection import Connection
from proxy.http1.exchange import Exchange
from proxy.http1.heads import Head
from proxy.http1.reader import read_whole

HEADS = [
    b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=7\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nx: y\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n",
]
USUAL = HEADS[:4]
BEFORE = st.sampled_from([b""] * 5 + [b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n"])
LENGTHS = st.sampled_from([b"5"] * 5 + [b"0", b"05", b"6", b"1000000", b"5 ", b"+5", b""])
BODIES = st.sampled_from(
    [b"hello", b"", b"hell", b"hello!", b"5\r\nhello\r\n0\r\n\r\n", b"hello" + HEADS[0] + b"hello"]
)
ANSWERS = st.tuples(BEFORE, st.sampled_from(HEADS), LENGTHS, BODIES).map(
    lambda parts: parts[0] + parts[1].replace(b"length: 5", b"length: " + parts[2]) + parts[3]
)
Stage = tuple[asyncio.AbstractEventLoop, socket.socket]


class Wire:
    """An event loop's transport, as far as it is used here."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours
        self.unsent = 0
        self.is_gone = False

    def get_extra_info(self, name: str) -> Any:
        return self._ours if name == "socket" else None

    def write(self, data: bytes) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.is_gone

    def abort(self) -> None:
        self.is_gone = True


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    for raw in USUAL * (layouts.USUAL_AFTER + 2):
        layouts.read(raw)
    loop, (ours, theirs) = asyncio.new_event_loop(), socket.socketpair()
    with ours, theirs:
        yield loop, ours
    loop.close()


def outcome(
    stage: Stage, method: str, parts: list[bytes], *, closes: bool, is_sent: bool, is_held: bool, unsent: int
) -> tuple[object, ...]:
    """What the caller has of the answer, and whether the connection waits for the next request, and how long."""
    loop, ours = stage
    turn_of(loop).waiting.clear()  # no end of a turn comes in between
    idle: list[int | None] = []

    def note_idle(_: Connection, head: Head) -> None:
        idle.append(head.idle_seconds)

    connection, wire = Connection(loop, note_idle, lambda _: None), Wire(ours)
    connection.connection_made(wire)  # type: ignore[arg-type]
    exchange = Exchange(method, loop, closes=closes)
    exchange.is_sent = exchange.is_one_write = is_sent
    connection.begin(exchange, b"request")
    if not is_held:
        connection.transport.flush()  # type: ignore[union-attr]
    wire.unsent = unsent
    for part in parts:
        if not wire.is_gone:
            connection.data_received(part)
    answer = exchange.status, list(exchange.headers), b"".join(exchange._parts), exchange._is_complete
    has_failed = exchange._failure is not None
    return answer, has_failed, exchange.is_untouched, connection.is_lost, connection.exchange is None, idle


def test_it_is_the_usual_answer_that_is_read_whole(stage: Stage) -> None:
    for raw in USUAL[:3]:
        whole = read_whole(raw + b"hello")
        assert whole is not None
        assert whole[1] == b"hello"


SENT = {"closes": False, "is_sent": True, "is_held": False, "unsent": 0}
RARELY = st.sampled_from([False] * 5 + [True])
REQUESTS = st.fixed_dictionaries(
    {"closes": RARELY, "is_sent": RARELY.map(lambda is_not: not is_not), "is_held": RARELY, "unsent": RARELY.map(int)}
)


@given(raw=ANSWERS, method=st.sampled_from(["POST"] * 3 + ["GET", "HEAD"]), request_=REQUESTS, place=st.floats(0, 1))
@example(raw=HEADS[0] + b"hello", method="POST", request_=SENT, place=0.5)
@example(raw=HEADS[0] + b"hello", method="HEAD", request_=SENT, place=0.5)
@example(raw=HEADS[0] + b"hello!", method="POST", request_=SENT, place=0.5)
@example(raw=HEADS[3] + b"hello", method="POST", request_=SENT, place=0.5)
def test_whole_or_in_two_reads_an_answer_ends_the_same_way(
    stage: Stage, raw: bytes, method: str, request_: dict[str, Any], place: float
) -> None:
    cut = 1 + int(place * raw.find(b"\r\n\r\n"))  # in the first head: the rest comes in one piece both times
    assert outcome(stage, method, [raw], **request_) == outcome(stage, method, [raw[:cut], raw[cut:]], **request_)
