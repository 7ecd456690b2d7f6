"""A recording pipe between clients and the proxy: passes every byte on as it is, and keeps a copy.

`exchanges()` reads the copies as HTTP/1.1, by rules of its own (RFC 9112), so that neither side's library is trusted.
"""

import asyncio
import bisect
import contextlib
import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from tests.clients.messages import Answer, BrokenOff, Request, read_answer, read_head, read_request

_BLOCK = 256 * 1024
# The last byte of a chunk, the end of its line, and what may have come of the end of all.
_OWED = len(b"x\r\n") + len(b"0\r\n\r")
Ripeness = Callable[[], int]  # how much of what came may be passed on


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """What a client sent and what it got, as it was on its side of the proxy."""

    link: int  # numbers the clients' connections
    place: tuple[int, int]  # rises over all connections with the moment at which the request began to come
    request: Request
    answer: Answer | None  # None: none came


@dataclasses.dataclass(slots=True)
class Link:
    number: int
    clock: Iterator[int]
    sent: bytearray = dataclasses.field(default_factory=bytearray)  # by the client
    received: bytearray = dataclasses.field(default_factory=bytearray)
    _read: tuple[int, int, list[Exchange]] = (-1, -1, [])
    _came: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # up to where of `sent`, and when
    _whole: tuple[int, int] = (0, 0)  # where the first request ends whose answer is not whole, and where that begins

    def exchanges(self) -> list[Exchange]:
        """Read anew only where something has come since."""
        came = (self._came[-1][0] if self._came else 0, len(self.received))
        if self._read[:2] != came:
            self._read = (*came, self._exchanges(*came))
        return self._read[2]

    def _exchanges(self, sent_bytes: int, received_bytes: int) -> list[Exchange]:
        found: list[Exchange] = []
        sent, received = bytes(self.sent[:sent_bytes]), bytes(self.received[:received_bytes])
        at = back = 0
        while at < len(sent):
            try:
                place = (self._came[bisect.bisect(self._came, (at + 1,))][1], at)
                request, at = read_request(sent, at)
            except BrokenOff:
                break
            answer = None
            with contextlib.suppress(BrokenOff):
                answer, back = read_answer(received, back, request.method)
            found.append(Exchange(self.number, place, request, answer))
        return found

    def note_what_came(self) -> int:
        """From the client. All of it may be passed on."""
        self._came.append((len(self.sent), next(self.clock)))
        return len(self.sent)

    def ripe(self) -> int:
        """How much of what was received the client may have by now.

        Clients break a connection off once they know enough: from the head of a failure that they will try again, or
        with the `[DONE]` of a stream. What had come of the answer by then would be chance. So a failure is passed on
        whole, and the last byte of a body in chunks together with the body's end.
        """
        asked, begun = self._whole
        while begun < len(self.received):
            method = "HEAD" if self.sent.startswith(b"HEAD ", asked) else ""
            try:
                answer, end = read_answer(self.received, begun, method)
            except BrokenOff:
                break
            if answer.framing == "close":  # So its end is that of the connection.
                return begun if answer.status >= 400 else end
            with contextlib.suppress(BrokenOff):
                asked = read_request(self.sent, asked)[1]
            self._whole = asked, begun = asked, end
        return begun + ripe_part(self.received[begun:])


def ripe_part(answer: bytearray) -> int:
    """The same of an answer that is not whole."""
    at, status = 0, 100
    while status < 200:
        shown = at
        try:
            first, headers, at = read_head(answer, at)
        except BrokenOff:
            return shown
        status = int(first.split(" ")[1])
    if status >= 400:
        return shown
    return max(at, len(answer) - _OWED) if ("transfer-encoding", "chunked") in headers else len(answer)


class Tap:
    """`with Tap() as tap:` listens at `tap.port`, and passes on to `tap.target` once that is set."""

    def __init__(self) -> None:
        self.port = self.target = 0
        self._links: list[Link] = []
        self._clock = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap", daemon=True)
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Tap":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def exchanges(self) -> list[Exchange]:
        """All so far, in the order in which they began."""
        found = [exchange for link in list(self._links) for exchange in link.exchanges()]
        return sorted(found, key=lambda exchange: exchange.place)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        link = Link(len(self._links) + 1, self._clock)
        self._links.append(link)
        server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(
                _pass(client, to_server, link.sent, link.note_what_came),
                _pass(server, to_client, link.received, link.ripe),
            )


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, copy: bytearray, ripe: Ripeness) -> None:
    """Until one of both ends is gone, which closes the other."""
    passed = 0
    with contextlib.suppress(OSError):
        while data := await source.read(_BLOCK):
            copy += data
            if (end := ripe()) > passed:
                sink.write(copy[passed:end])
                passed = end
                await sink.drain()
        sink.write(copy[passed:])
    with contextlib.suppress(OSError):
        sink.close()
        await sink.wait_closed()
