"""A process tells the ledger what it let in and what of it is still here: `analytics.completeness` shows it.

Done in the shipper's thread, every few seconds when something changed. While the database is away nobody hears it.
"""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from django.db import Error, connection

from analytics import completeness
from analytics.models import JournalState

_SAY_SECONDS = 5.0
_SAY_AGAIN_SECONDS = 20.0  # though nothing changed: that the process is there


class Counts(msgspec.Struct, frozen=True):
    """Of one moment, taken on the event loop, so that they agree with each other."""

    accepted: int
    written: int
    in_flight: int


class Statement:
    def __init__(self, own: Path, count: Callable[[], Counts], weigh: Callable[[], tuple[int, int, float]]) -> None:
        """`own`: the process's directory. `weigh`: segments that wait, their bytes, the age of the oldest."""
        self._own = own
        self._count = count
        self._weigh = weigh
        self._said: tuple[Counts, int] | None = None
        self._said_at = float("-inf")
        self._others = self._directories()

    def make(self, *, is_last: bool = False) -> None:
        """Say it if it is time to."""
        segments, _, oldest = self._weigh()
        now = (self._count(), segments)
        age = time.monotonic() - self._said_at
        if not is_last and age < (_SAY_SECONDS if now != self._said else _SAY_AGAIN_SECONDS):
            return
        try:
            self._say(*now, oldest)
        except Error:
            return
        finally:
            if is_last:
                connection.close()
        self._said, self._said_at = now, time.monotonic()

    def _say(self, counts: Counts, segments: int, oldest: float) -> None:
        now = datetime.now(UTC)
        state = JournalState(
            process=self._own.name,
            host=socket.gethostname()[:64],
            accepted_count=counts.accepted,
            written_count=counts.written,
            in_flight_count=counts.in_flight,
            waiting_segments=segments,
            oldest_waiting_at=now - timedelta(seconds=oldest) if segments else None,
            seen_at=now,
        )
        completeness.say([state])
        there = self._directories()
        if gone := self._others - there:
            completeness.forget(gone)
        self._others = there

    def _directories(self) -> set[str]:
        try:
            return {path.name for path in self._own.parent.iterdir() if len(path.name) == 32}
        except OSError:
            return set()
