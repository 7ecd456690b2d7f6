"""What the head of a request must be like to be looked at at all: one meaning for everybody who reads it. Pure.

A request whose end another server would see elsewhere can hide a second one (RFC 9112, section 11.2). The parser
(llhttp, strict) refuses lengths that contradict each other, a length beside chunks, line ends and names that are not
those of the RFC; here is what it lets pass.
"""

import http
import re
from typing import Final

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 256
MAX_TARGET_BYTES: Final = 16 * 1024

Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")  # RFC 3986, section 3.2.2, and a port


class BadRequest(Exception):
    """The connection ends with this answer: nobody knows where the next request would begin."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message or f"{http.HTTPStatus(status).phrase}.")
        self.status = status


def check(method: bytes, target: bytes, version: str, headers: Headers) -> None:
    """Raises `BadRequest`. Names are in lower case."""
    if version not in {"1.1", "1.0"}:
        raise BadRequest(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if len(headers) > MAX_HEADERS:
        raise BadRequest(431)
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names:
        _check_coding(version, headers)
    hosts = names.count(b"host")
    if hosts != 1 and (hosts or version == "1.1"):
        raise BadRequest(400, "A request names its host, once.")
    if hosts and not _HOST.fullmatch(headers[names.index(b"host")][1]):
        raise BadRequest(400, "The Host header names no host.")
    if method == b"CONNECT":
        raise BadRequest(405, "This is no tunnel.")
    if b"#" in target or (target[:1] == b"*" and method != b"OPTIONS"):
        raise BadRequest(400, "The request's target is no path.")


def check_size(headers: Headers) -> None:
    """Raises `BadRequest` 431. To be called where so much came that they may be too large."""
    if sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD_BYTES:
        raise BadRequest(431)


def _check_coding(version: str, headers: Headers) -> None:
    """RFC 9112, section 6.1: HTTP/1.0 knows no chunks, and a coding that is not undone must not be passed over."""
    codings = [value.strip(b" ").lower() for name, value in headers if name == b"transfer-encoding"]
    if version == "1.0":
        raise BadRequest(400, "HTTP/1.0 knows no Transfer-Encoding.")
    if codings != [b"chunked"]:
        raise BadRequest(400, "The only Transfer-Encoding known here is chunked.")
