"""What an application has written without waiting reaches the client as what it sends by ASGI's messages."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.http1.heads import Lines
from proxy.http_cycle import HELD, Cycle

Connection = tuple[str, str, bool, bool, bool, list[tuple[bytes, bytes]]]
USUAL: Connection = ("POST", "1.1", True, False, False, [])
CONNECTIONS = st.tuples(
    st.sampled_from(["POST", "POST", "HEAD"]), st.sampled_from(["1.1", "1.1", "1.0"]), *[st.booleans()] * 3,
    st.sampled_from([[], [(b"server", b"x")]]),
)  # fmt: skip


def outcome(of: Connection, status: int, lines: Lines, parts: list[bytes], *, at_once: bool) -> tuple[object, ...]:
    """What was written, and what became of the connection. What cannot be done at once is sent."""
    method, version, keeps_alive, waits, is_gone, default_headers = of
    written: list[bytes] = []
    ends: list[str] = []
    transport = SimpleNamespace(write=written.append, close=lambda: ends.append("closed"), is_closing=lambda: False)
    connection: Any = SimpleNamespace(
        transport=transport,
        flow=SimpleNamespace(write_paused=False),
        logger=logging.getLogger(__name__),
        server_state=SimpleNamespace(default_headers=default_headers),
        on_response_complete=lambda: ends.append("complete"),
        tasks=set(),
    )
    cycle = Cycle(connection, {"method": method, "http_version": version}, keeps_alive=keeps_alive, waits=waits)
    cycle.disconnected = is_gone

    async def answer() -> None:
        if not (at_once and cycle.begin(status, lines)):
            await cycle.send({"type": "http.response.start", "status": status, "headers": lines, HELD: True})
        for part in parts[:-1]:
            if not (at_once and cycle.write(part)):
                await cycle.send({"type": "http.response.body", "body": part, "more_body": True})
        if not (at_once and cycle.end(parts[-1])):
            await cycle.send({"type": "http.response.body", "body": parts[-1]})

    fault = ""
    try:
        asyncio.run(answer())
    except RuntimeError as error:
        fault = str(error)
    return b"".join(written), ends, fault, cycle.response_started, cycle.response_complete, cycle.keep_alive


@given(
    of=st.just(USUAL) | CONNECTIONS,
    status=st.sampled_from([200, 200, 204, 304, 429]),
    length=st.sampled_from([None, 0, 5, 6]),
    parts=st.lists(st.sampled_from([b"", b"hello", b"!"]), min_size=1, max_size=3),
)
@example(of=USUAL, status=200, length=5, parts=[b"hello"])
@example(of=USUAL, status=200, length=6, parts=[b"hello"])
@example(of=("POST", "1.1", False, False, False, []), status=200, length=5, parts=[b"hello"])
def test_an_answer_is_the_same_at_once_and_sent(
    of: Connection, status: int, length: int | None, parts: list[bytes]
) -> None:
    lines = Lines(b"x: y\r\n" + (b"" if length is None else b"content-length: %d\r\n" % length), length)
    written = outcome(of, status, lines, parts, at_once=True)
    assert written == outcome(of, status, lines, parts, at_once=False)
    if of == USUAL and (status, length, parts) == (200, 5, [b"hello"]):
        assert written[:2] == (b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\nhello", ["complete"])


def test_nothing_is_written_at_once_while_the_client_does_not_read_or_before_its_turn() -> None:
    sent: list[bytes] = []
    flow = SimpleNamespace(write_paused=True)
    connection: Any = SimpleNamespace(
        transport=SimpleNamespace(write=sent.append, close=lambda: None),
        flow=flow,
        logger=None,
        server_state=SimpleNamespace(default_headers=[]),
        on_response_complete=lambda: None,
        tasks=set(),
    )
    cycle = Cycle(connection, {"method": "POST", "http_version": "1.1"}, keeps_alive=True, waits=False)
    lines = Lines(b"content-length: 2\r\n", 2)
    assert not cycle.begin(200, lines)
    flow.write_paused = False
    assert not cycle.end(b"ok")
    assert cycle.begin(200, lines)
    assert not cycle.begin(200, lines)
    flow.write_paused = True
    assert not cycle.write(b"o")
    assert not cycle.end(b"ok")
    assert not sent
    flow.write_paused = False
    assert cycle.end(b"ok")
    assert not cycle.end(b"")
    assert sent[0].endswith(b"\r\n\r\nok")
