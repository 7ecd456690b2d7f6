"""The in-flight file: one slot for each call between its admission and its record.

Before the provider is called, the call's facts enter a slot of a memory-mapped file; the slot is cleared after the
record was appended to the journal. Slots that survive a crash become `interrupted` records. The file's blocks are
allocated before they are used, because a page that the disk has no room for would kill the process.
"""

import mmap
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from proxy.failpoints import IS_ARMED, reach

SLOT_BYTES = 8 * 1024
_LENGTH = struct.Struct("=I")  # who adopts it is on the same machine
_LENGTH_BYTES = _LENGTH.size
_ROOM = SLOT_BYTES - _LENGTH_BYTES
_FIRST_SLOTS = 256


class NoRoom(OSError):
    """The disk has no room for another slot."""


class InflightFile:
    """Slots of one process. Used by the event loop's thread alone."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._slots = 0
        self.entered = 0  # since the start
        self._free: list[int] = []
        self._grow(_FIRST_SLOTS)

    @property
    def in_use(self) -> int:
        return self._slots - len(self._free)

    def enter(self, facts: bytes) -> int:
        """Write the facts into a free slot; its number. Raises `NoRoom`."""
        if not self._free:
            self._grow(self._slots * 2)
        length = len(facts)
        if length > _ROOM:
            raise ValueError("the facts of a call are larger than a slot")
        slot = self._free.pop()
        start = slot * SLOT_BYTES + _LENGTH_BYTES
        self._map[start : start + length] = facts
        self._lengths[slot] = length  # last: from here on the slot counts
        self.entered += 1
        return slot

    def clear(self, slots: Collection[int]) -> None:
        """The records of these calls are in the journal."""
        lengths = self._lengths
        for slot in slots:
            if IS_ARMED:
                reach("call.appended")
            lengths[slot] = 0
        self._free += slots

    def close(self) -> None:
        del self._lengths, self._map
        os.close(self._file)

    def _grow(self, slots: int) -> None:
        try:
            allocate(self._file, slots * SLOT_BYTES)
        except OSError as error:
            raise NoRoom(*error.args) from error
        self._map = mmap.mmap(self._file, slots * SLOT_BYTES)
        # A map goes with the last view of it.
        self._lengths = memoryview(self._map).cast("I")[:: SLOT_BYTES // _LENGTH_BYTES]
        self._free.extend(range(slots - 1, self._slots - 1, -1))
        self._slots = slots


def allocate(file: int, size: int) -> None:
    """Make the file at least `size` bytes long with blocks of its own on the disk. Raises `OSError` when there is no
    room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    at = os.fstat(file).st_size  # macOS: written zeros take up their blocks
    while at < size:
        at += os.pwrite(file, bytes(min(size - at, 1024 * 1024)), at)


def read_slots(path: Path) -> Iterator[bytes]:
    """The facts of every used slot of a file that a process left behind."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for start in range(0, len(content) - _LENGTH_BYTES, SLOT_BYTES):
        (length,) = _LENGTH.unpack_from(content, start)
        if 0 < length <= _ROOM:
            yield content[start + _LENGTH_BYTES : start + _LENGTH_BYTES + length]
