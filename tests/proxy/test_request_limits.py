"""Requests that are too large, too many or too slow: a clear answer, the connection's end, and no memory for more."""

import contextlib
import itertools
import re
import time
from collections.abc import Iterator

import pytest

from tests.fake_provider import FakeProvider
from tests.pace import tried_again_when_late
from tests.proxy.calls import CHAT, Caller, Connection, chat
from tests.proxy.conftest import Serve
from tests.proxy.records import Records
from tests.servers import ProxyServer

FILES = "openai/files"
LENGTHY = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def impatient_server(serve: Serve) -> Iterator[ProxyServer]:
    settings = {"CLIENT_HEAD_TIMEOUT": "0.6", "CLIENT_BODY_TIMEOUT": "0.6", "BODY_MEMORY_BYTES": "40000000"}
    with serve(settings) as server:
        yield server


@pytest.fixture
def server(impatient_server: ProxyServer) -> ProxyServer:
    return impatient_server


def memory(server: ProxyServer, field: str = "VmRSS") -> int:
    """In bytes."""
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def head(proxy: Caller, path: str, **headers: str | None) -> bytes:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in proxy.headers(path, given, b"")]
    return "\r\n".join([f"POST {proxy.target(path)} HTTP/1.1", "Host: x", *lines, ""]).encode()


def end_of(connection: Connection, parts: Iterator[bytes]) -> bytes:
    """All that comes up to the end of the connection, while `parts` are sent one every twentieth of a second."""
    came = b""
    connection.socket.settimeout(0.05)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if part := next(parts, b""):
                connection.socket.sendall(part)
            if not (received := connection.socket.recv(65536)):
                return came
            came += received
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return came
    raise AssertionError(f"the connection is still open: {came!r}")


# --- Large heads ------------------------------------------------------------------------------------------------------


@tried_again_when_late
@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /livez", b"X: " + b"y" * 60_000 + b"\r\n", b"200"),
        ("GET /livez", b"X: " + b"y" * 66_000 + b"\r\n", b"431"),
        ("GET /livez", b"X" * 66_000 + b": y\r\n", b"431"),
        ("GET /livez", b"".join(b"X%d: %b\r\n" % (number, b"y" * 500) for number in range(140)), b"431"),
        ("GET /livez", b"X: y\r\n" * 254, b"200"),
        ("GET /livez", b"X: y\r\n" * 256, b"431"),
        ("GET /livez?" + "x" * 16_000, b"", b"200"),
        ("GET /livez?" + "x" * 17_000, b"", b"414"),
        ("GET /" + "x" * 100_000, b"", b"414"),
    ],
)
def test_a_head_has_limits(proxy: Caller, line: str, headers: bytes, status: bytes) -> None:
    request = f"{line} HTTP/1.1\r\nHost: x\r\n".encode() + headers + b"Connection: close\r\n\r\n"
    for size in (len(request), 20_000):
        with proxy.connect() as connection:
            came = end_of(connection, (request[at : at + size] for at in range(0, len(request), size)))
        assert came[9:12] == status, size


@tried_again_when_late
@pytest.mark.parametrize("part", [b"X: y\r\n", b"X" * 65_536, b"y" * 65_536])
def test_a_head_without_end_takes_no_memory(proxy: Caller, server: ProxyServer, part: bytes) -> None:
    start = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + (b"" if part.startswith(b"X") else b"X: ")
    before = memory(server)
    with proxy.connect() as connection:
        came = end_of(connection, itertools.chain([start], itertools.repeat(part * (65_536 // len(part)))))
    assert came[9:12] in {b"431", b""}  # the latter where the end came before we had sent all
    assert memory(server) - before < 20_000_000


@pytest.mark.parametrize("part", [b"1;" + b"a" * 65_536, b"0\r\n" + b"X: y\r\n" * 30_000, b"0\r\nX: " + b"y" * 100_000])
def test_extensions_and_trailers_have_limits(proxy: Caller, server: ProxyServer, part: bytes) -> None:
    before = memory(server)
    start = head(proxy, FILES, **{"content-length": None, "transfer-encoding": "chunked"}, authorization=None) + b"\r\n"
    with proxy.connect() as connection, contextlib.suppress(ConnectionError):
        connection.socket.sendall(start + part)
        for _ in range(300):
            connection.socket.sendall(part[-60_000:])
        pytest.fail("all was taken")
    assert memory(server) - before < 20_000_000


@pytest.mark.parametrize("offer", ["", "Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_of_thousands_of_requests_at_once_some_are_answered(proxy: Caller, server: ProxyServer, offer: str) -> None:
    one = f"GET /livez HTTP/1.1\r\nHost: x\r\n{offer}\r\n".encode()
    before = memory(server)
    with proxy.connect() as connection:
        came = end_of(connection, iter([one * 4_000]))
    assert set(re.findall(rb"HTTP/1\.1 (\d+)", came)) <= {b"200"}
    assert memory(server) - before < 20_000_000


# --- Slow requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_dripping", [False, True])
@pytest.mark.parametrize("begun", [b"G", b"GET /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_head_must_come_in_time(proxy: Caller, begun: bytes, is_dripping: bool) -> None:
    drips = itertools.repeat(b"x" if begun.endswith((b": ", b"G")) else b"X: y\r\n")
    with proxy.connect() as connection:
        came = end_of(connection, itertools.chain([begun], drips) if is_dripping else iter([begun]))
    assert came[9:12] == (b"400" if begun == b"G" and is_dripping else b"408")
    assert b"connection: close" in came


@pytest.mark.parametrize("is_dripping", [False, True])
def test_a_body_must_come_in_time(proxy: Caller, provider: FakeProvider, is_dripping: bool) -> None:
    drips = itertools.chain(
        [head(proxy, CHAT, content_length="50000") + b"\r\n{"], itertools.repeat(b" " * is_dripping)
    )
    with proxy.connect() as connection:
        assert end_of(connection, drips)[9:12] == b"408"
    assert provider.log == []


def test_an_upload_that_comes_to_a_halt_is_broken_off(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    start = head(proxy, FILES, **LENGTHY, content_length="500000") + b"\r\n" + b"x" * 1_000
    with proxy.connect() as connection:
        assert end_of(connection, iter([start]))[9:12] == b"408"
    assert records.only().error_code == "client_disconnected"
    assert [seen.outcome for seen in provider.log if seen.outcome == "completed"] == []


@tried_again_when_late
def test_a_body_that_keeps_coming_has_all_the_time(proxy: Caller, provider: FakeProvider) -> None:
    """Three times the limit, at a pace that is just enough."""
    body = chat(user="x" * 200_000)
    with proxy.connect() as connection:
        connection.socket.sendall(head(proxy, CHAT, content_length=str(len(body)), connection="close") + b"\r\n")
        came = end_of(connection, (body[at : at + 5_600] for at in range(0, len(body), 5_600)))
    assert came[9:12] == b"200"
    assert provider.log[-1].body == body


def test_what_is_left_of_a_refused_upload_must_come_in_time_too(proxy: Caller) -> None:
    start = head(proxy, FILES, **LENGTHY, content_length="50000000", authorization=None) + b"\r\n"
    with proxy.connect() as connection:
        came = end_of(connection, itertools.chain([start], itertools.repeat(b"x" * 60_000)))
    assert re.findall(rb"HTTP/1\.1 (\d+)", came) == [b"401"]


def test_a_client_that_waits_for_its_answer_is_not_slow(proxy: Caller, provider: FakeProvider) -> None:
    provider.script("head_delay_ms=1000")
    assert proxy.post(CHAT, chat()).status == 200


# --- Bodies that cost more than their bytes ---------------------------------------------------------------------------


def wide(count: int) -> bytes:
    return chat()[:-1] + b"," + b",".join(b'"%x":0' % number for number in range(count)) + b"}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (chat()[:-1] + b',"x":' + b"[" * 500_000 + b"]" * 500_000 + b"}", 400),
        (b"[" + b"[]," * 4_000_000 + b"1]", 400),
        (b'["\\ud800",' + b"{}," * 4_000_000 + b"1]", 400),
        (chat()[:-1] + b',"a":"\\ud800","b":[' + b"{}," * 4_000_000 + b"1]}", 200),
        (chat()[:-1] + b',"_aipromptcost":{"feature_tags":[' + b"1," * 6_000_000 + b"1]}}", 200),
        (chat()[:-1] + b',"seed":' + b"9" * 8_000_000 + b"}", 400),
        (wide(100_000), 200),
        (wide(400_000), 413),
    ],
    ids=["deep", "list", "list with a surrogate", "surrogate", "tags", "number", "wide", "too wide"],
)
def test_a_body_takes_little_more_memory_than_its_bytes(
    proxy: Caller, server: ProxyServer, provider: FakeProvider, body: bytes, status: int
) -> None:
    proxy.post(CHAT, chat(user="x" * 12_000_000))  # what a body of that size takes anyway
    before = memory(server, "VmHWM")
    assert proxy.post(CHAT, body).status == status
    assert memory(server, "VmHWM") - before < 80_000_000
