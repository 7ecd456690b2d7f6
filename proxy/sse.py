"""Server-sent events, cut out of a byte stream at any chunk boundary (WHATWG HTML, section "Server-sent events").

Pure. Nothing is re-framed: `EventSplitter` hands out each event's own bytes, its blank line included.
"""

import re

# A longer event is given out in pieces that nobody can read. Images come inside of events that bear usage.
MAX_EVENT_BYTES = 16 * 1024 * 1024

# Two line ends, each of any of the three kinds.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventSplitter:
    """Collects chunks and gives out complete events; what is incomplete waits in `tail`."""

    __slots__ = ("_end", "_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._end = b""  # the tail's last bytes: no blank line is longer
        self.size = 0  # of the tail

    @property
    def tail(self) -> bytes:
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    @tail.setter
    def tail(self, text: bytes) -> None:
        self._pieces = [text] if text else []
        self._end = text[-3:]
        self.size = len(text)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes, each with its closing blank line."""
        if self.size:
            self._pieces.append(chunk)
            self.size += len(chunk)
            looked_at = self._end + chunk
            self._end = looked_at[-3:]
            if self.size <= MAX_EVENT_BYTES and not _BLANK_LINE.search(looked_at):
                return []  # in the middle of an event
            text = self.tail
        else:
            text = chunk
        if b"\r" not in text:
            parts = text.split(b"\n\n")
            self.tail = parts.pop()
            events = [part + b"\n\n" for part in parts]
        else:
            events = self._split_with_carriage_returns(text)
        if self.size > MAX_EVENT_BYTES:
            events.append(self.tail)
            self.tail = b""
        return events

    def _split_with_carriage_returns(self, text: bytes) -> list[bytes]:
        events = []
        start = 0
        for found in _BLANK_LINE.finditer(text):
            if found.end() == len(text) and text.endswith(b"\r"):
                break  # the line feed that belongs to it may still come
            events.append(text[start : found.end()])
            start = found.end()
        self.tail = text[start:]
        return events


def data_of(event: bytes) -> bytes:
    """The event's data: its `data` lines joined by line feeds."""
    at = event.find(b"\n") + 1 if event.startswith(b"event: ") else 0
    if event.startswith(b"data: ", at) and event.find(b"\n", at) == len(event) - 2 and b"\r" not in event:
        return event[at + 6 : -2]
    lines = event.removeprefix(_BYTE_ORDER_MARK).splitlines()
    return b"\n".join(line[6:] if line[5:6] == b" " else line[5:] for line in lines if line.startswith(b"data:"))
