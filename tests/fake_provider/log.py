"""What the fake provider received and answered, kept as the reference for "every answered call is in the ledger"."""

import base64
import dataclasses
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from tests.fake_provider.answer import Answer, Request

Outcome = Literal["running", "completed", "cut", "client-gone"]
# Longer bodies stand in the lines by their SHA-256 alone.
MOST_BYTES_OF_A_LINE = 256 * 1024
_IN_MEMORY = {"request", "head_sent", "pieces_sent"}


@dataclasses.dataclass(slots=True)
class Exchange:
    """One request and how it went. `usage`, `model` and `id` are the answer's, shown to the client or not."""

    request: Request
    connection: int  # numbers this server's connections, to see which calls shared one
    received_at: float
    provider: str = ""
    outcome: Outcome = "running"
    status: int = 0
    usage: dict[str, Any] | None = None
    model: str = ""
    id: str = ""
    tool_calls: dict[str, int] = dataclasses.field(default_factory=dict)  # beside the usage, where it does not tell
    request_id: str = ""
    body_bytes_sent: int = 0
    head_sent: bytes = b""  # status line and headers of the answer, byte for byte
    pieces_sent: list[bytes] = dataclasses.field(default_factory=list)  # its body in its content coding, unframed

    # What a test asks for most often.
    @property
    def method(self) -> str:
        return self.request.method

    @property
    def target(self) -> str:
        return self.request.target

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.request.headers

    @property
    def body(self) -> bytes:
        return self.request.body

    @property
    def body_sent(self) -> bytes:
        return b"".join(self.pieces_sent)

    @property
    def headers_sent(self) -> list[tuple[str, str]]:
        lines = self.head_sent.decode("latin-1").split("\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]

    def header(self, name: str) -> str:
        return self.request.header(name)

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.request.headers if key.lower() == name]

    def json(self) -> Any:
        return json.loads(self.request.body)

    def note(self, answer: Answer) -> None:
        self.status, self.usage, self.model, self.id = answer.status, answer.usage, answer.model, answer.id
        self.tool_calls = answer.tool_calls
        named = dict(answer.headers)
        self.request_id = named.get("x-request-id") or named.get("request-id") or ""

    def as_line(self) -> bytes:
        """One JSON line; `body_base64` in place of `body` where the body is not UTF-8, neither where it is long."""
        body: dict[str, Any] = {"body_sha256": _sha256(self.body), "answer_sha256": _sha256(*self.pieces_sent)}
        if len(self.body) <= MOST_BYTES_OF_A_LINE:
            try:
                body["body"] = self.body.decode()
            except UnicodeDecodeError:
                body["body_base64"] = base64.b64encode(self.body).decode()
        names = [field.name for field in dataclasses.fields(self) if field.name not in _IN_MEMORY]
        value = {"number": self.request.number, "method": self.method, "target": self.target, "headers": self.headers}
        return json.dumps(value | body | {name: getattr(self, name) for name in names}).encode() + b"\n"


def _sha256(*pieces: bytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


class Log:
    """Thread-safe. With `file`, ended exchanges are also appended there, so that they survive this process."""

    def __init__(self, file: Path | None = None) -> None:
        self._exchanges: list[Exchange] = []
        self._changed = threading.Condition()
        self._file = file.open("ab", buffering=0) if file else None

    def open_exchange(self, request: Request, connection: int) -> Exchange:
        exchange = Exchange(request, connection, time.time())
        with self._changed:
            self._exchanges.append(exchange)
            self._changed.notify_all()
        return exchange

    def end_exchange(self, exchange: Exchange, outcome: Outcome) -> None:
        with self._changed:
            exchange.outcome = outcome
            if self._file:
                self._file.write(exchange.as_line())
            self._changed.notify_all()

    def snapshot(self) -> list[Exchange]:
        with self._changed:
            return list(self._exchanges)

    def clear(self) -> None:
        with self._changed:
            self._exchanges.clear()

    def wait_until(self, holds: Callable[[list[Exchange]], bool], seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self._exchanges), seconds):
                seen = [(exchange.target, exchange.status, exchange.outcome) for exchange in self._exchanges]
                raise TimeoutError(f"The fake provider waited {seconds} s in vain. It saw: {seen[-20:]}")

    def close(self) -> None:
        if self._file:
            self._file.close()
