"""What one proxy process holds while it serves: keys, connections, the journal and the threads around it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string

from config.metrics import counting
from config.metrics.store import Store
from orgs.key_cache import KeyCache
from proxy.held_writes import turn_of
from proxy.inflight import InflightFile
from proxy.journal import Journal, Segment
from proxy.limits import CallLimits
from proxy.observing import CallMetrics, keep_looking
from proxy.process_directory import ProcessDirectory
from proxy.publishing import BrokerPublisher, InProcessPublisher, Publisher
from proxy.receiving import BodyBudget
from proxy.refusals import RefusalQueue
from proxy.relay import ClientWatch, watch_for_stalls
from proxy.sealer import Sealer
from proxy.shipper import Shipper
from proxy.stating import Counts, Statement
from proxy.upstream import Client

log = logging.getLogger(__name__)

_CLIENTS = {"lean": "proxy.http1.LeanUpstream", "aiohttp": "proxy.aiohttp_client.AiohttpUpstream"}
_LAST_RECORDS_SECONDS = 5.0
_BACKED_UP = "More records wait for the ledger than JOURNAL_MAX_BYTES allows."
_TAKEN_AGAIN_AT = 0.9  # of that, so that the service does not flicker
_FLEETING_FILE_SYSTEMS = frozenset({"overlay", "tmpfs", "ramfs"})


class ProxySettings(msgspec.Struct, frozen=True):
    """The settings that the request path reads, taken once at start-up."""

    origins: dict[str, str]
    proxy_url: str  # what clients call, up to the provider's name
    max_body_bytes: int
    client_stall_timeout: float


class ProxyProcess:
    """Everything of one process, opened in its event loop and closed in an orderly way."""

    is_leaving = False  # others should take the calls: the service ends here

    def __init__(self) -> None:
        self.settings = ProxySettings(
            origins={"openai": settings.OPENAI_UPSTREAM_URL, "anthropic": settings.ANTHROPIC_UPSTREAM_URL},
            proxy_url=f"{settings.PUBLIC_URL}/api/proxy/v1",
            max_body_bytes=settings.MAX_BODY_BYTES,
            client_stall_timeout=settings.CLIENT_STALL_TIMEOUT,
        )
        self.metrics = _metrics()
        self.keys = KeyCache(settings.KEY_GRACE)
        self.budget = BodyBudget(settings.BODY_MEMORY_BYTES)
        self.limits = CallLimits(settings.MAX_CALLS, settings.MAX_CALLS_PER_KEY)
        self.watches: set[ClientWatch] = set()
        self.refusals = RefusalQueue()
        self.upstream = _upstream()
        warn_of_surroundings()
        self._directory = ProcessDirectory(settings.JOURNAL_DIR)
        self.inflight = InflightFile(self._directory.path / "inflight")
        self.loop = asyncio.get_running_loop()
        self._is_backed_up = False
        self._publisher = _publisher()
        self._shipper = Shipper(
            settings.JOURNAL_DIR,
            self._directory.path,
            publisher=self._publisher,
            retention_seconds=settings.JOURNAL_RETENTION_HOURS * 3600,
            work_besides=self._work_besides,
            tell_backlog=self._weigh_backlog,
            tell_posted=self.metrics.posted,
        )
        self._counts = Counts(0, 0, 0)
        self._statement = Statement(self._directory.path, lambda: self._counts, self._shipper.backlog.weigh)
        self._sealer = Sealer(self._directory.path, deliver_sealed=self._shipper.add, deliver_spare=self._deliver_spare)
        self.journal = Journal(
            self._directory.path,
            seal=self._sealer.seal,
            request_spare=self._sealer.request_spare,
            on_written=self.inflight.clear,
            syncs_always=settings.JOURNAL_SYNC == "always",
            turn=turn_of(self.loop),
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await self.upstream.open()
        self.keys.start()
        self._sealer.start()
        self._shipper.start()
        stalls = watch_for_stalls(self.watches, self.settings.client_stall_timeout)
        self._tasks = [asyncio.create_task(stalls), asyncio.create_task(keep_looking(self))]

    async def close(self) -> None:
        """After the server ended or cancelled the last call: the journal is sealed and shipped."""
        await self._wait_for_records()
        for task in self._tasks:
            task.cancel()
        await self.journal.close()
        await asyncio.to_thread(self._sealer.stop)
        await asyncio.to_thread(self._shipper.stop)
        self.keys.stop()
        await self.upstream.close()
        if self.inflight.in_use == 0:
            (self._directory.path / "inflight").unlink(missing_ok=True)
        self.look()
        await asyncio.to_thread(self._statement.make, is_last=True)
        self.inflight.close()
        self._directory.release()
        self.metrics.close()

    async def _wait_for_records(self) -> None:
        """A call that was cancelled may take a moment to write its record, for instance to read the usage."""
        deadline = self.loop.time() + _LAST_RECORDS_SECONDS
        while self.inflight.in_use and self.loop.time() < deadline:  # noqa: ASYNC110 - once, when the process ends
            await asyncio.sleep(0.02)

    def look(self) -> None:
        """Write down what holds now. On the event loop, where all of it is of one moment."""
        self._counts = Counts(self.inflight.entered, self.journal.appended, self.inflight.in_use)
        self.metrics.look(self)

    def _work_besides(self) -> None:
        """In the shipper's thread."""
        self.refusals.write_out()
        self._statement.make()

    def weigh_journal(self) -> tuple[int, int, float]:
        """How many segments wait for the ledger, their bytes, and for how many seconds the oldest has."""
        return self._shipper.backlog.weigh()

    @property
    def is_broker_away(self) -> bool:
        return self._publisher.is_away

    def _weigh_backlog(self, waiting_bytes: int) -> None:
        """Called by the sealer's and the shipper's thread, one at a time."""
        bound = settings.JOURNAL_MAX_BYTES * (_TAKEN_AGAIN_AT if self._is_backed_up else 1)
        is_too_much = waiting_bytes > bound
        if is_too_much != self._is_backed_up:
            log.warning(
                "journal: %d bytes wait for the ledger; calls are %s",
                waiting_bytes,
                "refused" if is_too_much else "taken again",
            )
            self._is_backed_up = is_too_much
            self.journal.hold_back(_BACKED_UP if is_too_much else "")

    def _deliver_spare(self, spare: Segment | None) -> None:
        self.loop.call_soon_threadsafe(self.journal.add_spare, spare)


def _upstream() -> Client:
    """The other client is not even imported, which saves its memory."""
    make: Callable[..., Client] = import_string(_CLIENTS[settings.UPSTREAM_CLIENT])
    return make(
        connect_timeout=settings.UPSTREAM_CONNECT_TIMEOUT,
        silence_timeout=settings.UPSTREAM_SILENCE_TIMEOUT,
        ca_file=settings.UPSTREAM_CA_FILE,
    )


def _publisher() -> Publisher:
    if settings.IS_TRIAL:
        return InProcessPublisher()
    return BrokerPublisher(settings.REDIS_URL, settings.CELERY_TASK_DEFAULT_QUEUE, settings.QUEUE_LENGTH_CAP)


def _metrics() -> CallMetrics:
    store = Store(settings.METRICS_DIR)
    counting.use(store)
    return CallMetrics(store)


def warn_of_surroundings() -> None:
    warn_of_fleeting_storage(settings.JOURNAL_DIR)
    warn_of_web_proxies(settings.UNUSED_WEB_PROXIES)


def warn_of_web_proxies(names: Sequence[str]) -> None:
    """Whoever set these expects them to be gone by: calls would leave by another way than was meant, or not at all."""
    if names:
        log.warning(
            "%s: not used. Calls go to the providers directly; a gateway on the way is named by OPENAI_UPSTREAM_URL "
            "and ANTHROPIC_UPSTREAM_URL.",
            ", ".join(names),
        )


def warn_of_fleeting_storage(path: Path) -> None:
    """The journal must outlive the container and the machine's memory; say so where it would not."""
    if settings.IS_TRIAL:
        return
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return
    holding = [(mount, kind) for mount, kind in mounts if path.is_relative_to(mount)]
    kind = max(holding, key=lambda entry: len(entry[0]), default=("", ""))[1]
    if kind in _FLEETING_FILE_SYSTEMS:
        log.warning("JOURNAL_DIR=%s is on %s, which does not outlive the container: mount a volume there.", path, kind)
