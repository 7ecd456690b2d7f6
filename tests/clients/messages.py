"""HTTP/1.1 messages read out of recorded bytes (RFC 9112, sections 2, 6 and 7)."""

import dataclasses
import json
from typing import Any

Headers = list[tuple[str, str]]  # names in lower case, values and order as they came


class BrokenOff(Exception):
    """The bytes end before the message does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    headers: Headers
    body: bytes  # without its framing, in its content coding
    framing: str  # "length", "chunked", "close", or "" without a body

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True, slots=True)
class Request(Message):
    method: str
    target: str
    version: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer(Message):
    status: int


def read_request(data: bytes | bytearray, at: int) -> tuple[Request, int]:
    first, headers, at = read_head(data, at)
    method, target, version = first.split(" ")
    body, framing, at = _read_body(data, at, headers, is_open_ended=False)
    return Request(headers, body, framing, method, target, version), at


def read_answer(data: bytes | bytearray, at: int, method: str) -> tuple[Answer, int]:
    """The final answer; those of class 1xx are passed over."""
    status = 100
    while status < 200:
        first, headers, at = read_head(data, at)
        status = int(first.split(" ")[1])
    if method == "HEAD" or status in {204, 304}:
        return Answer(headers, b"", "", status), at
    body, framing, at = _read_body(data, at, headers, is_open_ended=True)
    return Answer(headers, body, framing, status), at


def read_head(data: bytes | bytearray, at: int) -> tuple[str, Headers, int]:
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise BrokenOff
    first, *lines = data[at:end].decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
    return first, headers, end + 4


def _read_body(data: bytes | bytearray, at: int, headers: Headers, *, is_open_ended: bool) -> tuple[bytes, str, int]:
    named = dict(headers)
    if named.get("transfer-encoding", "").lower() == "chunked":
        body, at = _read_chunks(data, at)
        return body, "chunked", at
    if "content-length" in named:
        end = at + int(named["content-length"])
        if end > len(data):
            raise BrokenOff
        return bytes(data[at:end]), "length", end
    return (bytes(data[at:]), "close", len(data)) if is_open_ended else (b"", "", at)


def _read_chunks(data: bytes | bytearray, at: int) -> tuple[bytes, int]:
    body = []
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            raise BrokenOff
        size = int(data[at:line].partition(b";")[0], 16)
        at = line + 2
        if size == 0:
            break
        if at + size + 2 > len(data):
            raise BrokenOff
        body.append(bytes(data[at : at + size]))
        at += size + 2
    while (line := data.find(b"\r\n", at)) != at:  # trailers
        if line < 0:
            raise BrokenOff
        at = line + 2
    return b"".join(body), at + 2
