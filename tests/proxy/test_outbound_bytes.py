"""What leaves towards the provider, byte for byte: the configured address and a plain path, whatever was asked for; and
what a hostile provider can do to a client: nothing.
"""

import random
import re
from collections.abc import Iterator

import pytest

from tests.fuzz.test_paths_and_headers import PATH_BITS
from tests.proxy.calls import CHAT, Caller, chat
from tests.proxy.conftest import Serve
from tests.proxy.raw_provider import RawProvider
from tests.proxy.records import Records
from tests.servers import ProxyServer


@pytest.fixture(scope="module")
def raw_provider() -> Iterator[RawProvider]:
    with RawProvider() as running:
        yield running


@pytest.fixture(scope="module", params=["aiohttp", "lean"])
def raw_server(request: pytest.FixtureRequest, serve: Serve, raw_provider: RawProvider) -> Iterator[ProxyServer]:
    with serve({"OPENAI_UPSTREAM_URL": raw_provider.url, "UPSTREAM_CLIENT": request.param}) as server:
        yield server


@pytest.fixture
def server(raw_server: ProxyServer) -> ProxyServer:
    return raw_server


@pytest.fixture
def upstream(raw_provider: RawProvider) -> RawProvider:
    raw_provider.reset()
    return raw_provider


def ask(proxy: Caller, line: bytes, host: bytes = b"x") -> bytes:
    """The status of the answer to a request with this first line."""
    keys = f"Authorization: Bearer {proxy.platform_key}\r\nX-Provider-Key: sk-1\r\n".encode()
    with proxy.connect() as connection:
        connection.socket.sendall(line + b"\r\nHost: " + host + b"\r\n" + keys + b"Connection: close\r\n\r\n")
        came = b""
        while part := connection.socket.recv(65536):
            came += part
    return came[9:12]


OPENAI = b"/api/proxy/v1/openai/"


TARGETS = [
    (b"GET http://evil.example" + OPENAI + b"models HTTP/1.1", b"200"),
    (b"GET https://user:secret@evil.example:1" + OPENAI + b"models HTTP/1.1", b"200"),
    (b"GET http://[::1]:9" + OPENAI + b"models HTTP/1.1", b"200"),
    (b"GET http://evil.example HTTP/1.1", b"400"),
    (b"GET evil.example:80 HTTP/1.1", b"400"),
    (b"GET //evil.example" + OPENAI + b"models HTTP/1.1", b"400"),
    (b"GET /\\evil.example" + OPENAI + b"models HTTP/1.1", b"400"),
    (b"GET * HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"models#@evil.example HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"models?a=1#b HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"http://evil.example/ HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"/evil.example/ HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"..%2f..%2fadmin HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"a/%252e%252e/admin HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"a/..;/admin HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"caf\xc3\xa9 HTTP/1.1", b"400"),
    (b"GET " + OPENAI + b"models%0d%0aHost:%20evil HTTP/1.1", b"400"),
    (b"TRACE " + OPENAI + b"models HTTP/1.1", b"405"),
    (b"PURGE " + OPENAI + b"models HTTP/1.1", b"405"),
]


def test_no_form_of_a_target_leads_elsewhere(proxy: Caller, upstream: RawProvider) -> None:
    port = upstream.url.split(":")[2].partition("/")[0].encode()
    for line, status in TARGETS:
        upstream.reset()
        assert ask(proxy, line, b"evil.example") == status, line
        assert upstream.first_lines == ([b"GET /base/v1/models HTTP/1.1"] if status == b"200" else []), line
        for request in upstream.requests:
            assert re.findall(rb"\r\nhost: ([^\r]*)", request.lower()) == [b"127.0.0.1:" + port]
            assert b"evil" not in request


def test_whatever_is_asked_for_a_plain_path_below_the_address_is_called(proxy: Caller, upstream: RawProvider) -> None:
    """A few hundred at random; tests/fuzz tries many more without the wire."""
    choice = random.Random(7)
    wanted = re.compile(rb"GET /base/v1/[!-~]* HTTP/1\.1\r\n(?:[A-Za-z-]+: [ -~]*\r\n)+\r\n")
    sent = 0
    for _ in range(300):
        route = b"".join(
            choice.choices([bit for bit in PATH_BITS if bit not in {b"\r\n", b" "}], k=choice.randint(1, 5))
        )
        query = b"?" + choice.choice(PATH_BITS[:20]) if choice.random() < 0.3 else b""
        sent += ask(proxy, b"GET " + OPENAI + route + query + b" HTTP/1.1") == b"200"
    assert 20 < sent == len(upstream.requests)
    for request in upstream.requests:
        assert wanted.fullmatch(request), request
        path = request.split(b" ")[1].partition(b"?")[0]
        assert not {b"..", b"."} & set(path.split(b"/")), path


def test_twice_a_header_with_two_values_is_refused(proxy: Caller, upstream: RawProvider) -> None:
    other = {"authorization": "Bearer apc_other", "x-provider-key": "sk-2", "content-type": "text/plain"}
    other |= {"x-sandbox": "true", "x-aipc-prompt-key": "b", "x-aipc-tags": "b", "x-aipc-version": "2"}
    given = {"x-sandbox": "false", "x-aipc-prompt-key": "a", "x-aipc-tags": "a", "x-aipc-version": "1"}
    for name, value in other.items():
        reply = proxy.call("POST", CHAT, chat(), given, more=[(name, value)])
        assert (reply.status, reply.header("x-aipc-error")) == (400, "ambiguous_header"), name
    assert upstream.requests == []
    assert proxy.call("POST", CHAT, chat(), given, more=[("x-aipc-tags", "a")]).status == 200


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"


NO_ANSWERS = [
    b"HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 20 X\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 20\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    OK + b"x y: z\r\n\r\n{}",
    OK + b"x\x00: z\r\n\r\n{}",
    OK + b"x: a\x00b\r\n\r\n{}",
    OK + b"x: a\rb\r\n\r\n{}",
    OK + b"x: " + b"y" * 100_000 + b"\r\n\r\n{}",
    OK + b"".join(b"x%d: y\r\n" % number for number in range(20_000)) + b"\r\n{}",
    b"{}",
]


def test_an_answer_that_is_none_is_told_as_a_broken_one(proxy: Caller, upstream: RawProvider, records: Records) -> None:
    for answer in NO_ANSWERS:
        upstream.answer = answer
        reply = proxy.call("GET", "openai/models")
        assert (reply.status, reply.header("x-aipc-error")) == (502, "upstream_broken"), answer
        assert records.of(reply.call_id).error_code == "upstream_broken"


def test_a_header_that_cannot_be_passed_on_splits_no_answer(proxy: Caller, upstream: RawProvider) -> None:
    """It is left out, or the answer with it is refused; never is a line of it taken for one of ours."""
    for bad in (
        b"x-bad: a\x01b",
        b"x-bad: \x1b[31m",
        b"x-bad: a\x7f",
        b"x-bad: a\n set-cookie: b",
        b"x-bad: a\r\n b: c",
    ):
        upstream.answer = OK + bad + b"\r\nx-good: 1\r\n\r\n{}"
        with proxy.sent("GET", "openai/models", None, {"connection": "close"}) as connection:
            came = b""
            while part := connection.socket.recv(65536):
                came += part
        head, _, body = came.partition(b"\r\n\r\n")
        assert re.fullmatch(rb"HTTP/1\.1 (200|502) [A-Za-z ]+(\r\n[a-z-]+: [ -~]*)+", head), head
        assert b"\r\nset-cookie" not in head
        assert body == b"{}" or b"upstream_broken" in head


def test_what_a_provider_sends_behind_its_answer_reaches_nobody(proxy: Caller, upstream: RawProvider) -> None:
    for more in (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nevil!", b"garbage", b"\r\n\r\n"):
        upstream.answer = OK + b"\r\n{}" + more
        for _ in range(3):
            reply = proxy.call("GET", "openai/models")
            assert (reply.status, reply.body) in {(200, b"{}"), (502, reply.body)}
            assert b"evil" not in reply.body
