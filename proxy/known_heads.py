"""Heads of requests that came before, by their bytes. The same client sends the same head with call after call, but for
the number in its Content-Length: what was read out of it, and found in order, holds again (docs/adr/0015).

Nothing here knows of proxied calls. What is kept is bounded, and what nobody uses is dropped within seconds; a
connection keeps its last one (`proxy.http_known`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from proxy.seen import Seen

Headers = list[tuple[bytes, bytes]]

# Under this name the application finds a `KnownHead` or a `Sighting` in its scope, if either is there.
HEAD = "aipc.head"
# And under this one the length of the body behind a known head, as a number. It is not among the headers there.
LENGTH = "aipc.length"
KEPT_SECONDS: Final = 10.0  # after its last use, and at most twice as long
MAX_KEPT: Final = 500  # in twice as many at most
MAX_KEPT_BYTES: Final = 2 * 1024 * 1024  # and so, as they are weighed
_MAX_HEAD_BYTES = 4 * 1024
_HEAD_WEIGHT, _HEADER_WEIGHT = 2000, 250  # bytes of what is kept beside the key
_MAX_SEEN = 4_000
_MAX_DIGITS = 9
_EMPTY_LINE = b"\r\n\r\n"
_LENGTHS = (b"ontent-length: ", b"ontent-Length: ")
_BEFORE = (b"\r\nc", b"\r\nC")


class Found:
    """The head that `data` begins with. `key` is all of it but the digits of its Content-Length."""

    __slots__ = ("end", "key", "length")

    def __init__(self, key: bytes, end: int, length: int) -> None:
        self.key = key
        self.end = end  # where the body begins
        self.length = length


def find(data: bytes) -> Found | None:
    """None where the head is not whole, is long, or does not have its length as clients usually write it."""
    end = data.find(_EMPTY_LINE, 0, _MAX_HEAD_BYTES)
    if end < 0:
        return None
    at = data.find(_LENGTHS[0], 0, end)
    if at < 0:
        at = data.find(_LENGTHS[1], 0, end)
    if at < 3 or data[at - 3 : at] not in _BEFORE:  # of another header, or within one
        return None
    at += len(_LENGTHS[0])
    stop = data.find(b"\r\n", at)
    digits = data[at:stop]
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        return None
    # No head that is accepted has the byte 0, so no other one has this key.
    return Found(b"%b\0%b" % (data[:at], data[stop:end]), end + 4, int(digits))


class KnownHead:
    """`note` is the application's: what follows from this head, whenever it comes."""

    __slots__ = ("_after", "_before", "_digits_at", "headers", "note", "path", "query", "raw_path")

    def __init__(self, key: bytes, scope: Mapping[str, Any], headers: Headers, length_at: int) -> None:
        """`key` as of `Found`."""
        self._before, _, after = key.partition(b"\0")
        self._after = after + _EMPTY_LINE
        self._digits_at = len(self._before)
        self.headers = (*headers[:length_at], *headers[length_at + 1 :])  # all but the Content-Length
        self.path: str = scope["path"]
        self.raw_path: bytes = scope["raw_path"]
        self.query: bytes = scope["query_string"]
        self.note: Any = None

    @property
    def weight(self) -> int:
        return _HEAD_WEIGHT + _HEADER_WEIGHT * len(self.headers) + len(self._before) + len(self._after)

    def begins(self, data: bytes) -> tuple[int, int]:
        """What `find` would find in data that begins with this head: where the body begins, and its length. (0, 0) for
        any other.
        """
        if data.startswith(self._before):
            at = self._digits_at
            stop = data.find(b"\r", at, at + _MAX_DIGITS + 1)
            if stop >= 0 and data.startswith(self._after, stop):
                digits = data[at:stop]
                if digits.isdigit():
                    return stop + len(self._after), int(digits)
        return 0, 0


class Sighting:
    """A head that is not known, and could be."""

    __slots__ = ("_heads", "_key", "_known")

    note = None

    def __init__(self, heads: "KnownHeads", key: bytes, known: KnownHead) -> None:
        self._heads = heads
        self._key = key
        self._known = known

    @property
    def is_repeated(self) -> bool:
        """Whether it was there before: what comes once, for instance with a trace of its own, is not worth keeping."""
        return self._heads.seen.again(self._key)

    def remember(self, note: object) -> None:
        """To be called only where the call is one that is let in."""
        self._known.note = note
        self._heads.keep(self._key, self._known)


class KnownHeads:
    """Of one process. Used by the event loop's thread alone."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._young: dict[bytes, KnownHead] = {}
        self._old: dict[bytes, KnownHead] = {}
        self._young_bytes = 0
        self.seen = Seen(_MAX_SEEN)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> KnownHead | None:
        known = self._young.get(key)
        if known is None and self._old and (known := self._old.pop(key, None)) is not None:
            self.keep(key, known)
        return known

    def keep(self, key: bytes, known: KnownHead) -> None:
        if len(self._young) >= MAX_KEPT or self._young_bytes >= MAX_KEPT_BYTES:
            self._age()
        self._young[key] = known
        self._young_bytes += len(key) + known.weight
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._kept_seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._age()
        if self._old:
            self._timer = asyncio.get_running_loop().call_later(self._kept_seconds, self._tick)

    def _age(self) -> None:
        self._old, self._young, self._young_bytes = self._young, {}, 0


def find_length(raw: bytes, target: bytes, headers: Headers, found: Found) -> int:
    """Which of the headers is the Content-Length of `found`. -1 unless the parser has read these bytes as `find` has:
    a line each, and one length.
    """
    head = raw[: found.end - 2]
    if head.count(b"\n") != len(headers) + 1 or head.count(b"\r\n") != len(headers) + 1 or b"\0" in head:
        return -1
    if not head.startswith(b"POST %b HTTP/1.1\r\n" % target):
        return -1
    lengths = [at for at, (name, _) in enumerate(headers) if name == b"content-length"]
    if len(lengths) != 1 or headers[lengths[0]][1] != b"%d" % found.length:
        return -1
    return lengths[0]
