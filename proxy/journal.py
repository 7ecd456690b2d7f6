"""The journal: usage records as lines in append-only segments on the local disk, one directory for each process.

    JOURNAL_DIR/<process>/lock               held (flock) while the process lives
                          inflight           calls between admission and record (proxy.inflight)
                          <segment>.open     being written; NUL bytes may follow the last line (blocks allocated ahead)
                          <segment>.sealed   complete, fsynced, waiting for its receipt
                          <segment>.posted   in the ledger; kept for the retention time

The event loop's thread writes; the sealer's thread (proxy.sealer) fsyncs and seals; the shipper's (proxy.shipper)
publishes and deletes. A call is admitted only when room for its largest record is reserved, so that an answered call
can always be recorded.
"""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

from analytics.usage import MAX_LINE_BYTES
from proxy.failpoints import reach
from proxy.held_writes import Turn
from proxy.inflight import allocate
from proxy.process_directory import sync_directory

log = logging.getLogger(__name__)

SEAL_AFTER_SECONDS = 0.25
SEAL_AFTER_LINES = 1000  # of a process that has so many in 250 ms; others seal by the clock
_SPARE_RETRY_SECONDS = 1.0
_ROOM_RETRY_SECONDS = 1.0
_EXTENT_BYTES = 1024 * 1024
OPEN, SEALED, POSTED = ".open", ".sealed", ".posted"


class JournalFull(OSError):
    """The disk has no room for the record of another call."""


class JournalHeldBack(JournalFull):
    """There is room, but too much waits already for the ledger."""


class Segment:
    """One file of the journal while it is written."""

    __slots__ = ("capacity", "file", "id", "lines", "path", "room", "written")

    def __init__(self, directory: Path, capacity: int) -> None:
        """Raises `OSError` when the disk has no room for `capacity` bytes."""
        self.id = str(uuid.uuid4())
        self.path = directory / f"{self.id}{OPEN}"
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.capacity = 0
        self.written = 0
        self.lines = 0
        self.room = 0  # for so many of the largest lines
        try:
            self.reserve(capacity)
            sync_directory(directory)  # a line that is synced later must not be lost with the name of its file
        except OSError:
            self.discard()
            raise

    def reserve(self, capacity: int) -> None:
        if capacity > self.capacity:
            allocate(self.file, capacity)
            self._measure(capacity)

    def write(self, lines: Collection[bytes]) -> None:
        """Append these lines, all of them or none. Raises `OSError`."""
        content = b"".join(lines)
        try:
            count = os.pwrite(self.file, content, self.written)
        except OSError:
            self._erase_after_last_line()
            raise
        if count != len(content):
            self._erase_after_last_line()
            raise OSError("short write to the journal")
        self.written += count
        self.lines += len(lines)
        self._measure(self.capacity)

    def _erase_after_last_line(self) -> None:
        """Back to the last good offset: nothing of a half-written line may be read later."""
        os.ftruncate(self.file, self.written)
        self._measure(self.written)

    def _measure(self, capacity: int) -> None:
        self.capacity = capacity
        self.room = (capacity - self.written) // MAX_LINE_BYTES

    def discard(self) -> None:
        os.close(self.file)
        self.path.unlink(missing_ok=True)


class Journal:
    """The writing side. Everything here runs in the event loop's thread."""

    def __init__(
        self,
        directory: Path,
        *,
        seal: Callable[[Segment], None],
        request_spare: Callable[[int], None],
        on_written: Callable[[Collection[int]], None],
        syncs_always: bool = False,
        turn: Turn | None = None,
    ) -> None:
        """`seal` takes over a finished segment; `request_spare(capacity)` has `add_spare` called, soon, in this
        thread. `on_written` hears the slots of records (`proxy.inflight`) that survive the death of the process from
        then on. With `turn` those of a turn are written together, before the last byte of their answers goes out.
        """
        self.syncs_always = syncs_always
        self._seal = seal
        self._request_spare = request_spare
        self._on_written = on_written
        self._current = Segment(directory, _EXTENT_BYTES)
        self._spare: Segment | None = None
        self._reserved = 0
        self._turn = turn
        self._gathered: dict[int, bytes] = {}  # in this turn, by the slots of their calls
        self._unwritten: dict[int, bytes] = {}  # there was no room
        self._timer: asyncio.TimerHandle | None = None
        self._sync_round: asyncio.Task[None] | None = None
        self._retired: list[Segment] = []  # written to no more, and not to be sealed before the next fsync is over
        self._is_closed = False
        self._appended = self._synced = 0
        self._is_spare_requested = True
        self._is_full = False
        self._held_back = ""  # why no further calls are let in although there is room
        request_spare(_EXTENT_BYTES)

    @property
    def problem(self) -> str:
        """Why calls are refused; empty while they are taken."""
        return self._held_back or ("The disk of the journal has no room." if self._is_full else "")

    @property
    def appended(self) -> int:
        """How many records were written since the start."""
        return self._appended

    def hold_back(self, reason: str) -> None:
        """Let no further calls in, or with an empty reason let them in again. Called by any thread."""
        self._held_back = reason

    def reserve(self) -> None:
        """Reserve room for one record. Raises `JournalFull`."""
        if self._held_back:
            raise JournalHeldBack(self._held_back)
        if self._reserved >= self._current.room or self._unwritten:
            self._make_room()
        self._reserved += 1

    def release(self) -> None:
        """Give back a reservation that no record was written for."""
        self._reserved -= 1

    def append(self, line: bytes, slot: int) -> None:
        """Write one record into the room reserved for it. `slot` is its call's."""
        if self._is_closed:
            log.critical("journal: a call ended after the journal was closed; it becomes an interrupted record")
            return
        gathered, turn = self._gathered, self._turn
        gathered[slot] = line
        if turn is None or turn.at_once:
            self._write_gathered()
        elif len(gathered) == 1:
            turn.begin_end_with(self._write_gathered, asyncio.get_running_loop())

    def _write_gathered(self) -> None:
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, {}
        try:
            self._write(gathered)
        except OSError as error:
            path, why = self._current.path, error.strerror
            log.critical("journal: cannot write to %s (%s); %d records wait in memory", path, why, len(gathered))
            self._unwritten |= gathered
            self._rotate()
        if self._current.lines >= SEAL_AFTER_LINES:
            self._rotate()
        elif self._timer is None:
            self._wait(SEAL_AFTER_SECONDS)

    async def sync(self) -> None:
        """Until everything appended so far is on the disk itself. Concurrent callers share an fsync; a caller that is
        cancelled leaves it to the others.
        """
        self._write_gathered()
        target = self._appended
        while self._synced < target:
            await asyncio.shield(self._begin_sync())

    def add_spare(self, spare: Segment | None) -> None:
        """The next segment, prepared off the event loop. None when the disk had no room for it."""
        self._spare = spare
        if spare is not None:
            self._is_spare_requested = False
        else:
            asyncio.get_running_loop().call_later(_SPARE_RETRY_SECONDS, self._allow_spare_request)

    async def close(self) -> None:
        """Hand over what is left. What is appended afterwards is not written, and its slot stays."""
        self._is_closed = True
        self._write_gathered()
        if self._timer is not None:
            self._timer.cancel()
        while self._sync_round is not None:
            with contextlib.suppress(OSError):
                await self._sync_round
        try:
            self._retry_unwritten()
        except OSError:
            log.critical(
                "journal: %d records could not be written; their slots become interrupted records", len(self._unwritten)
            )
        for segment in [*self._retired, self._current]:
            self._seal(segment)
        if self._spare is not None:
            self._spare.discard()

    def _write(self, lines: dict[int, bytes]) -> None:
        self._current.write(lines.values())
        self._reserved -= len(lines)
        self._appended += len(lines)
        self._on_written(lines)

    def _make_room(self) -> None:
        needed = self._current.written + (self._reserved + 1) * MAX_LINE_BYTES
        try:
            self._current.reserve(needed + _EXTENT_BYTES)
            self._retry_unwritten()
        except OSError as error:
            if not self._is_full:
                self._is_full = True
                asyncio.get_running_loop().call_later(_ROOM_RETRY_SECONDS, self._look_for_room)
            raise JournalFull(*error.args) from error
        self._is_full = False

    def _look_for_room(self) -> None:
        """Without waiting for a call: as long as readiness says that there is no room, none may come."""
        if not self._is_full or self._is_closed:
            return
        self._is_full = False
        with contextlib.suppress(JournalFull):
            self._make_room()

    def _retry_unwritten(self) -> None:
        while self._unwritten:
            slot, line = next(iter(self._unwritten.items()))
            self._write({slot: line})
            del self._unwritten[slot]

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self._retry_unwritten()
        except OSError:
            self._wait(SEAL_AFTER_SECONDS)
        if self._current.lines or self._unwritten:
            self._rotate()

    def _begin_sync(self) -> asyncio.Task[None]:
        if self._sync_round is None:
            self._sync_round = asyncio.create_task(self._sync_everything())
        return self._sync_round

    async def _sync_everything(self) -> None:
        covered = self._appended
        retired = list(self._retired)
        files = [segment.file for segment in [*retired, self._current]]
        try:
            await asyncio.get_running_loop().run_in_executor(None, _sync_files, files)
            self._synced = covered
        finally:
            self._sync_round = None
            self._retired = self._retired[len(retired) :]
            for segment in retired:
                self._seal(segment)
            if self._retired:
                self._begin_sync()

    def _allow_spare_request(self) -> None:
        self._is_spare_requested = False

    def _rotate(self) -> None:
        """Seal the current segment and go on with the spare one. Without a spare that has room, the current one
        stays.
        """
        needed = (self._reserved + 1) * MAX_LINE_BYTES
        if self._spare is not None and self._spare.capacity >= needed:
            reach("journal.rotate")
            finished, self._current, self._spare = self._current, self._spare, None
            if self.syncs_always or self._sync_round is not None:
                self._retired.append(finished)  # its last lines may have to be on the disk before others' answers end
                self._begin_sync()
            else:
                self._seal(finished)
        elif self._timer is None:
            self._wait(SEAL_AFTER_SECONDS / 4)
        if not self._is_spare_requested and (self._spare is None or self._spare.capacity < needed):
            if self._spare is not None:
                self._spare.discard()
                self._spare = None
            self._is_spare_requested = True
            self._request_spare(needed * 2 + _EXTENT_BYTES)


def _sync_files(files: list[int]) -> None:
    for file in files:
        os.fsync(file)


def complete_lines(content: bytes) -> bytes:
    """What counts of a segment that its process did not seal: whole lines, without the NUL bytes allocated ahead."""
    end = content.find(b"\0")
    if end >= 0:
        content = content[:end]
    return content[: content.rfind(b"\n") + 1]
