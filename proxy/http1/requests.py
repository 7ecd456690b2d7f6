"""The head of a request, as bytes. Pure. What the caller gives goes out as it is and in its order; what could end a
line, and so begin a header or a request of someone else's, is refused (RFC 9112 section 11.1, RFC 9110 section 5.5).
"""

import re
from typing import Any

from proxy.http1.heads import can_be_written
from proxy.providers.base import Header

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VISIBLE = bytes(range(0x21, 0x7F))
# Headers that the client has a word in. `Host` and `Transfer-Encoding` are its own business.
_RULING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"expect", b"host"})
# RFC 9110 section 9.2.1. Whoever sends these twice changes and pays nothing.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class BadRequest(Exception):
    """Nothing of it was sent."""


class RequestHead:
    """`length` None: the body comes in chunks."""

    __slots__ = ("closes", "expects", "is_safe", "length", "method", "raw")

    def __init__(self, method: str, raw: bytes, length: int | None) -> None:
        self.method = method
        self.raw = raw
        self.length = length
        self.is_safe = method in _SAFE
        self.closes = False
        self.expects = False


class Reusable(list[Header]):
    """Headers that go out with request after request, so that what is made of them is kept. Not to be changed."""

    __slots__ = ("made",)

    def __init__(self, headers: list[Header]) -> None:
        super().__init__(headers)
        self.made: dict[tuple[str, str], Any] = {}  # by method and address; the client's


def encode(
    method: str, target: bytes, host: bytes, headers: list[Header], *, has_body: bool, length: int | None
) -> RequestHead:
    """`length`: of a body that is there; None: the caller's Content-Length says, else chunks. Raises `BadRequest`."""
    if _TOKEN.fullmatch(method) is None:
        raise BadRequest("the method is no token")
    if not target.startswith(b"/") or target.translate(None, _VISIBLE):
        raise BadRequest("the target has bytes that need percent-encoding")
    fields = b"".join([b"%b: %b\r\n" % header for header in headers])
    if not can_be_written(headers):
        raise BadRequest("a header is no token and a value in one line")
    ruling = dict[bytes, bytes]()
    for name, value in headers:
        if (lowered := name.lower()) in _RULING:
            if lowered in ruling:
                raise BadRequest("a header that rules the connection comes twice")
            ruling[lowered] = value.lstrip(b" \t")
    own, length = _framing(ruling, has_body=has_body, length=length)
    head = RequestHead(
        method, b"%b %b HTTP/1.1\r\nhost: %b\r\n%b%b\r\n" % (method.encode(), target, host, fields, own), length
    )
    head.closes = b"close" in ruling.get(b"connection", b"").lower()
    head.expects = has_body and ruling.get(b"expect", b"").lower() == b"100-continue"
    return head


def _framing(ruling: dict[bytes, bytes], *, has_body: bool, length: int | None) -> tuple[bytes, int | None]:
    """The header that frames the body (RFC 9112 section 6), where the caller has not given it, and the length."""
    if b"transfer-encoding" in ruling or b"host" in ruling:
        raise BadRequest("Transfer-Encoding and Host are set here")
    given = ruling.get(b"content-length")
    if given is not None:
        if not has_body or not given.isdigit() or len(given) > 18 or length not in {None, int(given)}:
            raise BadRequest("Content-Length does not fit the body")
        return b"", int(given)
    if not has_body:
        return b"", 0
    if length is None:
        return b"transfer-encoding: chunked\r\n", None
    return b"content-length: %d\r\n" % length, length
