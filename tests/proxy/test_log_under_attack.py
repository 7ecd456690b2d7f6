"""What somebody without any right can make the log say: a few single lines, however often they try, and no secret."""

import contextlib
import re
import socket
import struct
from collections.abc import Iterator

import pytest

from orgs import keys
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, PREFIX, Caller, chat
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer

MOST = 100  # lines of a kind in a minute: `config.logs`
TIMES = 300  # of each attempt
SECRET = keys.generate()  # well formed, and nobody's
PROVIDER_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
HOST = "Host: 127.0.0.1:8000\r\nConnection: close\r\n"
CALL = (
    f"POST {PREFIX}{CHAT} HTTP/1.1\r\n{HOST}Authorization: Bearer {SECRET}\r\nX-Provider-Key: {PROVIDER_KEY}\r\n"
    "Content-Type: application/json\r\n"
)
FORM = f"POST /accounts/login/ HTTP/1.1\r\n{HOST}Content-Type: "
ATTEMPTS = {
    "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": f"{CALL}Content-Length: 4\r\nContent-Length: 5\r\n\r\n{{}}{{}}",
    "odd chunks": f"{CALL}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n",
    "another host": "GET /app/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "no such page": f"GET /%0a%0d{'x' * 9000} HTTP/1.1\r\n{HOST}\r\n",
    "a key in the address": f"GET /api/{SECRET}/?key={SECRET} HTTP/1.1\r\n{HOST}\r\n",
    "an unknown key": f"{CALL}Content-Length: 2\r\n\r\n{{}}",
    "a form without its token": f"{FORM}application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b",
    "a form that is none": f"{FORM}multipart/form-data; boundary=\r\nContent-Length: 3\r\n\r\na=b",
    "a websocket": f"GET /ws HTTP/1.1\r\n{HOST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "half a call": f"{CALL}Content-Length: 5000\r\n\r\n{{",
    "half a form": f"{FORM}application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\na",
}
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ")


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[ProxyServer]:
    """One whose log is of this module alone. Its end looks for tracebacks."""
    with serve() as server:
        yield server


def send(port: int, request: str, *, leaves: bool) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(request.encode("latin-1"))
        if leaves:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        with contextlib.suppress(ConnectionError):
            while line.recv(65536):
                pass


@pytest.mark.slow
def test_no_attempt_writes_more_than_its_share_of_single_lines_and_none_a_secret(
    server: ProxyServer, proxy: Caller, provider: FakeProvider
) -> None:
    for name, request in ATTEMPTS.items():
        before = len(server.output)
        for number in range(TIMES):
            send(server.port, request, leaves=name.startswith("half") or number % 4 == 3)
        assert proxy.post(CHAT, chat()).status == 200
        said = server.output[before:].splitlines()
        assert len(said) <= 2 * MOST, (name, len(said), said[-3:])  # a new minute may have begun
        assert all(LINE.match(line) and len(line) < 4200 for line in said), name
        assert not [line for line in said if SECRET in line or PROVIDER_KEY in line], name
        assert len(said) >= MOST or name != "no such page"
