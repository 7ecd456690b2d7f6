"""Where a call goes: the provider and the route read from the request target, and the call's own id. No I/O."""

import os
import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from proxy.errors import Refusal
from proxy.providers import PROVIDERS
from proxy.providers.base import MAX_ID, Provider, Route, label
from proxy.providers.routes import id_in

PREFIX = b"/api/proxy/"
PROXY_VERSION = b"v1"

# CONNECT makes a tunnel, and TRACE sends the provider key back.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ALLOWED = ", ".join(METHODS).encode()

_UNSAFE = re.compile(rb"[\x00-\x20\x7f-\xff\\#]")  # a "#" would cut the rest off
_UNSAFE_DECODED = re.compile(r"[\x00-\x1f\x7f\\]|%[uU]")  # some servers decode "%u002e", too
_SEGMENT_END = re.compile(r"[;?#]")  # Tomcat cuts "..;x" at the semicolon; who reads "..?x" once more has a query
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_NO_ENCODING = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MAX_DECODINGS = 4
_REMEMBERED_PATH = 100
_DRAWN = 64  # calls at once


class Target(msgspec.Struct, frozen=True):
    """One call's destination. `route` is the provider's own path, as it came, without a leading slash or `v1/`."""

    provider: Provider
    method: str
    route: str
    query: str
    kind: Route
    object_id: str = ""  # what stands in the path where the route's name has its first {id}

    @property
    def is_metered(self) -> bool:
        return self.kind.metering == "metered"

    @property
    def path_and_query(self) -> str:
        return f"/{self.route}?{self.query}" if self.query else f"/{self.route}"


def new_call_id(started_at: int) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) as 32 hex digits: sortable by time, unique across processes. `started_at` is the
    call's start, in microseconds since the epoch: by the id, a record of that start is found.
    """
    return f"{started_at // 1000:012x}{_ends.pop() if _ends else _draw()}"


_ends: list[str] = []  # of the next calls' ids
# A process that is forked draws its own.
os.register_at_fork(after_in_child=_ends.clear)


def _draw() -> str:
    """Version and variant with 74 random bits from the operating system; those of the next calls along with them."""
    for of_version, of_variant in struct.iter_unpack(">HQ", os.urandom(10 * _DRAWN)):
        _ends.append(f"7{of_version & 0xFFF:03x}{of_variant >> 2 | 1 << 63:016x}")
    return _ends.pop()


def find_provider(raw_path: bytes) -> Provider | None:
    """The provider that the path names, if it names one; only to choose the shape of an error."""
    parts = raw_path.split(b"/", 5)
    return PROVIDERS.get(parts[4].decode("latin-1")) if len(parts) > 4 else None


def find_target(method: str, raw_path: bytes, query: bytes) -> Target:
    """Read `/api/proxy/v1/{provider}/{route}`. Raises `Refusal` (404 naming what is served, 400 for an unsafe path)."""
    is_usual = not query and len(raw_path) <= _REMEMBERED_PATH
    return _find_again(method, raw_path) if is_usual else _find_target(method, raw_path, query)


@lru_cache(maxsize=512)
def _find_again(method: str, raw_path: bytes) -> Target:
    """Nearly all calls go to the same few routes."""
    return _find_target(method, raw_path, b"")


def _find_target(method: str, raw_path: bytes, query: bytes) -> Target:
    version, _, rest = raw_path.removeprefix(PREFIX).partition(b"/")
    if method not in METHODS:
        raise Refusal(405, "method_not_allowed", "This method is not proxied.", headers=((b"allow", ALLOWED),))
    if version != PROXY_VERSION:
        raise Refusal(
            404, "unknown_proxy_version", "Unknown proxy version. Supported: /api/proxy/v1/{provider}/{route}."
        )
    name, _, route = rest.partition(b"/")
    provider = PROVIDERS.get(name.decode("latin-1"))
    if provider is None:
        raise Refusal(404, "unknown_provider", f"Unknown provider. Supported: {', '.join(PROVIDERS)}.")
    route = b"" if route == b"v1" else route.removeprefix(b"v1/")
    _check_path(route, query)
    if not route:
        raise Refusal(
            404,
            "route_missing",
            f"The path ends before the provider's route, as in /api/proxy/v1/{provider.name}/models.",
        )
    meant = _meaning(route)
    kind = provider.find_route(method, meant)
    object_id = label(id_in(kind.name, meant), MAX_ID)
    return Target(provider, method, route.decode("ascii"), query.decode("ascii"), kind, object_id)


def _meaning(route: bytes) -> str:
    """The route as a lenient server may take it (RFC 3986, section 6.2.2), so that no spelling of it goes unmetered."""
    return "/".join(segment for segment in unquote_to_bytes(route).decode("latin-1").split("/") if segment)


def _check_path(route: bytes, query: bytes) -> None:
    """Nothing in the path may make the provider's server, or a proxy before it, see another host or a parent folder."""
    is_safe = not (_UNSAFE.search(route) or _UNSAFE.search(query))
    if not is_safe or not (all(map(_is_plain, _readings(route))) if b"%" in route else _is_plain(route.decode())):
        raise Refusal(400, "unsafe_path", "The path after the provider's name must be a plain route of its API.")


def _readings(route: bytes) -> Iterator[str]:
    """What servers may make of it: as it came, decoded, and decoded again by the next. "\\" where nobody knows."""
    if _NO_ENCODING.search(route):
        yield "\\"
    for _ in range(_MAX_DECODINGS):
        try:
            yield route.decode()
        except UnicodeDecodeError:  # overlong forms, which some take for the short ones
            yield "\\"
        if b"%" not in route or (decoded := unquote_to_bytes(route)) == route:
            return
        route = decoded
    yield "\\"


def _is_plain(path: str) -> bool:
    if not path.isascii():
        path = unicodedata.normalize("NFKC", path)  # a full-width dot becomes a dot
    return not (
        path.startswith("/")
        or _UNSAFE_DECODED.search(path)
        or _ABSOLUTE.match(path)
        # Windows takes white space away.
        or ("." in path and any(_SEGMENT_END.split(one, 1)[0].strip() in {".", ".."} for one in path.split("/")))
    )
