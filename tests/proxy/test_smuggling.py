"""Requests that two servers could cut apart in two ways: one meaning, the provider's too, or a 400 and the end of the
connection. Nothing hidden in one request ever reaches the provider as a second one.
"""

import itertools
import re
from collections.abc import Iterator

import pytest

from tests.proxy.calls import CHAT, Caller, Connection, chat
from tests.proxy.conftest import Serve
from tests.proxy.raw_provider import RawProvider
from tests.proxy.records import Records
from tests.servers import ProxyServer

CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
FILES, HIDDEN = "openai/files", "openai/hidden"


@pytest.fixture(scope="module")
def raw_provider() -> Iterator[RawProvider]:
    with RawProvider() as running:
        yield running


@pytest.fixture(scope="module")
def raw_server(serve: Serve, raw_provider: RawProvider) -> Iterator[ProxyServer]:
    with serve({"OPENAI_UPSTREAM_URL": raw_provider.url}) as server:
        yield server


@pytest.fixture
def server(raw_server: ProxyServer) -> ProxyServer:
    return raw_server


@pytest.fixture
def upstream(raw_provider: RawProvider) -> RawProvider:
    raw_provider.reset()
    return raw_provider


def head(proxy: Caller, path: str = FILES, *, line: str = "POST {} HTTP/1.1", host: str = "Host: x\r\n") -> bytes:
    """Up to where the headers under test begin."""
    keys = f"Authorization: Bearer {proxy.platform_key}\r\nX-Provider-Key: sk-1\r\n"
    kind = "application/json" if path == CHAT else "application/octet-stream"
    return f"{line.format(proxy.target(path))}\r\n{host}{keys}Content-Type: {kind}\r\n".encode()


def hidden(proxy: Caller) -> bytes:
    return head(proxy, HIDDEN, line="GET {} HTTP/1.1") + b"\r\n"


def answers(connection: Connection) -> bytes:
    """All that comes up to the end of the connection."""
    came = b""
    try:
        while part := connection.socket.recv(65536):
            came += part
    except ConnectionResetError:
        pass  # The server had not read all that we sent.
    return came


def assert_refused(proxy: Caller, upstream: RawProvider, request: bytes, *statuses: int, mark: bytes = b"") -> None:
    """`mark` stands in the request's first line, where others that were broken off may still be on their way."""
    with proxy.connect() as connection:
        connection.socket.sendall(request + hidden(proxy))
        came = answers(connection)
    found = re.findall(rb"HTTP/1\.[01] (\d+) ", came)
    assert len(found) == 1, came
    assert int(found[0]) in (statuses or (400,)), came
    assert b"connection: close" in came
    # A streamed body may have begun to leave; its call is broken off, and nothing follows it.
    assert len([line for line in upstream.first_lines if mark in line]) <= 1
    assert all(b"hidden" not in line for line in upstream.first_lines)


LENGTHS = [
    b"2, 2",
    b"+2",
    b"-2",
    b"0x2",
    b"",
    b"1 2",
    b"99999999999999999999",
    b"2.0",
    b"\x0b2",
    b"\xd9\xa2",
    b'"2"',
    b"2;",
]
CODINGS = [
    *(b"xchunked", b"chunkedx", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked, chunked"),
    *(
        b"identity",
        b"",
        b", chunked",
        b"chunked,",
        b"\x0bchunked",
        b"chunked;q=1",
        b'"chunked"',
        b"chunked\x00",
        b"gzip",
    ),
    *(b"chunked\t", b"chu\rnked", b"chunked\xa0", b"deflate", b"compress, chunked", b"trailers, chunked"),
]


# Framing that can be read in two ways.
AMBIGUOUS = [
    b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}   ",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    b"Content-Length : 2\r\n\r\n{}",
    b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"X: a\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"X: a\r\n\tb\r\nContent-Length: 2\r\n\r\n{}",
    b"X\r\nContent-Length: 2\r\n\r\n{}",
    b": x\r\nContent-Length: 2\r\n\r\n{}",
    b"X\x01Y: a\r\nContent-Length: 2\r\n\r\n{}",
    b"X\xe9: a\r\nContent-Length: 2\r\n\r\n{}",
    b"X(Y): a\r\nContent-Length: 2\r\n\r\n{}",
    b"X: a\x00\r\nContent-Length: 2\r\n\r\n{}",
    b"X: a\x07\r\nContent-Length: 2\r\n\r\n{}",
    b"X: a\x7f\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Length: 2\n\n{}",
    b"Content-Length: 2\r\n\n{}",
    b"Host: evil.example\r\nContent-Length: 2\r\n\r\n{}",
]
ODD_CHUNKS = [
    *(
        b"10000000000000002\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
    ),
    *(
        b"2 \r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"2 ;a\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"g\r\n",
    ),
    *(b"2\r\n{}0\r\n\r\n", b"2\n{}\n0\n\n", b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}\r\n0\n\r\n"),
    *(
        b"2\r\n{} \r\n0\r\n\r\n",
        b"3\r\n{}\r\n0\r\n\r\n",
        b"2\r{}\r0\r\r",
        b"2\r\n{}\r\n0\r\n\n",
        b"2;a\n{}\r\n0\r\n\r\n",
    ),
    *(b"2;a\rb\r\n{}\r\n0\r\n\r\n", b'2;a="\r\n"\r\n{}\r\n0\r\n\r\n', b"2;\x00\r\n{}\r\n0\r\n\r\n"),
    b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
    b"2\r\n{}\r\n0\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n",
]
FIRST_LINES = [
    ("POST {} HTTP/1.0", "Transfer-Encoding: chunked\r\nX: ", 400),
    ("POST {} HTTP/1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nX: ", 400),
    ("POST {} HTTP/0.9", "Host: x\r\n", 505),
    ("POST {} HTTP/2.0", "Host: x\r\n", 505),
    ("POST {} HTTP/1.2", "Host: x\r\n", 400),
    ("POST {} HTTP/1.1 ", "Host: x\r\n", 400),
    ("POST {} http/1.1", "Host: x\r\n", 400),
    ("POST {}", "Host: x\r\n", 505),
    ("post {} HTTP/1.1", "Host: x\r\n", 400),
    ("POST\t{} HTTP/1.1", "Host: x\r\n", 400),
    (" POST {} HTTP/1.1", "Host: x\r\n", 400),
    ("POST {} HTTP/1.1", "", 400),
    ("POST {} HTTP/1.1", "Host: a b\r\n", 400),
    ("POST {} HTTP/1.1", "Host: user@evil.example\r\n", 400),
    ("POST {} HTTP/1.1", "Host: x/evil\r\n", 400),
    ("POST {} HTTP/1.1", "Host: x\r\nhost: y\r\n", 400),
    ("PRI * HTTP/2.0", "", 400),
    ("CONNECT evil.example:443 HTTP/1.1", "Host: evil.example:443\r\n", 405),
    ("CONNECT {} HTTP/1.1", "Host: x\r\n", 405),
]


def test_a_length_that_is_no_number_is_refused(proxy: Caller, upstream: RawProvider) -> None:
    for length, path in itertools.product(LENGTHS, (CHAT, FILES)):
        assert_refused(proxy, upstream, head(proxy, path) + b"Content-Length: " + length + b"\r\n\r\n{}")


def test_a_coding_other_than_chunked_is_refused(proxy: Caller, upstream: RawProvider) -> None:
    for coding, path in itertools.product(CODINGS, (CHAT, FILES)):
        assert_refused(proxy, upstream, head(proxy, path) + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + CHUNKS)
    assert upstream.requests == []


@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_framing_that_can_be_read_in_two_ways_is_refused(proxy: Caller, upstream: RawProvider, offer: bytes) -> None:
    for framing in AMBIGUOUS:
        assert_refused(proxy, upstream, head(proxy, CHAT) + offer + framing)
    assert upstream.requests == []


@pytest.mark.parametrize("path", [CHAT, FILES])
def test_odd_chunks_end_the_connection(proxy: Caller, upstream: RawProvider, path: str) -> None:
    for number, chunks in enumerate(ODD_CHUNKS):
        upstream.reset()
        begin = head(proxy, path, line=f"POST {{}}?case={number}. HTTP/1.1") + b"Transfer-Encoding: chunked\r\n\r\n"
        assert_refused(proxy, upstream, begin + chunks, 400, 502, mark=b"case=%d." % number)


def test_another_version_or_no_host_is_refused(proxy: Caller, upstream: RawProvider) -> None:
    for line, host, status in FIRST_LINES:
        request = head(proxy, CHAT, line=line, host=host) + b"\r\n"
        assert_refused(proxy, upstream, request, status, mark=b"chat/completions")
    # Those of the test before, which were broken off, may still be on their way.
    assert all(b"?case=" in line for line in upstream.first_lines)


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("path", [CHAT, FILES])
@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_a_request_inside_of_a_body_stays_a_body(
    proxy: Caller, upstream: RawProvider, is_chunked: bool, path: str, offer: bytes
) -> None:
    body = chat(user=hidden(proxy).decode()) if path == CHAT else hidden(proxy) * 2
    if is_chunked:
        framed = b"Transfer-Encoding: chunked\r\n\r\n%x;%b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(body), b"a=b", body)
    else:
        framed = b"Content-Length: %d\r\n\r\n" % len(body) + body
    with proxy.connect() as connection:
        connection.socket.sendall(head(proxy, path) + offer + framed)
        assert connection.reply().status == 200
    (request,) = upstream.requests
    assert request.startswith(f"POST /base/v1/{path.partition('/')[2]} HTTP/1.1\r\n".encode())
    assert body in request.replace(b"\r\n" + b"%x\r\n" % len(body), b"\r\n\r\n")


def test_a_length_leaves_as_it_was_understood(proxy: Caller, upstream: RawProvider) -> None:
    for length in (b"000002", b"2 ", b"\t2"):
        with proxy.connect() as connection:
            connection.socket.sendall(head(proxy) + b"Content-Length: " + length + b"\r\n\r\n{}")
            assert connection.reply().status == 200
        request = upstream.requests.pop()
        assert b"\r\ncontent-length: 2\r\n" in request.lower()
        assert request.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("name", ["Transfer_Encoding", "Content_Length", "X_Provider_Key", "X_Forwarded_For"])
def test_a_name_that_some_servers_take_for_another_does_not_leave(
    proxy: Caller, upstream: RawProvider, name: str
) -> None:
    assert proxy.call("GET", "openai/models", None, {name: "chunked", "X_Kept": "1"}).status == 200
    (request,) = upstream.requests
    assert name.lower().encode() not in request.lower()
    assert b"x_kept: 1" in request.lower()


def test_those_before_a_bad_request_get_their_answers(proxy: Caller, upstream: RawProvider, records: Records) -> None:
    good = head(proxy, "openai/models", line="GET {} HTTP/1.1") + b"\r\n"
    for bad in (b"nonsense\r\n\r\n", head(proxy, CHAT) + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /\xff"):
        with proxy.connect() as connection:
            connection.socket.sendall(good * 3 + bad + hidden(proxy))
            came = answers(connection)
        assert re.findall(rb"HTTP/1\.1 (\d+) ", came) == [b"200"] * 3, came
    assert upstream.first_lines == [b"GET /base/v1/models HTTP/1.1"] * 9
    assert len(records.all()) == 9


def test_what_follows_a_request_that_closes_is_not_read(proxy: Caller, upstream: RawProvider) -> None:
    for line, option in (
        ("GET {} HTTP/1.1", b"Connection: close\r\n"),
        ("GET {} HTTP/1.0", b"Connection: keep-alive\r\n"),
    ):
        with proxy.connect() as connection:
            connection.socket.sendall(head(proxy, "openai/models", line=line) + option + b"\r\n" + hidden(proxy))
            came = answers(connection)
        assert re.findall(rb"HTTP/1\.1 (\d+) ", came) == [b"200"], came
    assert upstream.first_lines == [b"GET /base/v1/models HTTP/1.1"] * 2
