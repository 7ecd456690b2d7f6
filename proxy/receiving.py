"""Taking the request body off the wire: whole, within the limits, for JSON; as it comes for everything else."""

import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, NoReturn

from proxy.errors import ClientGone, Refusal, unavailable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_INFLATE_STEP = 1024 * 1024
# Input goes to the decoder in slices, since it hands back a copy of what it has not used.
_INFLATE_SLICE = 64 * 1024
_MAX_GZIP_MEMBERS = 2048


class BodyBudget:
    """The memory that all bodies of this process may hold together. Used by the event loop's thread alone."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0

    def take(self, amount: int) -> None:
        if self.held + amount > self.capacity:
            raise unavailable("body_memory_exhausted", "Too many large requests at once. Try again in a moment.")
        self.held += amount

    def give_back(self, amount: int) -> None:
        self.held -= amount


def nothing_yet() -> None:
    """The `whole_body` of servers without one."""


class BodyReceiver:
    """Reads one request's body. `held` bytes of the budget are this call's until `release`."""

    held = 0
    is_complete = False
    waited_seconds = 0.0  # by `read_all`

    def __init__(
        self, receive: Receive, budget: BodyBudget, *, limit: int, whole_body: Callable[[], bytes | None] = nothing_yet
    ) -> None:
        """`whole_body` is the server's (`proxy.http_cycle`)."""
        self._receive = receive
        self._whole_body = whole_body
        self._budget = budget
        self._limit = limit

    def read_at_once(self) -> bytes | None:
        """The whole body, if nothing of it is still to come. Raises as `read_all`, which is to be called else."""
        body = self._whole_body()
        if body is not None:
            size = len(body)
            if size > self._limit:
                self._check(size)
            self._budget.take(size)
            self.held, self.is_complete = size, True
        return body

    async def read_all(self, declared_length: int | None) -> bytes:
        """The whole body. Raises `Refusal` 413 above the limit, 503 without room, `ClientGone`."""
        if declared_length is not None and declared_length > self._limit:
            self._refuse()
        chunks: list[bytes] = []
        began_at = time.monotonic()
        while not self.is_complete:
            chunk = await self._next()
            self._check(self.held + len(chunk))
            self._take(len(chunk))
            chunks.append(chunk)
        self.waited_seconds += time.monotonic() - began_at
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes, never held."""
        while not self.is_complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    def inflate(self, body: bytes) -> bytes:
        """A gzip body decoded within the same limit. Raises `Refusal` 400 for bad data, 413 above the limit."""
        parts: list[bytes] = []
        size = at = members = 0
        decoder = zlib.decompressobj(wbits=31)
        try:
            while at < len(body):
                if decoder.eof:
                    decoder = zlib.decompressobj(wbits=31)
                    members += 1
                piece = body[at : at + _INFLATE_SLICE]
                part = decoder.decompress(piece, _INFLATE_STEP)
                at += len(piece) - len(decoder.unconsumed_tail) - len(decoder.unused_data)
                size += len(part)
                self._check(size)
                self._take(len(part))
                parts.append(part)
                if members > _MAX_GZIP_MEMBERS:
                    raise Refusal(400, "malformed_body", "The gzip data of the request body has too many members.")
        except zlib.error:
            raise Refusal(400, "malformed_body", "The request body is not valid gzip data.") from None
        if body and not decoder.eof:
            raise Refusal(400, "malformed_body", "The gzip data of the request body is cut short.")
        return b"".join(parts)

    @contextmanager
    def lend(self, amount: int) -> Iterator[None]:
        """Room besides the body's, for what is done with it. Raises `Refusal` 413 when no process has so much."""
        if amount > self._budget.capacity // 2:
            raise Refusal(413, "body_too_large", "The request body has too many members.")
        self._take(amount)
        try:
            yield
        finally:
            self._budget.give_back(amount)
            self.held -= amount

    def release(self) -> None:
        self._budget.give_back(self.held)
        self.held = 0

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.is_complete = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    def _check(self, size: int) -> None:
        if size > self._limit:
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise Refusal(413, "body_too_large", f"The request body is larger than {self._limit} bytes.")

    def _take(self, amount: int) -> None:
        self._budget.take(amount)
        self.held += amount
