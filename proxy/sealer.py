"""The thread that completes segments and prepares the next ones, so that the event loop never waits for the disk.

It asks no database and no network: whatever else is away, a power loss costs no more than a segment's open time.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from proxy.failpoints import reach
from proxy.journal import SEALED, Segment
from proxy.process_directory import sync_directory

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0


class Sealer:
    def __init__(
        self,
        directory: Path,
        *,
        deliver_sealed: Callable[[Path], None],
        deliver_spare: Callable[[Segment | None], None],
    ) -> None:
        """Both are called in this thread."""
        self._directory = directory
        self._deliver_sealed = deliver_sealed
        self._deliver_spare = deliver_spare
        self._orders: queue.SimpleQueue[Segment | int | None] = queue.SimpleQueue()
        self._unfinished: list[Segment] = []
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    # Called by the event loop's thread.

    def seal(self, segment: Segment) -> None:
        self._orders.put(segment)

    def request_spare(self, capacity: int) -> None:
        self._orders.put(capacity)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Seal what was handed over, then end. What cannot be sealed stays as it is for the next process."""
        self._orders.put(None)
        self._thread.join(timeout)

    # The sealer's own thread.

    def _run(self) -> None:
        is_stopping = False
        while not is_stopping:
            try:
                order = self._orders.get(timeout=_RETRY_SECONDS if self._unfinished else None)
            except queue.Empty:
                order = 0
            is_stopping = order is None
            unfinished, self._unfinished = self._unfinished, []
            for segment in [*unfinished, *([order] if isinstance(order, Segment) else [])]:
                self._finish(segment)
            if order and isinstance(order, int):
                self._prepare(order)

    def _finish(self, segment: Segment) -> None:
        try:
            sealed = complete(segment)
        except OSError:
            log.exception("journal: segment %s cannot be sealed, trying again", segment.path)
            self._unfinished.append(segment)
            return
        if sealed is not None:
            reach("journal.sealed")
            self._deliver_sealed(sealed)

    def _prepare(self, capacity: int) -> None:
        try:
            self._deliver_spare(Segment(self._directory, capacity))
        except OSError as error:
            log.critical("journal: no room for the next segment in %s: %s", self._directory, error.strerror)
            self._deliver_spare(None)


def complete(segment: Segment) -> Path | None:
    """Give back the blocks allocated ahead, fsync the file, rename it, fsync the directory. None when it was empty.

    Safe to call again after an `OSError`.
    """
    if segment.lines == 0:
        segment.discard()
        return None
    os.ftruncate(segment.file, segment.written)
    os.fsync(segment.file)
    try:
        sealed = seal_file(segment.path)
    except FileNotFoundError:
        log.critical("journal: somebody removed %s; its %d records are written again", segment.path, segment.lines)
        sealed = write_sealed(segment.path, os.pread(segment.file, segment.written, 0))
    os.close(segment.file)
    return sealed


def seal_file(path: Path) -> Path:
    """Rename a segment whose content is on the disk, for good."""
    sealed = path.with_suffix(SEALED)
    path.rename(sealed)
    sync_directory(path.parent)
    return sealed


def write_sealed(path: Path, content: bytes) -> Path:
    """A sealed segment, there whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    unready = path.with_suffix(".unready")
    with unready.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return seal_file(unready)
