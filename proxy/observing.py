"""What a process counts of its calls, and looks up about itself twice a second. `/metrics` is `proxy.metrics_page`.

Counting a call is a handful of additions in the process's own file (`config.metrics.store`): no lock, no I/O.
"""

import asyncio
import contextlib
import platform
import shutil
import time
from bisect import bisect_left
from typing import Protocol, TypeAlias

from django.conf import settings

import config
from config import tracing
from config.metrics import counting, families
from config.metrics.memory import resident_bytes
from config.metrics.store import STRIDE, Store, Values
from orgs.key_cache import KeyCache
from proxy.inflight import InflightFile
from proxy.journal import Journal
from proxy.limits import CallLimits

LOOK_SECONDS = 0.5
_Histogram: TypeAlias = "memoryview[float]"  # its buckets and, at the end, its sum
_NOBODY = "none"  # the provider and the route of a call that was refused before they were known
# What providers answer with; any other status is told by its class.
_STATUSES = frozenset(
    {
        200,
        201,
        202,
        204,
        304,
        400,
        401,
        402,
        403,
        404,
        408,
        409,
        411,
        413,
        415,
        422,
        429,
        499,
        500,
        501,
        502,
        503,
        504,
        529,
    }
)


class Observed:
    """One call, as far as it has come. The moments are on the monotonic clock, 0 as long as they have not come."""

    asked_at = answered_at = 0.0
    own_seconds = 0.0  # while neither the provider nor the client was waited for
    provider = route = _NOBODY
    status = 499
    _is_begun = False

    def __init__(self, arrived_at: float) -> None:
        self.arrived_at = arrived_at

    def ask(self, waited_seconds: float) -> None:
        """The call goes to the provider now; so long its body was waited for."""
        self.asked_at = time.monotonic()
        self.own_seconds = self.asked_at - self.arrived_at - waited_seconds

    def begin(self) -> None:
        """The head of the answer went to the client."""
        self._is_begun = True
        if self.answered_at:
            self.own_seconds += time.monotonic() - self.answered_at

    def work_on(self, began_at: float) -> None:
        """Something of ours was done while the answer passed."""
        if self._is_begun:
            self.own_seconds += time.monotonic() - began_at


class Process(Protocol):
    """What is looked up of a process: `proxy.process`."""

    @property
    def metrics(self) -> "CallMetrics": ...
    @property
    def limits(self) -> CallLimits: ...
    @property
    def inflight(self) -> InflightFile: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def keys(self) -> KeyCache: ...

    def weigh_journal(self) -> tuple[int, int, float]: ...
    def look(self) -> None: ...


class CallMetrics:
    """Used by the event loop's thread, but for `posted` and `refused`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._values = store.values
        self._calls: dict[tuple[str, str, int], int] = {}
        self._by_provider: dict[str, tuple[_Histogram, _Histogram, _Histogram]] = {}
        self._posting = self._histogram(families.POSTING)
        self._lag = self._histogram(families.LOOP_LAG)
        self.open_streams = 0
        version = platform.python_version()
        store.set(families.BUILD, 1.0, config.VERSION, version, "trial" if settings.IS_TRIAL else "production")
        store.add(families.STARTS)

    def note(self, call: Observed) -> None:
        """The call is over."""
        now = time.monotonic()
        key = call.provider, call.route, call.status
        try:
            at = self._calls[key]
        except KeyError:
            at = self._place_call(key)
        self._values[at] += 1.0
        if tracing.is_on():
            _trace(call, now)
        if not call.answered_at:
            return
        try:
            added, upstream, duration = self._by_provider[call.provider]
        except KeyError:
            added, upstream, duration = self._place_provider(call.provider)
        seconds = call.own_seconds  # `_observe` three times, but for the calls
        added[bisect_left(_ADDED, seconds)] += 1.0
        added[-1] += seconds
        seconds = call.answered_at - call.asked_at
        upstream[bisect_left(_SECONDS, seconds)] += 1.0
        upstream[-1] += seconds
        seconds = now - call.arrived_at
        duration[bisect_left(_SECONDS, seconds)] += 1.0
        duration[-1] += seconds

    def refused(self, code: str) -> None:
        self._store.add(families.REFUSALS, code)

    def cut_short(self, reason: str) -> None:
        self._store.add(families.CUT_SHORT, reason)

    def posted(self, seconds: float) -> None:
        """Called by the shipper's thread alone."""
        _observe(self._posting, families.POSTING, max(seconds, 0.0))

    def look(self, process: Process) -> None:
        """Write down what holds now."""
        put = self._store.set
        put(families.OPEN_CALLS, process.limits.running)
        put(families.OPEN_STREAMS, self.open_streams)
        put(families.UNRECORDED, process.inflight.in_use)
        put(families.MISSING, process.inflight.entered - process.inflight.in_use - process.journal.appended)
        put(families.RECORDS_WRITTEN, process.journal.appended)
        put(families.KEY_HITS, process.keys.hits)
        put(families.KEY_MISSES, process.keys.misses)
        put(families.KEYS, process.keys.known)
        segments, size, oldest = process.weigh_journal()
        put(families.WAITING_SEGMENTS, segments)
        put(families.WAITING_BYTES, size)
        put(families.OLDEST_SEGMENT, oldest)
        size = resident_bytes()
        put(families.MEMORY, size, "server")
        put(families.LARGEST, size, "server")
        put(families.PROCESSES, 1.0, "server")
        with contextlib.suppress(OSError):
            put(families.JOURNAL_FREE, shutil.disk_usage(settings.JOURNAL_DIR).free)

    def lagged(self, seconds: float) -> None:
        _observe(self._lag, families.LOOP_LAG, seconds)

    def own(self) -> Values:
        return self._store.own()

    def close(self) -> None:
        counting.use(None)
        self._store.close()

    def _place_call(self, key: tuple[str, str, int]) -> int:
        provider, route, status = key
        told = str(status) if status in _STATUSES else f"{status // 100}xx"
        at = self._store.place(families.CALLS, provider, route, told)
        if len(self._calls) < 10_000:
            self._calls[key] = at
        return at

    def _place_provider(self, provider: str) -> tuple[_Histogram, _Histogram, _Histogram]:
        added, upstream = self._histogram(families.ADDED, provider), self._histogram(families.UPSTREAM, provider)
        places = added, upstream, self._histogram(families.DURATION, provider)
        self._by_provider[provider] = places
        return places

    def _histogram(self, family: families.Family, *labels: str) -> _Histogram:
        at = self._store.histogram(family, *labels)
        return self._values[at : at + (len(family.bounds) + 2) * STRIDE : STRIDE]


_ADDED, _SECONDS = families.ADDED.bounds, families.UPSTREAM.bounds


def _observe(histogram: _Histogram, family: families.Family, amount: float) -> None:
    histogram[bisect_left(family.bounds, amount)] += 1.0
    histogram[-1] += amount


def _trace(call: Observed, now: float) -> None:
    attributes: tracing.Attributes = {
        "aipc.provider": call.provider,
        "aipc.route": call.route,
        "http.response.status_code": call.status,
        "aipc.added_ms": call.own_seconds * 1000,
        "aipc.upstream_ms": max(call.answered_at - call.asked_at, 0.0) * 1000,
    }
    tracing.record(f"call {call.provider}/{call.route}", now - call.arrived_at, attributes, is_error=call.status >= 500)


async def keep_looking(process: Process) -> None:
    """One task for the whole process."""
    while True:
        due = time.monotonic() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        process.metrics.lagged(max(time.monotonic() - due, 0.0))
        process.look()
