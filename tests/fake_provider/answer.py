"""The values that pass between the fake provider's parts: a request as received, and the answer to it."""

import dataclasses
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qsl

# Identifiers of two runs differ, as those of a real provider would: a ledger may outlive this server.
_SALT = secrets.token_hex(8)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str  # path and query, as they came
    headers: list[tuple[str, str]]  # in order, names as they came
    body: bytes
    number: int  # counts this server's requests from 1
    head: bytes = b""  # request line and headers, byte for byte

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def query(self, name: str, default: str = "") -> str:
        """The value of a parameter of the query string."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True)).get(name, default)

    def header(self, name: str) -> str:
        """The first value of that name, or ""."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def token(self, prefix: str, length: int = 24) -> str:
        """An identifier in the providers' style, its own for every request."""
        digest = hashlib.sha256(f"{_SALT}{prefix}{self.number}{self.target}".encode()).hexdigest()
        return prefix + digest[:length]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """`pieces` are the body: one of them for JSON, one per event for a stream."""

    status: int
    headers: list[tuple[str, str]]
    pieces: list[bytes]
    is_stream: bool = False
    # As the provider bills it, also where the answer does not show it. None for what is not billed by this call: free
    # routes, and what the store's `used` tells later (background responses, batches).
    usage: dict[str, Any] | None = None
    model: str = ""
    id: str = ""
    tool_calls: dict[str, int] = dataclasses.field(default_factory=dict)  # billed by the piece: "web_searches", ...


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def indented(value: Any, spaces: int) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=spaces) + "\n").encode()


class Refused(Exception):
    """The request is wrong in a way that the provider answers with an error.

    `kind` is the provider's own name for it; OpenAI also names a `param` and a `code`.
    """

    def __init__(self, status: int, message: str, *, kind: str = "", param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.code = status, message, kind, param, code


def read_json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(value, dict):
        raise Refused(400, "The body must be a JSON object.")
    return value
