"""Passing an answer on as it arrives, and noticing when the client is gone or no longer reads."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any, Protocol

from proxy.http_cycle import HELD
from proxy.providers.base import Header, Reading

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Write = Callable[[bytes], bool]
PassTo = Callable[[Write], Awaitable[None]]
WhenGone = Callable[[Callable[[], object] | None], None]

# After a client stopped reading at `finish_reason`, the usage is at most this far away.
_READ_ON_SECONDS = 2.0
_READ_ON_BYTES = 64 * 1024


class Answer(Protocol):
    async def read(self) -> bytes: ...


class Meter(Protocol):
    reading: Reading

    def feed(self, chunk: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def never_at_once(part: bytes) -> bool:
    """The `Write` of servers without one."""
    return False


def ask_for_leaving(receive: Receive) -> WhenGone:
    """The `WhenGone` of servers without one, for a task that waits for each client."""
    waiting: list[asyncio.Task[None]] = []

    def when_gone(callback: Callable[[], object] | None) -> None:
        while waiting:
            waiting.pop().cancel()
        if callback is not None:
            waiting.append(asyncio.create_task(_wait_for_leaving(receive, callback)))

    return when_gone


async def _wait_for_leaving(receive: Receive, callback: Callable[[], object]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    callback()


class ClientWatch:
    """Watches one client after its request was read. When it leaves or stalls, the call's task is cancelled and
    `reason` says why; any other cancellation is the server's.
    """

    def __init__(self, when_gone: WhenGone, watches: "set[ClientWatch]", owner: "asyncio.Task[None] | None") -> None:
        """`when_gone` is the server's (`proxy.http_cycle`), `owner` the call's task."""
        self._when_gone = when_gone
        self._watches = watches
        self._owner = owner
        self._is_stopped = False
        self.sending_since = 0.0  # on the monotonic clock; 0 while nothing is being sent
        self.reason = ""

    def start(self) -> None:
        """Once nobody else reads from the client. Does nothing after `stop`."""
        if self._is_stopped:
            return
        self._watches.add(self)
        self._when_gone(self._note_leaving)

    def stop(self) -> None:
        self.let_go()
        self._watches.discard(self)

    def let_go(self) -> None:
        """The client may leave: what it gets now is the last part. Whether it takes it is still looked at."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self in self._watches:  # Else it never asked, and the next call of the connection may have.
            self._when_gone(None)

    def give_up(self, reason: str) -> None:
        """Cancel the call, once."""
        if not self.reason and self._owner is not None:
            self.reason = reason
            self._owner.cancel()

    def recover(self) -> bool:
        """After a `CancelledError`: whether it came from here, in which case the task may go on to its end."""
        if self.reason and self._owner is not None:
            self._owner.uncancel()
            return True
        return False

    def _note_leaving(self) -> None:
        self.give_up("client_disconnected")


async def watch_for_stalls(watches: set[ClientWatch], patience: float) -> None:
    """End the calls whose client has taken nothing for `patience` seconds. One task for the whole process."""
    while True:
        await asyncio.sleep(min(patience / 4, 5))
        oldest = time.monotonic() - patience
        for watch in [watch for watch in watches if 0 < watch.sending_since < oldest]:
            watch.give_up("client_stalled")


class Delivery:
    """Sends one answer to the client and notes when its first byte and its first token went out."""

    def __init__(self, send: Send, watch: ClientWatch, *, length: int | None, write: Write) -> None:
        """`length`: the body's announced length, if it was announced. `write` is the server's (`proxy.http_cycle`)."""
        self._send = send
        self._watch = watch
        self._left = length
        self._write = write
        self._is_stream = length is None
        self._held: bytes | None = None
        self.first_byte_at = 0.0
        self.first_token_at = 0.0
        self.is_complete = False

    def start(self, status: int, headers: Iterable[Header], *, is_body_here: bool) -> Awaitable[None]:
        """`is_body_here`: a part of the body follows without being waited for."""
        message: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
        if is_body_here:
            message[HELD] = True
        return self._send(message)

    async def pass_on(self, answer: Answer, meter: Meter, record: Callable[[], Awaitable[None]]) -> None:
        """Pass every chunk on as it comes. `record` is awaited before the last part of the answer goes out, once or
        twice.
        """
        pass_to = getattr(answer, "pass_to", None) if self._is_stream else None
        while True:
            part = await self._next_held(pass_to, meter) if pass_to is not None else None
            if part is None:
                chunk = await answer.read()
                if not chunk:
                    break
                part = self._metered(meter, chunk)
            is_last = self._left is not None and self._left <= 0
            if is_last:
                part += meter.finish()
            if meter.reading.is_finished or is_last:
                await record()
            if is_last:
                await self._end(part)
                return
            if part:
                await self._deliver(part)
        rest = meter.finish()
        await record()
        await self._end(rest)

    async def _next_held(self, pass_to: PassTo, meter: Meter) -> bytes | None:
        """Of a stream, the next part that needs more than to be written. Those before it go out as they come. None
        where the next one is to be read.
        """
        await pass_to(partial(self._pass_at_once, meter))
        held, self._held = self._held, None
        return held

    def _metered(self, meter: Meter, chunk: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(chunk)
        part = meter.feed(chunk)
        if not self.first_token_at:
            self._note_first(meter.reading)
        return part

    def _note_first(self, reading: Reading) -> None:
        if not self.first_byte_at:
            self.first_byte_at = time.monotonic()
        if reading.text_bytes:
            self.first_token_at = time.monotonic()

    def _pass_at_once(self, meter: Meter, chunk: bytes) -> bool:
        part = meter.feed(chunk)
        reading = meter.reading
        if not self.first_token_at:
            self._note_first(reading)
        if not reading.is_finished and (not part or self._write(part)):
            return True
        self._held = part
        return False

    async def _end(self, part: bytes) -> None:
        watch = self._watch
        watch.let_go()
        self.is_complete = True
        watch.sending_since = time.monotonic()
        await self._send({"type": "http.response.body", "body": part, "more_body": False})
        watch.sending_since = 0.0
        watch.stop()

    async def _deliver(self, part: bytes) -> None:
        self._watch.sending_since = time.monotonic()
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        self._watch.sending_since = 0.0


async def read_on_for_usage(answer: Answer, meter: Meter) -> None:
    """The client left after the text was complete: the numbers are about to come, so they are waited for, within
    limits.
    """
    reading = meter.reading
    if not reading.finish_reason or reading.is_usage_complete or reading.is_pending:
        return
    budget = _READ_ON_BYTES
    try:
        async with asyncio.timeout(_READ_ON_SECONDS):
            while budget > 0 and not reading.is_usage_complete and (chunk := await answer.read()):
                budget -= len(chunk)
                meter.feed(chunk)
    except TimeoutError:
        return
