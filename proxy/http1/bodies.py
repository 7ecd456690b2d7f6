"""The framings of an answer's body (RFC 9112 section 6.3), each a decoder: bytes off the wire in, the body's out. Pure.

A decoder tells `is_complete`; `has_surplus` when bytes came after the end (of an answer that nobody asked for, so the
connection is not used again); and `fault`, in words, when the framing is broken. What was decoded before is returned.
"""

from types import SimpleNamespace
from typing import Protocol

import httptools

# RFC 9112 section 7.1.1: a recipient limits chunk extensions. Allowed are so many bytes of framing between two
# bytes of body, and a little for each chunk.
_MAX_FRAMING_BYTES = 16 * 1024
_FRAMING_BYTES_PER_CHUNK = 64
# httptools decodes the chunks after a head of ours. "close" makes it refuse a second answer.
_CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"


class Body(Protocol):
    is_complete: bool
    has_surplus: bool
    fault: str

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> None:
        """The server sent the end of the connection."""


class FixedBody:
    """So many bytes: Content-Length; 0 for what never has a body (HEAD, 204, 304)."""

    __slots__ = ("_left", "fault", "has_surplus", "is_complete")

    def __init__(self, length: int) -> None:
        self._left = length
        self.is_complete = length == 0
        self.has_surplus = False
        self.fault = ""

    def feed(self, data: bytes) -> bytes:
        left = self._left
        self._left = left - len(data)
        if self._left > 0:
            return data
        self.is_complete = True
        if self._left == 0:
            return data
        self.has_surplus = True
        return data[:left]

    def end(self) -> None:
        if not self.is_complete:
            self.fault = "the connection ended before the body"


class BodyUntilClose:
    """Everything until the connection's end (RFC 9112 section 6.3, rule 8)."""

    __slots__ = ("fault", "has_surplus", "is_complete")

    def __init__(self) -> None:
        self.is_complete = self.has_surplus = False
        self.fault = ""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        self.is_complete = True


class ChunkedBody:
    """Transfer-Encoding: chunked (RFC 9112 section 7.1). Extensions and trailers are dropped."""

    __slots__ = ("_open", "_parser", "_parts", "_unproductive", "fault", "has_surplus", "is_complete")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._open: list[None] = [None]
        # Methods of lists as callbacks: a chunk costs no Python frame, and nothing refers back to the parser.
        self._parser = httptools.HttpResponseParser(
            SimpleNamespace(on_body=self._parts.append, on_message_complete=self._open.clear)
        )
        self._parser.feed_data(_CHUNKED_HEAD)
        self._unproductive = 0
        self.is_complete = self.has_surplus = False
        self.fault = ""

    def feed(self, data: bytes) -> bytes:
        parts = self._parts
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.has_surplus = True
            if self._open:
                self.fault = f"chunked framing: {error}"
        self.is_complete = not self._open
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        framing = len(data) - len(body)
        self._unproductive = framing if parts else self._unproductive + framing
        if self._unproductive > _MAX_FRAMING_BYTES + len(parts) * _FRAMING_BYTES_PER_CHUNK:
            self.is_complete = False
            self.fault = "chunk extensions or trailers are too long"
        parts.clear()
        return body

    def end(self) -> None:
        if not self.is_complete:
            self.fault = "the connection ended before the last chunk"
