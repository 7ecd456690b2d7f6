"""From sealed segments to posted ones: the thread of each proxy process that publishes, watches receipts and adopts.

A segment stays on the disk until the ledger holds its receipt with the same number of lines and the same SHA-256, and
then for the retention time. Publishing again is harmless: posting is idempotent.
"""

import contextlib
import hashlib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from django.db import close_old_connections, connections

from analytics.models import UsageBatch
from analytics.usage import NewerFormat
from proxy import tasks
from proxy.adoption import adopt_all
from proxy.failpoints import reach
from proxy.journal import POSTED, SEALED
from proxy.publishing import Publisher, lines_of

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_PAUSE_SECONDS = 0.2  # between two rounds: under load a segment is sealed more often
_SETTLE_SECONDS = 0.5  # between two questions to the database: nobody waits for their answers
ADOPT_SECONDS = 30.0
_LOOK_SECONDS = 5.0
_LOOK_FOR_SOMEBODY_AWAY_SECONDS = 1.0
FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 300.0
_LAST_RECEIPTS_SECONDS = 3.0


class _Waiting:
    """A sealed segment without a receipt."""

    __slots__ = ("attempts", "digest", "is_published", "lines", "next_attempt_at", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.digest = ""  # until it is read
        self.attempts = 0
        self.next_attempt_at = 0.0
        self.is_published = False  # the broker took it

    def read(self) -> bytes:
        """The content, which is read anew each time. What the receipt must say is what was read first."""
        with self.path.open("rb", buffering=0) as file:
            content = file.readall()
        if not self.digest:
            self.lines = len(content) - len(content.replace(b"\n", b""))  # `count` takes seven times as long
            self.digest = hashlib.sha256(content).hexdigest()
        return content


class Backlog:
    """How many bytes of sealed segments wait for their receipts. Used by any thread."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}  # the oldest first, or nearly so
        self._total = 0

    def add(self, sealed: Path) -> None:
        """Once or more often."""
        with self._lock:
            if sealed not in self._sizes:
                with contextlib.suppress(FileNotFoundError):
                    self._sizes[sealed] = sealed.stat().st_size
                    self._total += self._sizes[sealed]
            self._tell(self._total)

    def take_away(self, sealed: Path) -> None:
        with self._lock:
            self._total -= self._sizes.pop(sealed, 0)
            self._tell(self._total)

    def weigh(self) -> tuple[int, int, float]:
        """How many segments wait, their bytes, and for how many seconds the oldest has."""
        with self._lock:
            count, total, oldest = len(self._sizes), self._total, next(iter(self._sizes), None)
        try:
            return count, total, max(time.time() - oldest.stat().st_mtime, 0.0) if oldest else 0.0
        except OSError:  # posted a moment ago
            return count, total, 0.0


class Shipper:
    def __init__(
        self,
        root: Path,
        own: Path,
        *,
        publisher: Publisher,
        retention_seconds: float,
        work_besides: Callable[[], None] | None = None,
        tell_backlog: Callable[[int], None] | None = None,
        tell_posted: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`work_besides` is done in every round, for those who need a thread with a database at hand. `tell_backlog`
        hears how many bytes wait for their receipts whenever that changes, from any thread; `tell_posted` in the
        shipper's own how many seconds after its end a segment had its receipt.
        """
        self._root = root
        self._own = own
        self._publisher = publisher
        self._retention_seconds = retention_seconds
        self._work_besides = work_besides or (lambda: None)
        self._tell_posted = tell_posted or (lambda _: None)
        self._clock = clock
        self._sealed: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._waiting: dict[str, _Waiting] = {}
        self.backlog = Backlog(tell_backlog or (lambda _: None))
        self._adopt_at = self._look_at = clock()
        self._is_database_away = self._is_broker_away = False  # when last asked
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    # Called by other threads.

    def add(self, sealed: Path) -> None:
        """Take over a segment that was sealed in this process's directory."""
        self.backlog.add(sealed)  # here, since a round may take long
        self._sealed.put(sealed)
        self._wake.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Ship what is sealed, then end. What cannot be shipped stays on the disk for the next process."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout)

    # The shipper's own thread.

    def _run(self) -> None:
        next_at = settle_at = 0.0
        while not self._stopping.is_set():
            self._wake.wait(_POLL_SECONDS)
            self._stopping.wait(max(next_at - time.monotonic(), 0.0))
            now = time.monotonic()
            next_at = now + _PAUSE_SECONDS
            self._wake.clear()
            if now < settle_at:
                self._guarded(self.ship)
                continue
            settle_at = now + _SETTLE_SECONDS
            self._guarded(self.work)
            self._guarded(self._work_besides)
        self._guarded(self.ship_the_rest)
        self._guarded(self._work_besides)
        self._guarded(self._wait_for_receipts)
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

    def work(self) -> None:
        """One round. Raises what the database raises when it is away."""
        self.ship()
        self._settle_receipts()

    def ship(self) -> None:
        """The part of a round that publishes."""
        self._take_sealed()
        self._look_for_the_broker()
        if self._clock() >= self._adopt_at:
            self._adopt_at = self._clock() + ADOPT_SECONDS
            adopt_all(self._root, self._own)
            for sealed in self._own.glob(f"*{SEALED}"):
                self._expect(sealed)
            self._delete_expired()
        self._publish_due()

    def ship_the_rest(self) -> None:
        """Orderly shutdown: publish; without a broker post directly; what then has no receipt stays for the next
        process.
        """
        self._take_sealed()
        if not self._publish_the_rest():
            self._post_the_rest()
        self._settle_receipts()
        self._delete_expired()

    def _wait_for_receipts(self) -> None:
        """Of what the broker took. Mostly they come at once, and nothing is left for another process to adopt."""
        deadline = time.monotonic() + _LAST_RECEIPTS_SECONDS
        while any(waiting.is_published for waiting in self._waiting.values()) and time.monotonic() < deadline:
            time.sleep(0.1)
            self._settle_receipts()

    def _look_for_the_broker(self) -> None:
        if self._clock() >= self._look_at:
            self._publisher.look()
            wait = _LOOK_FOR_SOMEBODY_AWAY_SECONDS if self._publisher.is_away else _LOOK_SECONDS
            self._look_at = self._clock() + wait
        if self._is_broker_away and not self._publisher.is_away:
            self._hurry(waiting for waiting in self._waiting.values() if not waiting.is_published)
        self._is_broker_away = self._publisher.is_away

    @staticmethod
    def _hurry(all_waiting: Iterable[_Waiting]) -> None:
        """Somebody is there again: what has waited longer and longer for that is tried now."""
        for waiting in all_waiting:
            if waiting.attempts and waiting.next_attempt_at != float("inf"):
                waiting.attempts, waiting.next_attempt_at = 1, 0.0

    def _take_sealed(self) -> None:
        while not self._sealed.empty():
            self._expect(self._sealed.get_nowait())

    def _expect(self, sealed: Path) -> None:
        try:
            name = str(uuid.UUID(sealed.stem))
        except ValueError:
            log.error("shipper: %s is no segment of ours", sealed)
            return
        if name not in self._waiting and sealed.exists():
            self._waiting[name] = _Waiting(sealed)
            self.backlog.add(sealed)

    def _publish_due(self) -> None:
        now = self._clock()
        due = [name for name, waiting in self._waiting.items() if waiting.next_attempt_at <= now]
        has_room = bool(due) and self._publisher.has_room()
        for name in due:
            if not has_room:
                return
            waiting = self._waiting[name]
            delay = min(FIRST_RETRY_SECONDS * 2 ** min(waiting.attempts, 16), LONGEST_RETRY_SECONDS)
            waiting.attempts += 1
            waiting.next_attempt_at = self._clock() + delay
            has_room = self._publish(name, waiting)
            if not waiting.is_published:
                log.warning("shipper: segment %s again in %d s", name, delay)

    def _publish(self, name: str, waiting: _Waiting) -> bool:
        """Whether another one may follow."""
        reach("shipper.before_publish")
        waiting.is_published = False
        try:
            has_room = self._publisher.publish(name, waiting.read())
        except Exception as error:  # noqa: BLE001 - a broker's client raises many kinds
            log.warning("shipper: segment %s not published (%s)", name, type(error).__name__)
            return False
        waiting.is_published = True
        reach("shipper.after_publish")
        return has_room

    def _settle_receipts(self) -> None:
        """Take every segment whose receipt agrees as posted."""
        sent = [name for name, waiting in self._waiting.items() if waiting.attempts]
        was_away, self._is_database_away = self._is_database_away, bool(sent)
        for start in range(0, len(sent), 500):
            receipts = UsageBatch.objects.filter(segment_id__in=sent[start : start + 500])
            for segment_id, lines, digest in receipts.values_list("segment_id", "line_count", "sha256"):
                self._settle(str(segment_id), lines, digest)
        self._is_database_away = False
        if was_away:  # the tasks that came meanwhile have failed
            self._hurry(self._waiting.values())

    def _settle(self, name: str, lines: int, digest: str) -> None:
        waiting = self._waiting[name]
        if not waiting.digest:
            return  # it could not be read yet
        if (lines, digest) != (waiting.lines, waiting.digest):
            if waiting.next_attempt_at != float("inf"):
                log.critical("shipper: the receipt of segment %s differs from the file, which is kept", name)
                waiting.next_attempt_at = float("inf")
            return
        reach("shipper.before_deletion")
        self._tell_posted(time.time() - waiting.path.stat().st_mtime)
        del self._waiting[name]
        waiting.path.rename(waiting.path.with_suffix(POSTED))
        self.backlog.take_away(waiting.path)

    def _delete_expired(self) -> None:
        oldest = time.time() - self._retention_seconds
        for posted in self._own.glob(f"*{POSTED}"):
            if posted.stat().st_mtime < oldest:
                posted.unlink()

    def _publish_the_rest(self) -> bool:
        """Whether the broker has taken everything."""
        for name, waiting in self._waiting.items():
            if waiting.is_published:
                continue
            waiting.attempts += 1
            self._publish(name, waiting)  # beyond the cap, too
            if not waiting.is_published:
                return False
        return True

    def _post_the_rest(self) -> None:
        """All that has no receipt: what a broker took that is away now may come late, or never. Harmless if it does."""
        for name, waiting in self._waiting.items():
            waiting.attempts += 1
            try:
                tasks.post_batch(name, lines_of(waiting.read()))
            except NewerFormat:
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the segment stays
                log.warning("shipper: segments stay on the disk, posting failed (%s)", type(error).__name__)
                return
