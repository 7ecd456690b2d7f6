"""One request and its answer. The caller holds it as the `Answer`; the connection fills it and forgets it at its end,
so it can still be read when the connection already serves the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from proxy.http1.heads import Head
from proxy.http1.reader import AnswerReader
from proxy.providers.base import Header
from proxy.upstream import UpstreamBroken, UpstreamError

if TYPE_CHECKING:
    from proxy.http1.connection import Connection


class Exchange:
    """`status` is 0 until the answer's head is there."""

    __slots__ = (
        "_connection",
        "_failure",
        "_fault",
        "_is_complete",
        "_loop",
        "_method",
        "_parts",
        "_waiter",
        "closes",
        "has_heard",
        "headers",
        "is_one_write",
        "is_sent",
        "is_untouched",
        "owes_body",
        "reader",
        "status",
        "taker",
        "unread",
    )

    def __init__(self, method: str, loop: asyncio.AbstractEventLoop, *, closes: bool) -> None:
        self._loop = loop
        self._method = method
        self.status = 0
        self.headers: Iterable[Header] = ()
        self.reader: AnswerReader | None = None  # once the answer has begun, unless it came whole
        self.closes = closes  # the request said `Connection: close`
        self.is_sent = False  # the whole request was given to the connection
        self.is_one_write = False  # head and body went there together
        self.is_untouched = False  # of the request, not a byte was sent
        self.owes_body = False  # it is our client who has to go on, so the provider's silence is no fault
        self.has_heard = False  # a byte of the answer
        self.unread = 0  # bytes that wait to be read
        self._parts: list[bytes] = []
        self._failure: UpstreamError | None = None
        self._fault: Exception | None = None  # the taker's own
        self._is_complete = False
        self._connection: Connection | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.taker: Callable[[bytes], bool] | None = None

    # --- The caller's side ---

    def more(self) -> Awaitable[None]:
        """To be awaited until something comes. Raises `UpstreamSilent` or `UpstreamBroken` where nothing will."""
        if self._failure is not None:
            # Another one each time: what is kept here would keep the frames it was raised through, and they this.
            raise type(self._failure)(*self._failure.args)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    async def told_to_go_on(self) -> None:
        """Wait until the provider wants the body (RFC 9110 section 10.1.1), has answered without it, or has failed."""
        while not (self.status or self._failure or (self.reader is not None and self.reader.is_told_to_go_on)):
            await self.more()

    async def read(self) -> bytes:
        while not self._parts:
            if self._is_complete:
                return b""
            await self.more()
        parts = self._parts
        taken = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.unread = 0
        if self._connection is not None:
            self._connection.resume_reading()
        return taken

    def take_whole(self) -> bytes | None:
        """The whole body, if all of it is here and nothing was taken. Else nothing is."""
        if not self._is_complete:
            return None
        body = b"".join(self._parts)
        self._parts.clear()
        return body

    @property
    def is_here(self) -> bool:
        """Whether `read` has a part of the body without waiting for it."""
        return bool(self._parts)

    async def pass_to(self, take: Callable[[bytes], bool]) -> None:
        """Have `take` called with each part at the moment it comes, until it returns False, or nothing more comes:
        then `read` goes on. That costs a part no turn of the event loop.
        """
        if self._parts and not take(await self.read()):
            return
        self.taker = take
        try:
            while self.taker is not None and not self._is_complete and self._failure is None:
                await self.more()
        finally:
            self.taker = None
        if self._fault is not None:
            raise self._fault

    def abort(self) -> None:
        if self._connection is not None:
            self._connection.fail(UpstreamBroken("aborted by the proxy"))

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody will take the next part at once. (The loop may bring many parts before that one runs.)"""
        return self._waiter is not None and not self._waiter.done()

    # --- The connection's side ---

    def begin(self, connection: "Connection") -> None:
        self._connection = connection

    @property
    def is_to_head(self) -> bool:
        return self._method == "HEAD"

    def begin_reading(self) -> AnswerReader:
        self.reader = reader = AnswerReader(self._method)
        return reader

    def answer(self, head: Head) -> None:
        self.status = head.status
        self.headers = head.headers
        self.wake()

    def add(self, part: bytes) -> None:
        if self.taker is not None:
            self.give(part)
            return
        self._parts.append(part)
        self.unread += len(part)
        self.wake()

    def give(self, part: bytes) -> None:
        assert self.taker is not None
        try:
            wants_more = self.taker(part)
        except Exception as failure:  # noqa: BLE001 - raised where it is waited for
            wants_more = False
            self._fault = failure
        if not wants_more:
            self.taker = None
            self.wake()

    def answer_whole(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        self.status = status
        self.headers = headers
        if body:
            self._parts.append(body)
        self._is_complete = True
        self._connection = None
        if self._waiter is not None:
            self.wake()

    def finish(self) -> None:
        """The answer is whole."""
        self._is_complete = True
        self._connection = None
        self.wake()

    def fail(self, failure: UpstreamError) -> None:
        """Nothing more will come. What came can still be read."""
        self._failure = failure
        self._connection = None
        self.wake()

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
