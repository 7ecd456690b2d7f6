"""Writes that wait for the end of the event loop's turn, and then go out one after the other.

A write to a socket wakes whoever waits at its other end. Where a turn serves many calls, the first of the writes at its
end wakes the other side, and the others find it awake; written one by one between calls, each has to wake it anew,
which is a third to two thirds of what such a write costs (benchmarks/calls.md). A turn without others to wait for
gains nothing by that, so after some of these writes go out at once for a while.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, cast
from weakref import WeakKeyDictionary

log = logging.getLogger(__name__)

# A write up to this can wait. Not more of one connection's does than this, so flow control is no turn late with much.
MAX_HELD_BYTES = 64 * 1024
# Writes of one connection up to this become one.
_MAX_JOINED_BYTES = 8 * 1024
# So many do not wait for the rest of a long turn: nothing is left to be gained by that.
_MAX_WAITING = 32
# After so many turns in a row that held a single write, so many go out at once.
_LONELY_TURNS = 3
_AT_ONCE = 64


class Turn:
    """The writes of one event loop's turn."""

    __slots__ = ("_lonely", "at_once", "first", "waiting")

    def __init__(self) -> None:
        self.waiting: list[HeldWrites] = []
        self.first: Callable[[], None] | None = None  # before the next byte goes out
        self._lonely = 0
        self.at_once = 0  # so many writes need not wait

    def begin_end_with(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Have `work` done, once, before the next byte goes out, or at the end of this turn. There is one such."""
        self.first = work
        loop.call_soon(self.settle)

    def settle(self) -> None:
        if self.first is not None:
            work, self.first = self.first, None
            try:
                work()
            except Exception:
                log.exception("What comes before the writes of a turn has failed; they go out all the same")

    def end(self) -> None:
        if self.first is not None:
            self.settle()
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            try:
                one.flush()
            except Exception:
                log.exception("A write of a turn has failed; the others go out all the same")
        if len(waiting) != 1:
            self._lonely = 0
            return
        self._lonely += 1
        if self._lonely >= _LONELY_TURNS:
            self._lonely, self.at_once = 0, _AT_ONCE


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turn] = WeakKeyDictionary()


def turn_of(loop: asyncio.AbstractEventLoop) -> Turn:
    return _turns.get(loop) or _turns.setdefault(loop, Turn())


class HeldWrites(asyncio.Transport):
    """A transport over the loop's own. Whatever else is done with a connection, what was written before comes first."""

    __slots__ = ("_loop", "_plain", "_turn", "held")

    def __init__(self, plain: asyncio.BaseTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._plain = cast("asyncio.Transport", plain)
        self._loop = loop
        self._turn = turn_of(loop)
        self.held: bytes = b""

    # --- Writing ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.held and self._joins(data):
            return
        turn = self._turn
        if turn.at_once or len(data) > MAX_HELD_BYTES:
            turn.at_once = max(turn.at_once - 1, 0)
            turn.settle()
            self._plain.write(data)
        elif data:
            self.held = data if type(data) is bytes else bytes(data)
            waiting = turn.waiting
            if not waiting:
                # Behind all that runs in this turn: what it calls soon is run in the next one, which begins with this.
                self._loop.call_soon(turn.end)
            waiting.append(self)
            if len(waiting) >= _MAX_WAITING:
                turn.end()

    def _joins(self, data: bytes | bytearray | memoryview) -> bool:
        """Whether it goes out together with what is held. Otherwise that goes first."""
        if len(self.held) + len(data) <= _MAX_JOINED_BYTES:
            self.held += data
            return True
        self.flush()
        return False

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def flush(self) -> None:
        held, plain = self.held, self._plain
        if held and not plain.is_closing():  # Where nobody takes it any more, it can still be taken back.
            self.held = b""
            if (turn := self._turn).first is not None:
                turn.settle()
            plain.write(held)

    def take_back(self) -> bytes:
        """What has been written and is not on its way."""
        held, self.held = self.held, b""
        return held

    def get_write_buffer_size(self) -> int:
        return len(self.held) + self._plain.get_write_buffer_size()

    def close(self) -> None:
        self.flush()
        self._plain.close()

    def abort(self) -> None:
        self.flush()
        self._plain.abort()

    def can_write_eof(self) -> bool:
        return self._plain.can_write_eof()

    def write_eof(self) -> None:
        self.flush()
        self._plain.write_eof()

    # --- The loop's own ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._plain.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._plain.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._plain.get_protocol()

    def is_closing(self) -> bool:
        return self._plain.is_closing()

    def is_reading(self) -> bool:
        return self._plain.is_reading()

    def pause_reading(self) -> None:
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        self._plain.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._plain.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._plain.get_write_buffer_limits()
