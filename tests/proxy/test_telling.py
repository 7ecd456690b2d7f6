"""What goes back to the client, to the byte: of heads that are laid out like one before the same as of any other."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import headers as heads
from proxy.http1.heads import Head, Lines
from proxy.http1.layouts import Layouts
from proxy.http_cycle import Cycle
from proxy.providers import PROVIDERS
from proxy.providers.base import Header
from proxy.telling import Told, client_headers, provider_request_id

KNOWN_FROM = 3  # reads: the second one shows that the layout comes again
KNOWING = Layouts()  # one for all examples
ID = "01a205d1ff739c81ab70ec0c454e2aff"
NEVER_BACK = (
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade set-cookie set-cookie2 strict-transport-security alt-svc clear-site-data nel report-to"
)


class Read:
    """An answer with that head."""

    def __init__(self, head: Head) -> None:
        self.status = head.status
        self.headers = head.headers

    async def read(self) -> bytes:
        return b""

    def abort(self) -> None: ...


def written(status: int, headers: Any, method: str, version: str, keeps_alive: bool) -> bytes:
    """What the client's connection gets, for the head alone."""
    sent: list[bytes] = []
    transport = SimpleNamespace(write=sent.append, close=lambda: None, is_closing=lambda: False)
    connection: Any = SimpleNamespace(
        transport=transport,
        flow=SimpleNamespace(write_paused=False),
        logger=logging.getLogger(__name__),
        server_state=SimpleNamespace(default_headers=[]),
        on_response_complete=lambda: None,
        tasks=set(),
    )
    scope = {"method": method, "http_version": version}
    cycle = Cycle(connection, scope, keeps_alive=keeps_alive, waits=False)
    message = {"type": "http.response.start", "status": status, "headers": headers}
    asyncio.run(cycle.send(message))
    return b"".join(sent)


def pairs_of(raw: bytes) -> list[tuple[bytes, ...]]:
    return [tuple(line.split(b": ", 1)) for line in raw.split(b"\r\n")[1:-2]]


def plainly_written(answer: Read, drops_usage: bool, method: str, version: str, keeps_alive: bool) -> bytes:
    """RFC 9110 and 9112, header by header."""
    values = [value for name, value in answer.headers if name == b"connection"]
    named = {option.strip().lower() for value in values for option in value.split(b",")}
    dropped = set(NEVER_BACK.split())
    dropped |= named - {b"content-type", b"content-encoding", b"content-length"}
    if drops_usage:
        dropped |= {b"content-length", b"content-encoding"}
    if answer.status == 204:
        dropped.add(b"content-length")
    back = [header for header in answer.headers if header[0] not in dropped and not header[0].startswith(b"x-aipc-")]
    lines = [name + b": " + value for name, value in [*back, (b"x-aipc-request-id", ID.encode())]]
    lines += [b"x-aipc-sandbox: true"] * list(answer.headers).count((b"x-aipc-sandbox", b"true"))
    has_body = method != "HEAD" and answer.status not in {204, 304}
    if not keeps_alive:
        lines.append(b"connection: close")
    if has_body and version == "1.1" and b"content-length" not in dict(back):
        lines.append(b"transfer-encoding: chunked")
    reasons = {200: b"OK", 204: b"No Content", 304: b"Not Modified", 401: b"Unauthorized", 503: b"Service Unavailable"}
    return b"\r\n".join([b"HTTP/1.1 %d %b" % (answer.status, reasons[answer.status]), *lines, b"", b""])


NAMES = st.sampled_from(
    b"Content-Type content-encoding X-A x-a %d %%b x-request-id x-hop X-Aipc-Error x-aipc-sandbox x-aipc-request-id te "
    b"Set-Cookie Alt-Svc Connection Keep-Alive retry-after".split()
)
VALUES = st.sampled_from(b"1|x-hop, Content-Type|true|gzip|application/json|caf\xe9 %d||a: b|x-a|req_1".split(b"|"))
FRAMINGS = st.sampled_from(
    [b"", b"Content-Length: 7\r\n", b"content-length: 0012 \r\n", b"Transfer-Encoding: chunked\r\n"]
)
FIELDS = st.lists(st.tuples(NAMES, st.just(b": "), VALUES, st.just(b"\r\n")).map(b"".join), max_size=5).map(b"".join)
RAW_HEADS = st.tuples(st.sampled_from([b"200", b"200", b"204", b"304", b"401", b"503"]), FIELDS, FRAMINGS).map(
    lambda parts: b"HTTP/1.1 %b X\r\n%b%b\r\n" % parts
)


@given(
    raws=st.lists(RAW_HEADS, min_size=1, max_size=4),
    drops_usage=st.booleans(),
    method=st.sampled_from(["POST", "HEAD"]),
    version=st.sampled_from(["1.1", "1.0"]),
)
def test_the_client_gets_the_same_whichever_answer_came_before(
    raws: list[bytes], drops_usage: bool, method: str, version: str
) -> None:
    keeps_alive = version == "1.1"
    for raw in raws * KNOWN_FROM:
        answer = Read(KNOWING.read(raw))
        told = Told(answer, answer.status)
        back, length = client_headers(told, method=method, call_id=ID, warnings=(), drops_usage=drops_usage)
        expected = plainly_written(answer, drops_usage, method, version, keeps_alive)
        assert written(answer.status, back, method, version, keeps_alive) == expected
        assert list(back) == pairs_of(expected)[: len(list(back))], "for a server that wants pairs"
        announced = dict(back).get(b"content-length")
        assert length == (None if announced is None or method == "HEAD" else int(announced))
        for provider in PROVIDERS.values():
            plain = heads.find_header(list(answer.headers), provider.request_id_header) or b""
            assert provider_request_id(answer, provider) == plain.decode("latin-1")


def test_a_provider_that_says_it_is_our_sandbox_is_passed_on_as_ever() -> None:
    for value in [b"false"] * KNOWN_FROM + [b"true"] * KNOWN_FROM:
        answer = Read(KNOWING.read(b"HTTP/1.1 200 X\r\nX-Aipc-Sandbox: %b\r\n\r\n" % value))
        back, _ = client_headers(Told(answer, 200), method="POST", call_id=ID, warnings=(), drops_usage=False)
        assert ((b"x-aipc-sandbox", b"true") in list(back)) == (value == b"true")


def test_the_providers_id_of_the_call_is_the_first_one() -> None:
    told = known(b"HTTP/1.1 200 X\r\nX-Request-ID: req_1\r\nx-a: 1\r\nx-request-id: req_2\r\n\r\n")
    assert provider_request_id(told.answer, PROVIDERS["openai"]) == "req_1"


def known(raw: bytes) -> Told:
    for _ in range(KNOWN_FROM):
        head = KNOWING.read(raw)
    return Told(Read(head), head.status)


@pytest.mark.parametrize(
    ("told_headers", "warnings", "added"),
    [
        ([], (), []),
        ([], ("one", "two"), [(b"x-aipc-warning", b"one; two")]),
        ([(b"x-should-retry", b"false")], (), [(b"x-should-retry", b"false")]),
    ],
)
def test_what_is_added_to_an_answer_is_added_to_one_of_a_known_layout(
    told_headers: list[Header], warnings: tuple[str, ...], added: list[Header]
) -> None:
    told = known(b"HTTP/1.1 401 X\r\nContent-Length: 7\r\nX-Should-Retry: true\r\nX-A: 1\r\n\r\n")
    told = Told(told.answer, 502 if told_headers else 401, told_headers)
    back, length = client_headers(told, method="POST", call_id=ID, warnings=warnings, drops_usage=False)
    kept = [] if told_headers else [(b"x-should-retry", b"true")]
    own = (b"x-aipc-request-id", ID.encode())
    assert list(back) == [(b"content-length", b"7"), *kept, (b"x-a", b"1"), own, *added]
    assert length == 7
    assert isinstance(back, Lines) == (not added), "the usual ones go the shorter way"
