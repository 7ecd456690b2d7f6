"""Requests as two servers see them: our protocol (llhttp, and rules of ours) and h11, written by other people.

Where ours hands a request to the application, h11 must see the same one, at the same place, or refuse it. What one of
them takes for a body and the other for a second request is how requests are smuggled.
"""

import asyncio
import re
from typing import Any

import h11
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from proxy.http_server import ClientProtocol
from tests.fuzz.nasty import cut_up, faulty, some_of

Seen = tuple[bytes, bytes, bytes]  # method, target, body

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: x\r\n"
WELL_FORMED = [
    HIDDEN,
    POST + b"Content-Length: 2\r\n\r\nab",
    POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\nX-Late: 1\r\n\r\n",
    POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
    POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    POST + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
    b"POST /p HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
    b"GET http://x/p HTTP/1.1\r\nHost: x\r\n\r\n",
]
BITS = [
    *(
        b"Content-Length: 2\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: y\r\n",
        b"\r\n",
        b"\n",
    ),
    *(
        b"\r",
        b" ",
        b"\t",
        b"chunked",
        b", ",
        b"identity",
        b"0\r\n\r\n",
        b"2\r\nab\r\n",
        b"ffffffffffffffff\r\n",
        b"-",
        b"+",
    ),
    *(
        b"\x0b",
        b"\x00",
        b"x",
        b";",
        b":",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"Connection: close\r\n",
        b"0",
        b"_",
        b'"',
        b"\xff",
    ),
    *(
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"#",
    ),
    HIDDEN,
]
messages = st.lists(st.sampled_from(WELL_FORMED), min_size=1, max_size=3).map(b"".join)


LOOP = asyncio.Runner()  # a loop of its own would take more time than the request


class Wire(asyncio.Transport):
    """The other end of a connection that is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def seen_by_us(pieces: list[bytes]) -> tuple[list[Seen], bytes]:
    seen: list[Seen] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        else:
            return
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        seen.append((scope["method"].encode(), target, body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = Config(application, ws="none", log_config=None, lifespan="off", access_log=False)
    protocol, wire = ClientProtocol(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    for piece in pieces:
        if not wire.is_closed:
            protocol.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(12):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    for _ in range(3):
        await asyncio.sleep(0)
    return seen, wire.written


def seen_by_h11(stream: bytes) -> list[Seen]:
    """Up to where it sees no further request, refuses, or closes the connection."""
    seen: list[Seen] = []
    is_kept = True
    while is_kept:
        # Empty lines before a request are to be passed over, and spaces within its first line may be many (RFC 9112,
        # sections 2.2 and 3), which h11 does not do.
        stream = re.sub(rb"^(\S+) +(\S+) +HTTP", rb"\1 \2 HTTP", stream.lstrip(b"\r\n"))
        connection = h11.Connection(h11.SERVER)
        try:
            connection.receive_data(stream)
            if not isinstance(request := connection.next_event(), h11.Request):
                break
            body = b""
            while isinstance(event := connection.next_event(), h11.Data):
                body += bytes(event.data)
            if not isinstance(event, h11.EndOfMessage):
                break
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
        except h11.ProtocolError:
            break
        seen.append((request.method, request.target, body))
        stream = connection.trailing_data[0]
        is_kept = connection.our_state is h11.DONE
    return seen


def path_of(target: bytes) -> bytes:
    """Without scheme and authority: ours hands the path alone to the application."""
    return b"/" + target.split(b"/", 3)[3] if target[:1] != b"/" and target.count(b"/") > 2 else target


@given(cut_up(faulty(messages, BITS) | some_of([*BITS, *WELL_FORMED], most=6)))
@example([POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + HIDDEN])
@example([POST + b"Content-Length: 2\r\nConnection: close\r\n\r\nab" + HIDDEN])
@example([b"POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN])
def test_no_request_is_seen_that_another_server_does_not_see(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    ours, written = LOOP.run(seen_by_us(pieces))
    theirs = [(method, path_of(target), body) for method, target, body in seen_by_h11(stream)]
    assert ours == theirs[: len(ours)], stream
    answered = re.findall(rb"HTTP/1\.1 (\d\d\d) ", written)
    assert answered.count(b"200") == len(ours), stream
    assert len([status for status in answered if status not in {b"100", b"200"}]) <= 1, stream
