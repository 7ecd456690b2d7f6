"""Heads of answers that are laid out like one before: the same status line, the same names in the same order, the same
values of those few headers that rule how an answer is read. What `heads.parse` has found out about that one holds for
them, so only their other values are looked at: each must still be a value in one line. Pure.

Kept are status lines, names, and the values of what is in `_RULING`: of no other header, so nothing that tells whose
answer it was. It is bounded, whatever providers send: beyond `MAX_LAYOUTS` all are forgotten. (So many usual ones
take 0.9 MB, of the largest 2.2.)
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from proxy.http1.heads import VALUE_BYTES, Head, parse
from proxy.providers.base import Header
from proxy.seen import Seen

MAX_LAYOUTS: Final = 128
MAX_HEADERS: Final = 64
MAX_KEPT_BYTES: Final = 2 * 1024  # of one layout: status line and names
_MAX_RULING_BYTES = 256
_MAX_RULINGS = 8  # for the same names
_MAX_SEEN = 1_000
_MAX_HEAD_BYTES = 8 * 1024  # Longer ones come with values that no two have in common.
# Into what stands before colons, by turns with what stands behind them up to a CR. In a whole head there always is one,
# so that nothing is looked at twice.
_CUT = re.compile(rb":[ \t]*+([^\r]*+)\r")
_TYPE, _ENCODING = b"content-type", b"content-encoding"
_RULING = frozenset({b"connection", b"keep-alive", b"transfer-encoding", _TYPE, _ENCODING})
_LENGTH = b"content-length"
_MAX_DIGITS = 18


class Layout:
    """What all heads have in common that are laid out like this one. `at` is where the first of each name stands."""

    __slots__ = ("_length_at", "_like", "at", "media", "names", "notes")

    def __init__(self, head: Head) -> None:
        self._like = like = Head(head.status, [], keeps_alive=head.keeps_alive)
        like.is_chunked, like.idle_seconds = head.is_chunked, head.idle_seconds
        self.names = tuple([name for name, _ in head.headers])
        self.at = {name: at for at, name in reversed(list(enumerate(self.names)))}
        self._length_at = self.at.get(_LENGTH, -1)
        self.media = media_of(head.headers)
        self.notes: dict[Any, Any] = {}  # the application's: what it has found out itself

    def head_with(self, values: list[bytes]) -> Head | None:
        """None where its Content-Length must be looked at more closely."""
        length = None
        if self._length_at >= 0:
            digits = values[self._length_at]
            if not digits.isdigit() or len(digits) > _MAX_DIGITS:
                return None
            length = int(digits)
        like = self._like
        headers = Fields(zip(self.names, values, strict=True))
        headers.layout, headers.values, headers.length = self, values, length
        head = Head(like.status, headers, keeps_alive=like.keeps_alive)
        head.length, head.is_chunked, head.idle_seconds = length, like.is_chunked, like.idle_seconds
        return head


class Fields(list[Header]):
    """The headers of a head whose layout is known."""

    __slots__ = ("layout", "length", "values")
    layout: Layout
    values: list[bytes]
    length: int | None  # of the body, as announced


class _Named:
    """Layouts that differ in the values of what rules."""

    __slots__ = ("by_ruling", "ruling")

    def __init__(self, names: Sequence[bytes]) -> None:
        places = [at for at, name in enumerate(names) if name in _RULING]
        self.ruling: Callable[[list[bytes]], Any] = itemgetter(*places) if places else _no_values
        self.by_ruling: dict[Any, Layout] = {}


def _no_values(_: list[bytes]) -> None:
    return None


class Layouts:
    """Used by one thread."""

    def __init__(self) -> None:
        self._named: dict[tuple[bytes, ...], _Named] = {}
        self._seen = Seen(_MAX_SEEN)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def read(self, raw: bytes) -> Head:
        """`heads.parse`, by a shorter way where there is one. Raises `BadFraming`."""
        if len(raw) > _MAX_HEAD_BYTES:
            return parse(raw)
        # Whatever is no value stands in `names`: the LF after each CR, a line without a colon, white space before one.
        # So of a head with the names of one that was accepted only the values may be amiss.
        cut = _CUT.split(raw)
        names, values = tuple(cut[::2]), cut[1::2]
        named = self._named.get(names)
        if named is not None and not b"".join(values).translate(None, VALUE_BYTES):
            layout = named.by_ruling.get(named.ruling(values))
            if layout is not None and (known := layout.head_with(values)) is not None:
                return known
        head = parse(raw, _headers(names, values))
        # What comes once is not worth keeping.
        if (named is not None or self._seen.again(names)) and _is_usual(head, names):
            self._keep(head, names, values)
        return head

    def _keep(self, head: Head, names: tuple[bytes, ...], values: list[bytes]) -> None:
        if self._count >= MAX_LAYOUTS:
            self._named.clear()
            self._count = 0
        named = self._named.get(names)
        if named is None:
            named = self._named[names] = _Named([name for name, _ in head.headers])
        ruling = named.ruling(values)
        if ruling not in named.by_ruling and len(named.by_ruling) < _MAX_RULINGS:
            named.by_ruling[ruling] = Layout(head)
            self._count += 1


def _headers(names: tuple[bytes, ...], values: list[bytes]) -> list[Header] | None:
    """Those of a head that was cut so, if it is well-formed. None where the status line was cut, too."""
    first = names[0].partition(b"\r")[2]
    if not (first and values):
        return None
    return [(name[1:].lower(), value) for name, value in zip((first, *names[1:]), values, strict=False)]


def _is_usual(head: Head, names: tuple[bytes, ...]) -> bool:
    """Whether it is whole, and small enough to be kept."""
    headers = head.headers
    if head.status < 200 or len(headers) != len(names) - 1 or sum(map(len, names)) > MAX_KEPT_BYTES:
        return False
    ruling_bytes = sum(len(value) for name, value in headers if name in _RULING)
    return 0 < len(headers) <= MAX_HEADERS and ruling_bytes <= _MAX_RULING_BYTES


def media_of(headers: list[Header]) -> tuple[bytes, bytes]:
    """Type and subtype, and content encoding, in lower case; of several the last. b"" without one."""
    if isinstance(headers, Fields):
        return headers.layout.media
    found = {name: value.strip().lower() for name, value in headers if name in {_TYPE, _ENCODING}}
    return found.get(_TYPE, b"").partition(b";")[0].strip(), found.get(_ENCODING, b"")


read = Layouts().read
