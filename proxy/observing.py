"""What a process counts of its calls, and looks up about itself twice a second. `/metrics` is `proxy.metrics_page`.

Counting a call is a handful of additions in the process's own file (`config.metrics.store`): no lock, no I/O.
"""

import asyncio
import contextlib
import platform
import shutil
import time
from bisect import bisect_left
from typing import Protocol

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
        self._by_provider: dict[str, tuple[int, int, int, int, int, int]] = {}
        self._posting = store.histogram(families.POSTING)
        self._lag = store.histogram(families.LOOP_LAG)
        self.open_streams = 0
        version = platform.python_version()
        store.set(families.BUILD, 1.0, config.VERSION, version, "trial" if settings.IS_TRIAL else "production")
        store.add(families.STARTS)

    def note(self, call: Observed) -> None:
        """The call is over."""
        now = time.monotonic()
        provider = call.provider
        values = self._values
        key = (provider, call.route, call.status)
        at = self._calls.get(key)
        values[self._place_call(key) if at is None else at] += 1.0
        if tracing.is_on():
            _trace(call, now)
        if not call.answered_at:
            return
        places = self._by_provider.get(provider) or self._place_provider(provider)
        added, added_sum, upstream, upstream_sum, duration, duration_sum = places
        seconds = call.own_seconds  # `_observe` three times, but for the calls
        values[added + bisect_left(_ADDED, seconds) * STRIDE] += 1.0
        values[added_sum] += seconds
        seconds = call.answered_at - call.asked_at
        values[upstream + bisect_left(_SECONDS, seconds) * STRIDE] += 1.0
        values[upstream_sum] += seconds
        seconds = now - call.arrived_at
        values[duration + bisect_left(_SECONDS, seconds) * STRIDE] += 1.0
        values[duration_sum] += seconds

    def refused(self, code: str) -> None:
        self._store.add(families.REFUSALS, code)

    def cut_short(self, reason: str) -> None:
        self._store.add(families.CUT_SHORT, reason)

    def posted(self, seconds: float) -> None:
        """Called by the shipper's thread alone."""
        bounds = families.POSTING.bounds
        _observe(self._values, self._posting, bounds, len(bounds) + 1, max(seconds, 0.0))

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
        bounds = families.LOOP_LAG.bounds
        _observe(self._values, self._lag, bounds, len(bounds) + 1, seconds)

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

    def _place_provider(self, provider: str) -> tuple[int, int, int, int, int, int]:
        """Where the provider's histograms begin, each with the place of its sum."""
        added, upstream, duration = (
            self._store.histogram(family, provider) for family in (families.ADDED, families.UPSTREAM, families.DURATION)
        )
        added_sum, seconds_sum = (len(_ADDED) + 1) * STRIDE, (len(_SECONDS) + 1) * STRIDE
        places = added, added + added_sum, upstream, upstream + seconds_sum, duration, duration + seconds_sum
        self._by_provider[provider] = places
        return places


_ADDED, _SECONDS = families.ADDED.bounds, families.UPSTREAM.bounds


def _observe(values: "memoryview[float]", at: int, bounds: tuple[float, ...], sum_at: int, amount: float) -> None:
    values[at + bisect_left(bounds, amount) * STRIDE] += 1.0
    values[at + sum_at * STRIDE] += amount


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
