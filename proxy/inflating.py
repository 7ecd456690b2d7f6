"""Undoing the compression of an answer for reading, in steps. Pure; what passes to the client stays compressed."""

import zlib
from collections.abc import Iterator

_STEP = 256 * 1024
# A bomb is not read to its end: JSON becomes a tenth of its size, hardly ever a fiftieth.
_FREE_BYTES = 256 * 1024 * 1024
_MAX_RATIO = 100
# Copying what is left for each of them takes time; senders make one.
_MAX_STREAMS = 1_000
ENCODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})


class Inflater:
    """Undoes gzip or deflate for reading, in steps, so that a bomb costs no memory, and little time. Bad data ends the
    reading, not the call.
    """

    def __init__(self, encoding: bytes) -> None:
        self._is_raw_possible = encoding == b"deflate"  # senders disagree on whether deflate has zlib's two-byte head
        self._head = b""
        self._plain_left = _FREE_BYTES
        self._streams_left = _MAX_STREAMS
        self._decoder = zlib.decompressobj(wbits=47) if encoding in ENCODINGS else None
        self.is_plain = encoding in {b"", b"identity"}  # `feed` gives what it is given
        self.is_readable = self._decoder is not None or self.is_plain

    @property
    def is_whole(self) -> bool:
        """Whether all that was fed is read, up to an end of the compressed data."""
        return self.is_readable and (self._decoder is None or self._decoder.eof)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain bytes, one step at a time. To be iterated to its end, unless nothing more is to be read."""
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
        self._plain_left += _MAX_RATIO * len(rest)
        while is_more:
            try:
                part = self._decoder.decompress(rest, _STEP)
            except zlib.error:
                part = None
            if part is None or len(part) > self._plain_left or not self._streams_left:
                self._decoder, self.is_readable = None, False
                return
            self._plain_left -= len(part)
            yield part
            rest = self._decoder.unconsumed_tail
            if self._decoder.eof and self._decoder.unused_data:
                rest = self._decoder.unused_data
                self._streams_left -= 1
                self._decoder = zlib.decompressobj(wbits=47)
            # A full step may have left output inside the decoder although all input was taken.
            is_more = bool(rest) or len(part) == _STEP


PLAIN = Inflater(b"")


def inflater(encoding: bytes) -> Inflater:
    """One for all that is not compressed: it keeps nothing."""
    return PLAIN if encoding in {b"", b"identity"} else Inflater(encoding)


def inflate(content: bytes, encoding: bytes, limit: int) -> bytes:
    """At most `limit` plain bytes of a short content."""
    plain = b""
    for part in Inflater(encoding).feed(content):
        plain += part
        if len(plain) >= limit:
            break
    return plain[:limit]
