"""Reads a copy of the answer while it passes: which model, how many tokens, how it ended. Nothing of the text is kept.

A meter takes each chunk as it came from the provider and gives back what may go to the client now. No I/O, no clock.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from proxy.providers.base import WANTED_MEMBERS, Asked, Provider, Reading, Route, StreamReader
from proxy.sse import EventSplitter

# A JSON answer up to this size is parsed in one go at its end, a larger one is scanned as it passes.
_WHOLE_ANSWER_BYTES = 1024 * 1024
_MAX_MEMBER_BYTES = 256 * 1024
_INFLATE_STEP = 256 * 1024


class Meter(Protocol):
    reading: Reading

    def feed(self, chunk: bytes) -> bytes:
        """Take in a chunk; what may be passed on now (it may be less, or more with what was held back)."""

    def finish(self) -> bytes:
        """The answer is over: what was still held back."""


class UnreadMeter:
    """For answers whose usage nobody can read."""

    def __init__(self) -> None:
        self.reading = Reading()

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        return b""


class Inflater:
    """Undoes gzip or deflate for reading, in steps, so that a bomb costs no memory. Bad data ends the reading, not
    the call.
    """

    def __init__(self, encoding: bytes) -> None:
        self._is_raw_possible = encoding == b"deflate"  # senders disagree on whether deflate has zlib's two-byte head
        self._head = b""
        self._decoder = zlib.decompressobj(wbits=47) if encoding in {b"gzip", b"x-gzip", b"deflate"} else None
        self.is_readable = self._decoder is not None or encoding in {b"", b"identity"}

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain bytes, one step at a time. To be iterated to its end."""
        if self._decoder is None:
            if self.is_readable:
                yield chunk
            return
        rest = chunk
        if self._is_raw_possible:
            rest = self._head = self._head + chunk
            if len(rest) < 2:
                return
            is_zlib = rest[0] & 0x0F == 8 and int.from_bytes(rest[:2]) % 31 == 0  # RFC 1950, section 2.2
            self._decoder, self._is_raw_possible = zlib.decompressobj(wbits=15 if is_zlib else -15), False
        is_more = bool(rest)
        while is_more:
            try:
                part = self._decoder.decompress(rest, _INFLATE_STEP)
            except zlib.error:
                self._decoder, self.is_readable = None, False
                return
            yield part
            rest = self._decoder.unconsumed_tail
            if self._decoder.eof and self._decoder.unused_data:
                rest = self._decoder.unused_data
                self._decoder = zlib.decompressobj(wbits=47)
            # A full step may have left output inside the decoder although all input was taken.
            is_more = bool(rest) or len(part) == _INFLATE_STEP


class StreamMeter:
    """Server-sent events. Chunks pass as they come, except that the start of a terminal event waits for its end, and
    that with `drops_usage` the event that exists only because we asked for it is left out. What is given out is then
    not compressed; an encoding that cannot be undone passes as it is, and `drops_usage` is false.
    """

    def __init__(self, reader: StreamReader, encoding: bytes, *, drops_usage: bool) -> None:
        self.reading = reader.reading
        self._reader = reader
        self._inflater = Inflater(encoding)
        self._splitter = EventSplitter()
        self.drops_usage = drops_usage and self._inflater.is_readable
        self._held = b""
        self._terminal = re.compile(rb"(?:^|[\r\n])(?:%s)" % b"|".join(map(re.escape, reader.terminal_starts)))

    def feed(self, chunk: bytes) -> bytes:
        if self.drops_usage:
            return b"".join(
                event
                for part in self._inflater.feed(chunk)
                for event in self._splitter.feed(part)
                if not self._reader.read(event)
            )
        for part in self._inflater.feed(chunk):
            for event in self._splitter.feed(part):
                self._reader.read(event)
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        tail = self._splitter.tail
        if tail and self._may_be_terminal(tail):
            held = len(tail) if chunk.endswith(tail) else len(chunk)  # the latter when compressed
            chunk, self._held = chunk[:-held], chunk[-held:]
        return chunk

    def finish(self) -> bytes:
        rest, self._splitter.tail = self._splitter.tail, b""
        is_ours = bool(rest) and self._reader.read(rest + b"\n\n")
        if self.drops_usage:
            return b"" if is_ours else rest
        held, self._held = self._held, b""
        return held

    def _may_be_terminal(self, tail: bytes) -> bool:
        last_line = tail[max(tail.rfind(b"\n"), tail.rfind(b"\r")) + 1 :]
        if last_line and any(mark.startswith(last_line) for mark in self._reader.terminal_starts):
            return True
        return self._terminal.search(tail) is not None


class JsonMeter:
    """One JSON object, read at the end."""

    def __init__(self, provider: Provider, route: Route, asked: Asked, encoding: bytes) -> None:
        self.reading = Reading()
        self._provider = provider
        self._route = route
        self._asked = asked
        self._inflater = Inflater(encoding)
        self._parts: list[bytes] = []
        self._size = 0
        self._scanner: TopLevelScanner | None = None

    def feed(self, chunk: bytes) -> bytes:
        for part in self._inflater.feed(chunk):
            self._take(part)
        return chunk

    def _take(self, part: bytes) -> None:
        self._size += len(part)
        if self._scanner is None and self._size > _WHOLE_ANSWER_BYTES:
            self._scanner = TopLevelScanner(WANTED_MEMBERS)
            for earlier in self._parts:
                self._scanner.feed(earlier)
            self._parts.clear()
        if self._scanner is None:
            self._parts.append(part)
        else:
            self._scanner.feed(part)

    def finish(self) -> bytes:
        body = b"".join(self._parts) if self._scanner is None else self._scanner.result()
        self.reading = self._provider.read_answer(self._route, body, self._asked)
        return b""


class TopLevelScanner:
    """Collects the wanted top-level members of a JSON object that is too large to keep, byte chunk by byte chunk.

    Only depth 1 counts: a tool's input may well contain "usage".
    """

    _OUTSIDE = re.compile(rb'["{}\[\],:]')
    _INSIDE = re.compile(rb'["\\]')

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._depth = 0
        self._in_string = False
        self._skips_next = False  # the byte after a backslash
        self._is_key = False
        self._collected: bytearray | None = None
        self._key = ""
        self._members: dict[str, bytes] = {}

    def feed(self, chunk: bytes) -> None:
        at = 0
        while at < len(chunk):
            at = self._inside(chunk, at) if self._in_string else self._outside(chunk, at)

    def result(self) -> bytes:
        """The wanted members, as a JSON object of their own."""
        return msgspec.json.encode({name: msgspec.Raw(value) for name, value in self._members.items()})

    def _inside(self, chunk: bytes, at: int) -> int:
        if self._skips_next:
            self._skips_next = False
            self._keep(chunk[at : at + 1])
            return at + 1
        found = self._INSIDE.search(chunk, at)
        end = found.end() if found else len(chunk)
        self._keep(chunk[at:end])
        if found is not None:
            self._skips_next = found.group() == b"\\"
            self._in_string = self._skips_next
        return end

    def _outside(self, chunk: bytes, at: int) -> int:
        found = self._OUTSIDE.search(chunk, at)
        if found is None:
            self._keep(chunk[at:])
            return len(chunk)
        mark = found.group()
        if self._depth == 1 and mark in b",}:":
            self._keep(chunk[at : found.start()])
            self._at_top_level(mark)
        else:
            if mark == b'"' and self._depth == 1 and self._is_key:
                self._collected = bytearray()
            self._keep(chunk[at : found.end()])
        self._in_string = mark == b'"'
        if mark in b"{[":
            self._depth += 1
            self._is_key = self._is_key or self._depth == 1
        elif mark in b"}]":
            self._depth -= 1
        return found.end()

    def _at_top_level(self, mark: bytes) -> None:
        collected, self._collected = self._collected, None
        if mark == b":":
            self._key = _text(bytes(collected or b""))
            self._is_key = False
            self._collected = bytearray() if self._key in self._wanted else None
        else:
            if collected is not None and not self._is_key:
                self._members[self._key] = bytes(collected).strip()
            self._is_key = True

    def _keep(self, part: bytes) -> None:
        if self._collected is not None:
            self._collected += part
            if len(self._collected) > _MAX_MEMBER_BYTES:
                self._collected = None


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw.strip(), type=str)
    except ValueError:
        return ""
