"""The head of an answer: status, headers, and how its body is framed. Pure, and strict: RFC 9112 with every option of
being lenient left unused.
"""

import re
from collections.abc import Iterable, Iterator

from proxy.providers.base import Header

MAX_HEAD_BYTES = 64 * 1024

# RFC 9110 section 5.5 (field values: no control characters but the tab) and section 5.6.2 (token). A line that begins
# with white space (obs-fold, RFC 9112 section 5.2), white space before the colon (section 5.1), a bare CR or a bare LF
# (section 2.2) match none of it.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
VALUE = rb"[\t -~\x80-\xff]*+"
FIELDS = rb"(?:" + _TOKEN + rb":" + VALUE + rb"\r\n)*+"
_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VALUE_BYTES = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte == 0x09)
# RFC 9112 section 4. The reason may be absent, and then its space too: servers leave it out.
_HEAD = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: " + VALUE + rb")?+\r\n(" + FIELDS + rb")\r\n")
_BEGUN = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}(?: " + VALUE + rb")?+\r\n" + FIELDS)
_FIELD = re.compile(rb"([^:]++):[ \t]*+([^\r]*+)\r\n")
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive"})
_IDLE = re.compile(rb"(?:^|[,; \t])timeout=([0-9]{1,6})(?:$|[,; \t])", re.IGNORECASE)
_START = b"HTTP/1."


class BadFraming(Exception):
    """The answer's bytes are not HTTP/1.1 that every reader would understand in the same way."""


class Head:
    """What a head says. `length`: the body's bytes, None where only chunks or the connection's end tell."""

    __slots__ = ("headers", "idle_seconds", "is_chunked", "keeps_alive", "length", "status")

    def __init__(self, status: int, headers: Iterable[Header], *, keeps_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.length: int | None = None
        self.is_chunked = False
        self.keeps_alive = keeps_alive
        self.idle_seconds: int | None = None  # `Keep-Alive: timeout=`: how long the server keeps an idle connection

    @property
    def has_framing(self) -> bool:
        return self.is_chunked or self.length is not None


class Writable(list[Header]):
    """Headers that were found to be so, their names in lower case."""

    __slots__ = ()


class Lines:
    """Writable headers as they go out, a line each, and the Content-Length among them. They end no connection and name
    no transfer coding. Pairs for servers that want these.
    """

    __slots__ = ("length", "raw")

    def __init__(self, raw: bytes, length: int | None) -> None:
        self.raw = raw
        self.length = length

    def __iter__(self) -> Iterator[Header]:
        for line in self.raw.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            yield name, value


def can_be_written(headers: list[Header]) -> bool:
    """Whether each is a token and a value in one line (RFC 9110, sections 5.1 and 5.5)."""
    names = [name for name, _ in headers]
    if b"" in names or b"".join(names).translate(None, _TOKEN_BYTES):
        return False
    return not b"".join([value for _, value in headers]).translate(None, VALUE_BYTES)


def parse(raw: bytes, headers: list[Header] | None = None) -> Head:
    """The head that ends with its empty line. Raises `BadFraming`. `headers`: what a well-formed head holds, where that
    is known.
    """
    found = _HEAD.fullmatch(raw)
    if found is None:
        raise BadFraming("the head is malformed")
    minor, status, fields = found.groups()
    # White space after a value (RFC 9112 section 5.1) stays with it: who reads a value strips it, as of any sender.
    if headers is None:
        headers = [(name.lower(), value) for name, value in _FIELD.findall(fields)]
    head = Head(int(status), headers, keeps_alive=minor == b"1")
    for name, value in headers:
        if name in _FRAMING:
            _note(head, name, value.rstrip(b" \t"), is_old=minor == b"0")
    if head.is_chunked and head.length is not None:
        raise BadFraming("both Content-Length and Transfer-Encoding")  # RFC 9112 section 6.1: likely an attack.
    return head


def _note(head: Head, name: bytes, value: bytes, *, is_old: bool) -> None:
    """One of the headers that rule the connection."""
    if name == b"content-length":
        # RFC 9110 section 8.6. Repeated ones are refused even where they agree, since all headers are passed on.
        if head.length is not None or not value.isdigit() or len(value) > 18:
            raise BadFraming("Content-Length is no number, or comes twice")
        head.length = int(value)
    elif name == b"transfer-encoding":
        # RFC 9112 section 6.1: never in HTTP/1.0; and we send no TE, so nothing but "chunked" can come (section 7.4).
        if is_old or head.is_chunked or value.lower() != b"chunked":
            raise BadFraming("Transfer-Encoding is not just chunked")
        head.is_chunked = True
    elif name == b"connection":
        # RFC 9112 section 9.3. HTTP/1.0 connections are used once, whatever they offer.
        if b"close" in [option.strip() for option in value.lower().split(b",")]:
            head.keeps_alive = False
    elif (idle := _IDLE.search(value)) is not None:
        head.idle_seconds = int(idle[1])


def check_begun(raw: bytes) -> None:
    """A head that is not complete yet: raises `BadFraming` as soon as it cannot become one, instead of waiting on."""
    if len(raw) >= MAX_HEAD_BYTES:
        raise BadFraming("the head is too long")
    if raw[: len(_START)] != _START[: len(raw)]:
        raise BadFraming("not HTTP/1")
    lines = raw.rfind(b"\r\n") + 2 if b"\r\n" in raw else 0
    if lines and _BEGUN.fullmatch(raw, 0, lines) is None:
        raise BadFraming("the head is malformed")
    if raw.find(b"\n", lines) >= 0 or 0 <= raw.find(b"\r", lines) < len(raw) - 1:
        raise BadFraming("a bare CR or LF in the head")
