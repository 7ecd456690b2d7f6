"""Reads a copy of the answer while it passes: which model, how many tokens, how it ended. Nothing of the text is kept.

A meter takes each chunk as it came from the provider and gives back what may go to the client now. No I/O, no clock.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, Protocol

import msgspec

from proxy.http1.layouts import media_of
from proxy.inflating import PLAIN, inflater
from proxy.providers.base import (
    WANTED_MEMBERS,
    Asked,
    Header,
    Provider,
    Reading,
    ResultsReader,
    Route,
    StreamReader,
)
from proxy.scanning import TopLevelScanner
from proxy.sse import EventSplitter

# A JSON answer up to this size is parsed in one go at its end, a larger one is scanned as it passes.
_WHOLE_ANSWER_BYTES = 1024 * 1024
# What is kept of the lists in an answer too large to keep: why each choice ended, which tools were called.
_WANTED_LISTS = {
    "choices": frozenset({"finish_reason"}),
    "output": frozenset({"type", "status", "action", "environment", "svg_usage"}),
}
# The longest line of results that is read. A line holds one whole answer, maybe with an image in it.
_MAX_LINE_BYTES = 16 * 1024 * 1024
# Into this much of a file at most we look for the start of a batch's results.
_LOOKED_INTO_BYTES = 64 * 1024
# Up to here an event shows whether it is a terminal one.
_EVENT_HEAD_BYTES = 64 * 1024


class Meter(Protocol):
    reading: Reading

    @property
    def is_unreadable(self) -> bool:
        """Whether of a whole answer a part could not be read, for the way in which it is encoded."""

    def feed(self, chunk: bytes) -> bytes:
        """Take in a chunk; what may be passed on now (it may be less, or more with what was held back)."""

    def finish(self) -> bytes:
        """The answer is over: what was still held back."""


def feed_whole(meter: Meter, body: bytes) -> bytes:
    """All of an answer at once; all that may be passed on of it."""
    if isinstance(meter, JsonMeter) and meter.read_at_once(body):
        return body
    return meter.feed(body) + meter.finish()


class UnreadMeter:
    """For answers whose usage nobody can read, or that tell none."""

    is_unreadable = False

    def __init__(self, reading: Reading | None = None) -> None:
        self.reading = reading or Reading()

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        return b""


def meter_for(
    provider: Provider,
    kind: Route,
    asked: Asked,
    *,
    method: str,
    status: int,
    headers: Iterable[Header],
    drops_usage: bool = False,
) -> Meter:
    """The meter for an answer with this status and these headers (names in lower case)."""
    if kind.reads == "nothing" or method == "HEAD":
        return UnreadMeter()
    content_type, encoding = media_of(headers)
    form = _form_of(content_type)
    if kind.reads == "results":
        # What is asked for in part (206), or is not there, tells nothing of a batch.
        is_whole = method == "GET" and status == 200
        return LinesMeter(provider.results_reader(kind, asked), encoding) if is_whole else UnreadMeter()
    if status != 200 and not 200 <= status < 300:
        asked = msgspec.structs.replace(asked, usage=None)  # a refused request is not billed
    if form == "stream":
        return StreamMeter(provider.stream_reader(kind, asked), encoding, drops_usage=drops_usage)
    if form == "json" or status >= 400:
        return JsonMeter(provider, kind, asked, encoding)
    reading = provider.read_answer(kind, b"", asked)
    reading.is_finished = False
    return UnreadMeter(reading)


@lru_cache(maxsize=256)
def _form_of(content_type: bytes) -> Literal["stream", "json", "other"]:
    """Of an answer with this header, or b"" without one."""
    kind = content_type.lower().partition(b";")[0].strip()
    if kind == b"text/event-stream":
        return "stream"
    return "json" if not kind or kind.endswith((b"/json", b"+json")) else "other"


@lru_cache(maxsize=32)
def _beginning_with(starts: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Lines that begin so."""
    return re.compile(rb"(?:^|[\r\n])(?:%s)" % b"|".join(map(re.escape, starts)))


class StreamMeter:
    """Server-sent events. Chunks pass as they come, except that the start of a terminal event waits for its end, and
    that with `drops_usage` the event that exists only because we asked for it is left out. What is given out is then
    not compressed; an encoding that cannot be undone passes as it is, and `drops_usage` is false.
    """

    def __init__(self, reader: StreamReader, encoding: bytes, *, drops_usage: bool) -> None:
        self.reading = reader.reading
        self._reader = reader
        self._inflater = inflater(encoding)
        self._splitter = EventSplitter()
        self.drops_usage = drops_usage and self._inflater.is_readable
        self._held: list[bytes] = []
        self._is_plain = self._inflater.is_plain
        self._terminal = _beginning_with(reader.terminal_starts)

    @property
    def is_unreadable(self) -> bool:
        return not self._inflater.is_whole

    def feed(self, chunk: bytes) -> bytes:
        read = self._reader.read
        is_whole = chunk[-2:] == b"\n\n" and chunk[-3:-2] != b"\n" and b"\r" not in chunk
        if is_whole and self._is_plain and not self._splitter.size and not self._held:
            # So nearly all chunks of streams come: whole events.
            if chunk.find(b"\n\n") == len(chunk) - 2:
                return b"" if read(chunk) and self.drops_usage else chunk
            kept = [event for part in chunk[:-2].split(b"\n\n") if not read(event := part + b"\n\n")]
            return b"".join(kept) if self.drops_usage else chunk
        if self.drops_usage:
            parts = self._inflater.feed(chunk)
            return b"".join([event for part in parts for event in self._splitter.feed(part) if not read(event)])
        is_same_event = self._splitter.size > _EVENT_HEAD_BYTES
        for part in self._inflater.feed(chunk):
            for event in self._splitter.feed(part):
                read(event)
                is_same_event = False
        if is_same_event:  # and long: whether it is a terminal one is known
            if not self._held:
                return chunk
            self._held.append(chunk)
            return b""
        return self._hold_terminal(chunk)

    def _hold_terminal(self, chunk: bytes) -> bytes:
        if self._held:
            chunk = b"".join([*self._held, chunk])
            self._held = []
        tail = self._splitter.tail
        if tail and self._may_be_terminal(tail[: 2 * _EVENT_HEAD_BYTES]):
            held = len(tail) if chunk.endswith(tail) else len(chunk)  # the latter when compressed
            chunk, self._held = chunk[:-held], [chunk[-held:]]
        return chunk

    def finish(self) -> bytes:
        rest, self._splitter.tail = self._splitter.tail, b""
        is_ours = bool(rest) and self._reader.read(rest + b"\n\n")
        if self.drops_usage:
            return b"" if is_ours else rest
        held, self._held = self._held, []
        return b"".join(held)

    def _may_be_terminal(self, tail: bytes) -> bool:
        last_line = tail[max(tail.rfind(b"\n"), tail.rfind(b"\r")) + 1 :]
        if last_line and any(mark.startswith(last_line) for mark in self._reader.terminal_starts):
            return True
        return self._terminal.search(tail) is not None


class JsonMeter:
    """One JSON object, read at the end."""

    reading = Reading()  # of nothing, and nobody's to change
    _size = 0
    _scanner: TopLevelScanner | None = None

    def __init__(self, provider: Provider, route: Route, asked: Asked, encoding: bytes) -> None:
        self._provider = provider
        self._route = route
        self._asked = asked
        self._inflater = inflater(encoding) if encoding else PLAIN
        self._parts: list[bytes] = []

    @property
    def is_unreadable(self) -> bool:
        return self._inflater is not PLAIN and not self._inflater.is_whole

    def read_at_once(self, body: bytes) -> bool:
        """The whole answer, if it is as usual. False, and nothing done, for one to be fed in."""
        if self._inflater is not PLAIN or len(body) > _WHOLE_ANSWER_BYTES:
            return False
        self.reading = self._provider.read_answer(self._route, body, self._asked)
        return True

    def feed(self, chunk: bytes) -> bytes:
        if not self._inflater.is_plain:
            for part in self._inflater.feed(chunk):
                self._take(part)
        elif self._size or len(chunk) > _WHOLE_ANSWER_BYTES:
            self._take(chunk)
        else:  # So nearly all answers come: in one piece.
            self._size = len(chunk)
            self._parts.append(chunk)
        return chunk

    def _take(self, part: bytes) -> None:
        self._size += len(part)
        if self._scanner is None and self._size > _WHOLE_ANSWER_BYTES:
            self._scanner = TopLevelScanner(WANTED_MEMBERS - _WANTED_LISTS.keys(), _WANTED_LISTS)
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


class LinesMeter:
    """The results of a batch, one JSON object a line. Whether a file holds such is seen by its first bytes, so that
    others are passed without a look.
    """

    def __init__(self, reader: ResultsReader, encoding: bytes) -> None:
        self.reading = reader.reading
        self._reader = reader
        self._inflater = inflater(encoding)
        self._line: list[bytes] = []
        self._size = 0
        self._is_known = False  # to hold results
        self._is_looking = self._inflater.is_readable
        self._is_too_long = False
        self._has_unread = False

    @property
    def is_unreadable(self) -> bool:
        return not self._inflater.is_readable or (self._is_known and not self._inflater.is_whole)

    def feed(self, chunk: bytes) -> bytes:
        if self._is_looking:
            self._is_looking = all(self._take(part) for part in self._inflater.feed(chunk))
        return chunk

    def finish(self) -> bytes:
        """To be called for a whole download alone: what was left early completes nothing."""
        if self._is_looking and self._end_line(b"") and self._is_known and self._inflater.is_whole:
            self._reader.finish()
            if self._has_unread:
                _mark_partial(self.reading)
        return b""

    def _take(self, part: bytes) -> bool:
        """Whether to look further; so the next two."""
        if not self._is_known and not self._size and part.lstrip()[:1] not in {b"{", b""}:
            return False
        *lines, rest = part.split(b"\n")
        for line in lines:
            if not self._end_line(line):
                return False
        self._add(rest)
        return self._is_known or self._size <= _LOOKED_INTO_BYTES or self._look_at(b"".join(self._line))

    def _end_line(self, part: bytes) -> bool:
        self._add(part)
        line = b"".join(self._line).strip()
        self._has_unread = self._has_unread or self._is_too_long
        self._line, self._size, self._is_too_long = [], 0, False
        if not line:
            return True
        if not self._is_known and not self._look_at(line):
            return False
        self._reader.read(line)
        return True

    def _look_at(self, line: bytes) -> bool:
        """By the first line, or its start: both providers name the request in each line of results."""
        self._is_known = b'"custom_id"' in line[:_LOOKED_INTO_BYTES]
        return self._is_known

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > _MAX_LINE_BYTES:
            self._is_too_long = True
            self._line.clear()
        elif part:
            self._line.append(part)


def _mark_partial(reading: Reading) -> None:
    if reading.completion is not None:
        usage = msgspec.structs.replace(reading.completion.usage, is_partial=True)
        reading.completion = msgspec.structs.replace(reading.completion, usage=usage)
