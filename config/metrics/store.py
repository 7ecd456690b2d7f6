"""The numbers of one process, in a file mapped into its memory: counting is an addition, and a kill loses none.

Every process locks its own file while it lives. Whoever reads adds the files of the dead to one sum and removes them,
so that counters never go back, and the gauges of the dead are gone. A file is a row of cells: a number, the length of
a name, and the name, which is a JSON list of the family, the part of it (a histogram's) and the labels.
"""

import fcntl
import json
import logging
import mmap
import os
import struct
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.metrics.families import FAMILIES, Family

log = logging.getLogger(__name__)

Series = tuple[str, ...]  # family, part, labels
Values = dict[Series, float]

CELL_BYTES = 128
_CELLS = 4096
STRIDE = CELL_BYTES // 8  # from one cell to the next, in numbers
_NAME_AT = 10
_LENGTH = struct.Struct("<H")
_NUMBER = struct.Struct("<d")
_SUFFIX = ".numbers"
_TOTAL = "of-the-dead.json"
_LOCK_SECONDS = 2.0  # to read takes milliseconds; a process that was stopped in it must not stop the others
OTHER = "other"


class Store:
    """One process's numbers. Each series is written by one thread, or by `add`."""

    def __init__(self, folder: Path) -> None:
        """Where the folder cannot be used, the numbers are this process's own, and are lost with it."""
        self.path = folder / f"{uuid.uuid4().hex}{_SUFFIX}"
        self._lock_file = -1
        try:
            self._map = self._open(folder)
        except OSError as error:
            log.warning("metrics: %s cannot be used (%s); other processes do not see these.", folder, error.strerror)
            self._map = mmap.mmap(-1, _CELLS * CELL_BYTES)
        self.values = memoryview(self._map).cast("d")
        self._cells: dict[Series, int] = {}
        self._lock = threading.Lock()

    def _open(self, folder: Path) -> mmap.mmap:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = self.path.with_suffix(".new")
        with open(hidden, "xb+", opener=_private) as file:
            # Written, not only made long: a page that the disk has no room for would kill the process.
            file.write(bytes(_CELLS * CELL_BYTES))
            file.flush()
            mapped = mmap.mmap(file.fileno(), _CELLS * CELL_BYTES)
        # Another descriptor than the map's, which would hold the lock for as long as there is the map.
        self._lock_file = os.open(hidden, os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(self.path)  # only now can others see it, and it is locked
        return mapped

    def place(self, family: Family, *labels: str, part: str = "") -> int:
        """Where in `values` the number of this series is. Beyond the room for them, series share one named `other`."""
        series = (family.name, part, *labels)
        at = self._cells.get(series)
        if at is None:
            with self._lock:
                at = self._cells[series] if series in self._cells else self._add(series)
        return at

    def histogram(self, family: Family, *labels: str) -> int:
        """Where its first bucket is; each next one, and at the end the sum, is `STRIDE` further."""
        buckets = [str(number) for number in range(len(family.bounds) + 1)]
        with self._lock:
            cells = [self._cells.get((family.name, part, *labels)) for part in (*buckets, "sum")]
            if cells[0] is not None:
                return cells[0]
            if len(self._cells) + len(cells) >= _CELLS:
                raise ValueError("too many series")
            places = [self._add((family.name, part, *labels)) for part in (*buckets, "sum")]
            return places[0]

    def add(self, family: Family, *labels: str, by: float = 1.0) -> None:
        """From any thread."""
        at = self.place(family, *labels)
        with self._lock:
            self.values[at] += by

    def set(self, family: Family, value: float, *labels: str) -> None:
        self.values[self.place(family, *labels)] = value

    def close(self) -> None:
        """The file stays, for whoever reads next."""
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    def own(self) -> Values:
        """Read back as others read the file."""
        return dict(_cells(bytes(self._map)))

    def _add(self, series: Series) -> int:
        name = json.dumps(series, separators=(",", ":")).encode()
        if len(name) > CELL_BYTES - _NAME_AT or len(self._cells) >= _CELLS - len(FAMILIES):
            series = (*series[:2], *[OTHER] * (len(series) - 2))
            if series in self._cells:
                return self._cells[series]
            name = json.dumps(series, separators=(",", ":")).encode()
        number = len(self._cells)
        at = number * CELL_BYTES
        self._map[at + _NAME_AT : at + _NAME_AT + len(name)] = name
        _LENGTH.pack_into(self._map, at + 8, len(name))  # last: from here on the cell counts
        self._cells[series] = number * STRIDE
        return number * STRIDE


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _cells(content: bytes) -> Iterator[tuple[Series, float]]:
    for at in range(0, len(content) - CELL_BYTES + 1, CELL_BYTES):
        (length,) = _LENGTH.unpack_from(content, at + 8)
        if not length:
            return
        name = json.loads(content[at + _NAME_AT : at + _NAME_AT + length])
        yield tuple(name), _NUMBER.unpack_from(content, at)[0]


def read(folder: Path) -> list[Values]:
    """The numbers of the dead, together, and then those of each process that lives.

    Raises `TimeoutError` where another reader does not come to its end, and other `OSError`s.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        sums, merged = _read_total(folder)
        living, dead = [], []
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                content = os.pread(file, _CELLS * CELL_BYTES, 0)
                if _is_held(file):
                    living.append(dict(_cells(content)))
                else:
                    dead.append(path)
                    if path.name not in merged:
                        _bury(sums, dict(_cells(os.pread(file, _CELLS * CELL_BYTES, 0))))
            finally:
                os.close(file)
        if dead:
            _write_total(folder, sums, [path.name for path in dead])
            for path in dead:
                path.unlink()
    return [sums, *living]


def _bury(sums: Values, last: Values) -> None:
    for series, value in last.items():
        family = FAMILIES.get(series[0])
        if family is not None and family.kind != "gauge":
            sums[series] = sums.get(series, 0.0) + value


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One reader at a time, over all processes."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock_in_time(lock)
        yield
    finally:
        os.close(lock)


def _lock_in_time(lock: int) -> None:
    until = time.monotonic() + _LOCK_SECONDS
    while _is_held(lock):
        if time.monotonic() > until:
            raise TimeoutError("another process reads the numbers and does not end")
        time.sleep(0.005)


def _read_total(folder: Path) -> tuple[Values, set[str]]:
    """The sums, and which files are in them: a reader that died may have left those."""
    try:
        kept = json.loads((folder / _TOTAL).read_text())
        return {tuple(series): float(value) for series, value in kept["values"]}, set(kept["merged"])
    except FileNotFoundError:
        return {}, set()
    except (ValueError, KeyError, TypeError):
        log.error("metrics: %s cannot be read; counters begin at 0 again.", folder / _TOTAL)
        return {}, set()


def _write_total(folder: Path, sums: Values, merged: list[str]) -> None:
    unready = folder / f"{_TOTAL}.new"
    unready.write_text(json.dumps({"merged": merged, "values": [[series, value] for series, value in sums.items()]}))
    unready.replace(folder / _TOTAL)
