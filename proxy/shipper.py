"""From sealed segments to posted ones: the thread of each proxy process that fsyncs, publishes, watches receipts and
adopts.

A segment stays on the disk until the ledger holds its receipt with the same number of lines and the same SHA-256, and
then for the retention time. Publishing again is harmless: posting is idempotent.
"""

import fcntl
import hashlib
import logging
import os
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from django.db import close_old_connections, connections

from analytics.models import UsageBatch
from analytics.usage import decode_facts, decode_line, encode_line, interrupted
from proxy import tasks
from proxy.failpoints import reach
from proxy.inflight import read_slots
from proxy.journal import OPEN, POSTED, SEALED, Segment, complete_lines, sync_directory
from proxy.publishing import Publisher

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_ADOPT_SECONDS = 30.0
_FIRST_RETRY_SECONDS = 10.0
_LONGEST_RETRY_SECONDS = 300.0
_INTERRUPTED = uuid.UUID("6f0c3c1e-3b0a-4d53-9d1e-0b7b6c9d3f11")


class _Waiting:
    """A sealed segment without a receipt."""

    __slots__ = ("attempts", "digest", "lines", "next_attempt_at", "path")

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        self.path = path
        self.lines = content.count(b"\n")
        self.digest = hashlib.sha256(content).hexdigest()
        self.attempts = 0
        self.next_attempt_at = 0.0


class Shipper:
    def __init__(
        self,
        root: Path,
        own: Path,
        *,
        publisher: Publisher,
        retention_seconds: float,
        deliver_spare: Callable[[Segment | None], None],
    ) -> None:
        self._root = root
        self._own = own
        self._publisher = publisher
        self._retention_seconds = retention_seconds
        self._deliver_spare = deliver_spare
        self._orders: queue.SimpleQueue[Segment | int | None] = queue.SimpleQueue()
        self._waiting: dict[str, _Waiting] = {}
        self._adopted_at = 0.0
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    # Called by the event loop's thread.

    def seal(self, segment: Segment) -> None:
        self._orders.put(segment)

    def request_spare(self, capacity: int) -> None:
        self._orders.put(capacity)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Ship what is sealed, then end. What cannot be shipped stays on the disk for the next process."""
        self._orders.put(None)
        self._thread.join(timeout)

    # The shipper's own thread.

    def _run(self) -> None:
        while not self._is_stopping:
            self._follow_orders()
            self._guarded(self._work)
        self._guarded(self._ship_the_rest)
        connections.close_all()

    def _guarded(self, step: Callable[[], None]) -> None:
        """Whatever goes wrong in a round is logged, and the next round tries again."""
        try:
            close_old_connections()
            step()
        except Exception:
            log.exception("shipper: a round failed, trying again")
        finally:
            close_old_connections()

    def _follow_orders(self) -> None:
        """Wait for an order, or for the next round, and take all that have come in."""
        try:
            order = self._orders.get(timeout=_POLL_SECONDS)
            while True:
                self._follow(order)
                order = self._orders.get_nowait()
        except queue.Empty:
            pass

    def _follow(self, order: Segment | int | None) -> None:
        if order is None:
            self._is_stopping = True
        elif isinstance(order, Segment):
            self._guarded(partial(self._finish, order))
        else:
            try:
                self._deliver_spare(Segment(self._own, order))
            except OSError as error:
                log.critical("journal: no room for the next segment in %s: %s", self._own, error.strerror)
                self._deliver_spare(None)

    def _finish(self, segment: Segment) -> None:
        """Seal: give back the blocks allocated ahead, fsync the file, rename it, fsync the directory."""
        if segment.lines == 0:
            segment.discard()
            return
        os.ftruncate(segment.file, segment.written)
        os.fsync(segment.file)
        os.close(segment.file)
        self._expect(_seal_file(segment.path))
        reach("journal.sealed")

    def _expect(self, sealed: Path) -> None:
        self._waiting[sealed.stem] = _Waiting(sealed)

    def _work(self) -> None:
        now = time.monotonic()
        if now - self._adopted_at > _ADOPT_SECONDS or not self._adopted_at:
            self._adopted_at = now
            self._adopt_all()
            self._delete_expired()
        self._settle_receipts()
        self._publish_due()
        self._settle_receipts()

    def _publish_due(self) -> None:
        now = time.monotonic()
        due = [name for name, waiting in self._waiting.items() if waiting.next_attempt_at <= now]
        for name in due:
            waiting = self._waiting[name]
            if not self._publisher.has_room():
                return
            delay = min(_FIRST_RETRY_SECONDS * 2**waiting.attempts, _LONGEST_RETRY_SECONDS)
            waiting.attempts += 1
            waiting.next_attempt_at = time.monotonic() + delay
            reach("shipper.before_publish")
            try:
                self._publisher.publish(name, _lines_of(waiting.path))
            except Exception as error:  # noqa: BLE001 - a broker's client raises many kinds
                log.warning("shipper: segment %s not published (%s), again in %d s", name, type(error).__name__, delay)
                return
            reach("shipper.after_publish")

    def _settle_receipts(self) -> None:
        """Take every segment whose receipt agrees as posted."""
        sent = [name for name, waiting in self._waiting.items() if waiting.attempts]
        for start in range(0, len(sent), 500):
            receipts = UsageBatch.objects.filter(segment_id__in=sent[start : start + 500])
            for segment_id, lines, digest in receipts.values_list("segment_id", "line_count", "sha256"):
                self._settle(str(segment_id), lines, digest)

    def _settle(self, name: str, lines: int, digest: str) -> None:
        waiting = self._waiting[name]
        if (lines, digest) != (waiting.lines, waiting.digest):
            if waiting.next_attempt_at != float("inf"):
                log.critical("shipper: the receipt of segment %s differs from the file, which is kept", name)
                waiting.next_attempt_at = float("inf")
            return
        reach("shipper.before_deletion")
        del self._waiting[name]
        waiting.path.rename(waiting.path.with_suffix(POSTED))

    def _delete_expired(self) -> None:
        oldest = time.time() - self._retention_seconds
        for posted in self._own.glob(f"*{POSTED}"):
            if posted.stat().st_mtime < oldest:
                posted.unlink()

    def _ship_the_rest(self) -> None:
        """Orderly shutdown: publish; without a broker post directly; what then has no receipt stays for the next
        process.
        """
        for name, waiting in list(self._waiting.items()):
            if waiting.attempts:
                continue
            waiting.attempts = 1
            lines = _lines_of(waiting.path)
            try:
                self._publisher.publish(name, lines)
            except Exception as error:  # noqa: BLE001
                log.warning("shipper: segment %s not published (%s), posting it directly", name, type(error).__name__)
                self._guarded(partial(tasks.post_batch, name, lines))
        self._settle_receipts()
        self._delete_expired()

    # Directories whose process is gone.

    def _adopt_all(self) -> None:
        for directory in self._root.iterdir():
            if directory.is_dir() and directory != self._own:
                try:
                    self._adopt(directory)
                except OSError as error:
                    log.warning("shipper: cannot adopt %s: %s", directory, error)

    def _adopt(self, directory: Path) -> None:
        try:
            lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # being made, or being removed by another process
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return
        try:
            for segment in directory.glob(f"*{OPEN}"):
                _seal_left_behind(segment)
            _record_interrupted_calls(directory)
            for segment in [*directory.glob(f"*{SEALED}"), *directory.glob(f"*{POSTED}")]:
                moved = self._own / segment.name
                segment.rename(moved)
                if moved.suffix == SEALED:
                    self._expect(moved)
            sync_directory(self._own)
            shutil.rmtree(directory)
        finally:
            os.close(lock)


def _seal_file(path: Path) -> Path:
    sealed = path.with_suffix(SEALED)
    path.rename(sealed)
    sync_directory(path.parent)
    return sealed


def _lines_of(path: Path) -> list[str]:
    # A character that is no UTF-8 cannot be in a line of ours; were it there, the digest would tell.
    return path.read_bytes().decode("utf-8", "replace").split("\n")[:-1]


def _seal_left_behind(path: Path) -> None:
    with path.open("r+b") as file:
        content = complete_lines(file.read())
        file.truncate(len(content))
        os.fsync(file.fileno())
    if content:
        _seal_file(path)
    else:
        path.unlink()


def _record_interrupted_calls(directory: Path) -> None:
    """Write the calls that a crash cut off as a segment of their own, named after the directory so that doing it
    twice is one.

    Must run before the directory's segments move away: a call whose record is in one of them is not interrupted.
    """
    inflight = directory / "inflight"
    recorded = {
        call_id
        for suffix in (SEALED, POSTED)
        for segment in directory.glob(f"*{suffix}")
        for call_id in _call_ids(segment)
    }
    lines = []
    for slot in read_slots(inflight):
        try:
            facts = decode_facts(slot)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.error("shipper: an in-flight slot of %s cannot be read", directory)
            continue
        if facts.id not in recorded:
            lines.append(encode_line(interrupted(facts)))
    if lines:
        log.warning("shipper: %d calls of a process that died are recorded as interrupted", len(lines))
        target = directory / f"{uuid.uuid5(_INTERRUPTED, directory.name)}{OPEN}"
        with target.open("wb") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        _seal_file(target)
    inflight.unlink(missing_ok=True)


def _call_ids(segment: Path) -> set[str]:
    ids = set()
    for line in segment.read_bytes().splitlines():
        try:
            ids.add(decode_line(line).id)
        except (ValueError, msgspec.MsgspecError):
            log.error("shipper: a line of segment %s cannot be read", segment)
    return ids
