"""Finding a few members of a JSON object that is too large to keep, while it passes in pieces. Pure."""

import re
from collections.abc import Mapping

import msgspec

_MAX_MEMBER_BYTES = 256 * 1024
_MAX_ITEMS = 10_000
_MAX_KEPT_BYTES = 4 * 1024 * 1024
# Brackets and texts looked at. Answers have a hundred thousand at most; a few megabytes of "[]" would take seconds.
_MAX_STEPS = 500_000

# Where nothing is looked for, commas and colons are passed over: the megabytes of numbers of an embedding are a few
# brackets.
_MARKS = re.compile(rb'["{}\[\],:]')
_BRACKETS = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class TopLevelScanner:
    """Collects the wanted top-level members, and of the wanted top-level lists the wanted members of their objects.

    Only these two depths count: a tool's input may well contain "usage".
    """

    def __init__(self, wanted: frozenset[str], lists: Mapping[str, frozenset[str]] | None = None) -> None:
        self._wanted = wanted
        self._wanted_lists = lists or {}
        self._depth = 0
        self._watched = 1  # the depth at which members are looked for: 1, or 3 in an object of a wanted list
        self._in_string = False
        self._skips_next = False  # the byte after a backslash
        self._is_key = False
        self._collected: bytearray | None = None
        self._key = ""
        self._list_name = ""
        self._members: dict[str, bytes] = {}
        self._item: dict[str, bytes] = {}
        self._lists: dict[str, list[dict[str, bytes]]] = {}
        self._steps_left = _MAX_STEPS
        self._kept_bytes = 0

    def feed(self, chunk: bytes) -> None:
        at = 0
        while at < len(chunk) and self._steps_left > 0:
            self._steps_left -= 1
            at = self._inside(chunk, at) if self._in_string else self._outside(chunk, at)
        if self._steps_left <= 0:
            self._members, self._lists, self._collected = {}, {}, None

    def result(self) -> bytes:
        """What was wanted, as a JSON object of its own; an empty one of an answer that is made to keep us busy."""
        lists = {
            name: [{key: msgspec.Raw(value) for key, value in item.items()} for item in items]
            for name, items in self._lists.items()
        }
        return msgspec.json.encode({name: msgspec.Raw(value) for name, value in self._members.items()} | lists)

    def _inside(self, chunk: bytes, at: int) -> int:
        if self._skips_next:
            self._skips_next = False
            self._keep(chunk[at : at + 1])
            return at + 1
        found = _IN_STRING.match(chunk, at)
        end = found.end() if found else at
        if end < len(chunk):  # at the quote that ends it, or at a backslash whose other half is in the next chunk
            self._skips_next = self._in_string = chunk[end : end + 1] == b"\\"
            end += 1
        if self._collected is not None:
            self._keep(chunk[at:end])
        return end

    def _outside(self, chunk: bytes, at: int) -> int:
        is_watched = self._depth == self._watched
        if not at and not is_watched and self._collected is None and _has_no_bracket(chunk):
            return len(chunk)
        found = (_MARKS if is_watched or self._collected is not None else _BRACKETS).search(chunk, at)
        if found is None:
            self._keep(chunk[at:])
            return len(chunk)
        mark = found.group()
        if is_watched and mark in b",}:":
            self._keep(chunk[at : found.start()])
            self._at_member(mark)
        else:
            if mark == b'"' and is_watched and self._is_key:
                self._collected = bytearray(mark)  # without what stands before it, wherever the pieces begin
            elif self._collected is not None:
                self._keep(chunk[at : found.end()])
        self._in_string = mark == b'"'
        if mark in b"{[":
            self._open(mark)
        elif mark in b"}]":
            self._close()
        return found.end()

    def _open(self, mark: bytes) -> None:
        if self._depth == 0:
            self._is_key = True
        elif self._depth == 1 and mark == b"[" and not self._is_key and self._key in self._wanted_lists:
            self._list_name = self._key
            self._lists[self._key] = []
        elif self._depth == 2 and mark == b"{" and self._list_name:
            self._watched, self._is_key, self._item = 3, True, {}
        self._depth += 1

    def _close(self) -> None:
        self._depth -= 1
        if self._depth == 2 and self._watched == 3:
            self._watched, self._is_key = 1, False
            if len(self._lists[self._list_name]) < _MAX_ITEMS:
                self._lists[self._list_name].append(self._item)
        elif self._depth == 1:
            self._list_name = ""

    def _at_member(self, mark: bytes) -> None:
        """A colon or the end of a member at one of the watched depths."""
        collected, self._collected = self._collected, None
        if mark == b":":
            self._key = _text(bytes(collected or b""))
            self._is_key = False
            wanted = self._wanted if self._watched == 1 else self._wanted_lists[self._list_name]
            self._collected = bytearray() if self._key in wanted else None
        else:
            if collected is not None and not self._is_key:
                holder = self._members if self._watched == 1 else self._item
                self._kept_bytes += len(collected)
                if self._kept_bytes <= _MAX_KEPT_BYTES:
                    holder[self._key] = bytes(collected).strip()
            self._is_key = True

    def _keep(self, part: bytes) -> None:
        if self._collected is not None:
            self._collected += part
            if len(self._collected) > _MAX_MEMBER_BYTES:
                self._collected = None


def _has_no_bracket(chunk: bytes) -> bool:
    """As most pieces of an embedding's numbers: told in a tenth of the time that `_BRACKETS` takes."""
    return not (b'"' in chunk or b"]" in chunk or b"[" in chunk or b"}" in chunk or b"{" in chunk)


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw.strip(), type=str)
    except ValueError:
        return ""
