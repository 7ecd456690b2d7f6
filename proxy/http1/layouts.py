"""Heads of answers that are laid out like one before: the same status line, the same names in the same order, the same
values of those few headers that rule how an answer is read. What `heads.parse` has found out about that one holds for
them, so only their other values are looked at: each must still be a value in one line. Pure.

Kept are status lines, names, and the values of what is in `_RULING`: of no other header, so nothing that tells whose
answer it was. It is bounded, whatever providers send: beyond `MAX_LAYOUTS` all are forgotten. (So many usual ones
take 0.9 MB, of the largest 2.2.) The few layouts that come most often are matched with the bytes themselves,
by patterns of which `re` keeps up to 512 for a while longer.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

from proxy.http1.heads import VALUE, VALUE_BYTES, Head, parse
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
_ANY_LENGTH = b"[0-9]{1,%d}+" % _MAX_DIGITS
_BODILESS = frozenset({204, 304})
_MAX_USUAL = 4
# Of a layout that is cut so many times a pattern is made, which takes as long as cutting some hundreds.
USUAL_AFTER: Final = 200


class Layout:
    """What all heads have in common that are laid out like this one. `at` is where the first of each name stands."""

    __slots__ = ("at", "count", "is_plain", "length_at", "like", "media", "names", "notes")

    def __init__(self, head: Head) -> None:
        self.like = like = Head(head.status, [], keeps_alive=head.keeps_alive)
        like.is_chunked, like.idle_seconds = head.is_chunked, head.idle_seconds
        self.names = tuple([name for name, _ in head.headers])
        self.at = {name: at for at, name in reversed(list(enumerate(self.names)))}
        self.length_at = self.at.get(_LENGTH, -1)
        self.is_plain = self.length_at >= 0 and like.status not in _BODILESS  # as long a body follows
        self.media = media_of(head.headers)
        self.notes: dict[Any, Any] = {}  # the application's: what it has found out itself
        self.count = 0  # how many were cut

    def fields_with(self, values: Sequence[bytes]) -> "Fields | None":
        """None where its Content-Length must be looked at more closely."""
        if self.length_at < 0:
            return Fields(self, values, None)
        digits = values[self.length_at]
        if not digits.isdigit() or len(digits) > _MAX_DIGITS:
            return None
        return Fields(self, values, int(digits))

    def pattern(self, names: Sequence[bytes], values: Sequence[bytes]) -> re.Pattern[bytes]:
        """Matches the heads of this layout and no other, each value a group. `names` and `values` are one's that was
        cut.
        """
        parts = [re.escape(names[0])]
        for at, name in enumerate(self.names):
            value = _ANY_LENGTH if name == _LENGTH else re.escape(values[at]) if name in _RULING else VALUE
            parts.append(rb":[ \t]*+(%b)\r%b" % (value, re.escape(names[at + 1])))
        return re.compile(b"".join(parts))


class Fields:
    """The headers of a head whose layout is known. Pairs for whoever wants these."""

    __slots__ = ("layout", "length", "values")

    def __init__(self, layout: Layout, values: Sequence[bytes], length: int | None) -> None:
        """`length`: of the body, as announced."""
        self.layout = layout
        self.values = values
        self.length = length

    def __iter__(self) -> Iterator[Header]:
        return zip(self.layout.names, self.values, strict=True)

    def head(self) -> Head:
        like = self.layout.like
        head = Head(like.status, self, keeps_alive=like.keeps_alive)
        head.length, head.is_chunked, head.idle_seconds = self.length, like.is_chunked, like.idle_seconds
        return head


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

    def __init__(self, *, usual_after: int = USUAL_AFTER) -> None:
        self._usual_after = usual_after
        self._named: dict[tuple[bytes, ...], _Named] = {}
        self._seen = Seen(_MAX_SEEN)
        self._count = 0
        # The one that was met last is tried first.
        self._usual: list[tuple[Layout, Callable[[bytes], re.Match[bytes] | None]]] = []

    def __len__(self) -> int:
        return self._count

    def begins(self, data: bytes) -> tuple[Fields, int] | None:
        """The headers of the head that `data` begins with, and where its body begins, if this is a usual one."""
        for layout, match in self._usual:
            found = match(data)
            if found is not None:
                values, end, at = found.groups(), found.end(), layout.length_at
                if end > _MAX_HEAD_BYTES:
                    return None
                if layout is not self._usual[0][0]:
                    self._usual.sort(key=lambda usual: usual[0] is not layout)
                return Fields(layout, values, int(values[at]) if at >= 0 else None), end
        return None

    def read(self, raw: bytes) -> Head:
        """`heads.parse`, by a shorter way where there is one. Raises `BadFraming`."""
        if len(raw) > _MAX_HEAD_BYTES:
            return parse(raw)
        usual = self.begins(raw)
        if usual is not None and usual[1] == len(raw):
            return usual[0].head()
        # Whatever is no value stands in `names`: the LF after each CR, a line without a colon, white space before one.
        # So of a head with the names of one that was accepted only the values may be amiss.
        cut = _CUT.split(raw)
        names, values = tuple(cut[::2]), cut[1::2]
        named = self._named.get(names)
        if named is not None and not b"".join(values).translate(None, VALUE_BYTES):
            layout = named.by_ruling.get(named.ruling(values))
            if layout is not None and (fields := layout.fields_with(values)) is not None:
                self._count_in(layout, names, values)
                return fields.head()
        head = parse(raw, _headers(names, values))
        # What comes once is not worth keeping.
        if (named is not None or self._seen.again(names)) and _is_usual(head, names):
            self._keep(head, names, values)
        return head

    def _count_in(self, layout: Layout, names: tuple[bytes, ...], values: list[bytes]) -> None:
        layout.count += 1
        if layout.count >= self._usual_after:
            layout.count = 0
            others = [usual for usual in self._usual if usual[0] is not layout]
            self._usual = [(layout, layout.pattern(names, values).match), *others[: _MAX_USUAL - 1]]

    def _keep(self, head: Head, names: tuple[bytes, ...], values: list[bytes]) -> None:
        if self._count >= MAX_LAYOUTS:
            self._named.clear()
            self._usual.clear()
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
    headers = list(head.headers)
    if head.status < 200 or len(headers) != len(names) - 1 or sum(map(len, names)) > MAX_KEPT_BYTES:
        return False
    ruling_bytes = sum(len(value) for name, value in headers if name in _RULING)
    return 0 < len(headers) <= MAX_HEADERS and ruling_bytes <= _MAX_RULING_BYTES


def media_of(headers: Iterable[Header]) -> tuple[bytes, bytes]:
    """Type and subtype, and content encoding, in lower case; of several the last. b"" without one."""
    if isinstance(headers, Fields):
        return headers.layout.media
    found = {name: value.strip().lower() for name, value in headers if name in {_TYPE, _ENCODING}}
    return found.get(_TYPE, b"").partition(b";")[0].strip(), found.get(_ENCODING, b"")


_all = Layouts()
read, begins = _all.read, _all.begins
