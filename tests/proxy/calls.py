"""A client without opinions: sends exactly the bytes that a test gives it and keeps exactly what came back."""

import contextlib
import dataclasses
import http.client
import json
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.fake_provider import FakeProvider
from tests.processes import PATIENCE_SECONDS

PREFIX = "/api/proxy/v1/"
CHAT = "openai/chat/completions"
MESSAGES = "anthropic/messages"
PROVIDER_KEYS = {"openai": "sk-openai-of-the-test", "anthropic": "sk-ant-of-the-test"}
Headers = Iterable[tuple[str, str]]


def chat(**members: Any) -> bytes:
    """The body of a chat completion."""
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello!"}]} | members).encode()


def message(**members: Any) -> bytes:
    """The body of an Anthropic message."""
    hello = [{"role": "user", "content": "Hello!"}]
    return json.dumps({"model": "claude-haiku-4-5", "max_tokens": 64, "messages": hello} | members).encode()


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]  # as they came
    body: bytes

    def header(self, name: str) -> str:
        """The only value of that name, or "" without one."""
        values = self.all_headers(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else ""

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def call_id(self) -> str:
        return self.header("x-aipc-request-id")


class Connection:
    """One connection to a server of this machine."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))

    def send(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        host, port = self.socket.getpeername()
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{port}"]
        head = [*lines, *(f"{name}: {value}" for name, value in headers)]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def receive(self, method: str = "POST") -> http.client.HTTPResponse:
        """The answer once its headers are there."""
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return response

    def reply(self, method: str = "POST") -> Reply:
        """The whole answer. Raises `http.client.IncompleteRead` or an OSError where it breaks off."""
        response = self.receive(method)
        body = response.read()
        return Reply(response.status, response.getheaders(), body)

    def reset(self) -> None:
        """Vanish at once, with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class Caller:
    """Calls the proxy on `port` with a platform key. `path` is what follows `/api/proxy/v1/`, or a whole path."""

    def __init__(self, port: int, platform_key: str) -> None:
        self.port = port
        self.platform_key = platform_key

    def target(self, path: str) -> str:
        return path if path.startswith("/") else PREFIX + path

    def headers(self, path: str, given: Mapping[str, str | None], body: bytes | None) -> list[tuple[str, str]]:
        """Both keys, JSON, the body's length; `given` overrides by name, None takes away."""
        provider = "anthropic" if "anthropic" in path.split("/")[:5] else "openai"
        usual = {"authorization": f"Bearer {self.platform_key}", "x-provider-key": PROVIDER_KEYS[provider]}
        if body is not None:
            usual |= {"content-type": "application/json", "content-length": str(len(body))}
        merged = usual | {name.lower(): value for name, value in given.items()}
        return [(name, value) for name, value in merged.items() if value is not None]

    @contextlib.contextmanager
    def connect(self, *, receive_buffer: int = 0) -> Iterator[Connection]:
        connection = Connection(self.port, receive_buffer=receive_buffer)
        with contextlib.closing(connection):
            yield connection

    @contextlib.contextmanager
    def sent(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        *,
        more: Headers = (),
    ) -> Iterator[Connection]:
        """The connection after the request has gone out."""
        with self.connect() as connection:
            sent = [*self.headers(path, headers or {}, body), *more]
            connection.send(method, self.target(path), sent, body or b"")
            yield connection

    @contextlib.contextmanager
    def opened(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | None] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer when its headers have come, to be read piece by piece."""
        with self.sent(method, path, body, headers) as connection, connection.receive(method) as response:
            yield response

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        *,
        more: Headers = (),
    ) -> Reply:
        """`more` are header lines beside the others, under the same names if need be."""
        with self.sent(method, path, body, headers, more=more) as connection:
            return connection.reply(method)

    def post(self, path: str, body: bytes, headers: Mapping[str, str | None] | None = None) -> Reply:
        return self.call("POST", path, body, headers)


def read_until(response: http.client.HTTPResponse, mark: bytes) -> bytes:
    """What has come of the body as soon as it contains `mark`."""
    received = b""
    while mark not in received:
        part = response.read1(65536)
        assert part, f"the body ended before {mark!r}: {received[-200:]!r}"
        received += part
    return received


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The JSON of every event of a stream but `[DONE]`."""
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def sent_bytes(provider: FakeProvider) -> int:
    """How many bytes of body the provider has sent in its first answer, now that it is complete."""
    return provider.wait_for(1, outcome="completed")[0].body_bytes_sent
