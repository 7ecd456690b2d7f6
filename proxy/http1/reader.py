"""Reads one answer from the bytes of a connection, cut anywhere: its head once that is whole, then its body. Pure.

`read_whole` is the short way for the usual answer, which comes in one piece and is laid out like most before it.
"""

from proxy.http1 import heads, layouts
from proxy.http1.bodies import Body, BodyUntilClose, ChunkedBody, FixedBody
from proxy.http1.heads import BadFraming, Head
from proxy.http1.layouts import Fields

_EMPTY_LINE = b"\r\n\r\n"


def read_whole(data: bytes) -> tuple[Fields, bytes] | None:
    """Headers and body of an answer that is all there is in `data`. None where an `AnswerReader` has to look at it. Not
    for answers to HEAD, which announce a body that does not come.
    """
    begun = layouts.begins(data)
    if begun is not None:
        headers, end = begun
        if headers.layout.is_plain and headers.length == len(data) - end:
            return headers, data[end:]
    return None


class AnswerReader:
    """`head` is None until it is there; then `is_complete`, `has_surplus` and `fault` as in `bodies`."""

    __slots__ = ("_begun", "_is_to_head", "_skipped", "body", "fault", "head", "is_told_to_go_on")

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        self.fault = ""
        self.is_told_to_go_on = False  # by a 100 (Continue)
        self._is_to_head = method == "HEAD"
        self._begun = b""
        self._skipped = 0  # bytes of informational answers
        self.body: Body | None = None

    @property
    def is_complete(self) -> bool:
        return self.body is not None and self.body.is_complete

    @property
    def has_surplus(self) -> bool:
        return self.body is not None and self.body.has_surplus

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body among these."""
        body = self.body
        if body is None:
            try:
                data = self._read_head(data)
            except BadFraming as error:
                self.fault = str(error)
                return b""
            body = self.body
            if body is None or not data:
                return b""
        part = body.feed(data)
        self.fault = body.fault
        return part

    def end(self) -> None:
        """The server sent the end of the connection."""
        if self.body is None:
            self.fault = "the connection ended before the answer's head"
        else:
            self.body.end()
            self.fault = self.body.fault

    def _read_head(self, data: bytes) -> bytes:
        """What follows the head; nothing while it is incomplete. Informational answers before it are dropped
        (RFC 9110 section 15.2: any number may come, asked for or not).
        """
        if self._begun:
            data = self._begun + data
        while True:
            end = data.find(_EMPTY_LINE) + len(_EMPTY_LINE)
            if end < len(_EMPTY_LINE):
                heads.check_begun(data)
                self._begun = data
                return b""
            if self._skipped + end > heads.MAX_HEAD_BYTES:
                raise BadFraming("the head is too long")
            head = layouts.read(data if end == len(data) else data[:end])
            data = data[end:]
            if head.status >= 200:
                self._begun = b""
                self.head, self.body = head, self._framing_of(head)
                return data
            if head.status == 101 or head.has_framing:  # Nobody asked for another protocol.
                raise BadFraming("an informational answer that cannot be skipped")
            self._skipped += end
            self.is_told_to_go_on |= head.status == 100

    def _framing_of(self, head: Head) -> Body:
        """RFC 9112 section 6.3, rule by rule. (CONNECT, its rule 2, is never sent; rules 3 to 5 are in `heads`.)"""
        status, length = head.status, head.length
        if status == 204 and (head.is_chunked or length):
            # It must have neither (RFC 9110 section 8.6): whatever this server sends next, it is no answer to trust.
            head.keeps_alive = False
        if self._is_to_head or status == 204 or status == 304:
            return FixedBody(0)
        if length is not None:  # Then it is not chunked.
            return FixedBody(length)
        if head.is_chunked:
            return ChunkedBody()
        head.keeps_alive = False
        return BodyUntilClose()
