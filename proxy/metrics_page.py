"""`/metrics` for Prometheus: what all processes of this host count, what the workers told Redis, what the ledger knows.

For whoever has METRICS_TOKEN; without one, for this machine and its private network, if nobody forwarded the request.
Everybody else is told that there is nothing here.
"""

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from django.utils.http import http_date

from analytics import completeness
from analytics.partitions import shape
from config.metrics import exposition, families, store, workers
from config.metrics.store import Values
from proxy import endpoint

log = logging.getLogger(__name__)

_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"x-real-ip", b"via"})
# The ledger and Redis are asked so often at most, however many ask here.
_ASK_SECONDS = 5.0
_MOST_WAITING = 4

_thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
_waiting = 0


async def metrics(scope: MutableMapping[str, Any], send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    content_type = b"text/plain; charset=utf-8"
    if not is_allowed(scope):
        status, body = 404, b"Not Found\n"
    elif scope["method"] not in {"GET", "HEAD"}:
        status, body = 405, b"GET only\n"
    else:
        process = endpoint.serving()
        if process is not None:
            process.look()
        try:
            body = await _collect_elsewhere()
            status, content_type = 200, exposition.CONTENT_TYPE
        except TimeoutError:
            status, body = 503, b"Busy\n"
    headers = {
        b"content-type": content_type,
        b"content-length": str(len(body)).encode(),
        b"cache-control": b"no-store",
        b"date": http_date().encode(),
    }
    await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def is_allowed(scope: MutableMapping[str, Any]) -> bool:
    headers = scope["headers"]
    if settings.METRICS_TOKEN:
        given = [value for name, value in headers if name == b"authorization"]
        wanted = b"Bearer " + settings.METRICS_TOKEN.encode()
        return len(given) == 1 and hmac.compare_digest(given[0], wanted)
    if any(name in _FORWARDED for name, _ in headers):
        return False
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    client = scope.get("client")
    return client is not None and _is_near(client[0]) and len(hosts) == 1 and _is_inside(hosts[0])


def _is_near(address: str) -> bool:
    """Of this machine or a private network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or found.is_private or found.is_link_local


def _is_inside(host: str) -> bool:
    """Whether it is a name or an address that only neighbours use. What a web proxy passes on may bear none of its
    headers, but it has the public name.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return _is_near(name) or (bool(name) and "." not in name and ":" not in name)


async def _collect_elsewhere() -> bytes:
    """In a thread of its own: those of the event loop are for calls. Raises `TimeoutError` where too many wait."""
    global _waiting
    if _waiting >= _MOST_WAITING:
        raise TimeoutError
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_thread, collect)
    finally:
        _waiting -= 1


def collect() -> bytes:
    """All that there is. Blocks; what is away is left out, and said to be. Raises `TimeoutError`."""
    parts: list[Values] = []
    try:
        parts += store.read(settings.METRICS_DIR)
    except TimeoutError:
        raise
    except OSError as error:
        log.warning("metrics: %s cannot be read (%s).", settings.METRICS_DIR, error.strerror)
        process = endpoint.serving()
        parts += [] if process is None else [process.metrics.own()]
    return exposition.write(exposition.merge([*parts, *_neighbours.ask()]))


class _Neighbours:
    """The ledger and Redis, asked by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._told: list[Values] = []

    def ask(self) -> list[Values]:
        with self._lock:
            if time.monotonic() - self._asked_at >= _ASK_SECONDS:
                self._told = [_ask_ledger(), *([] if settings.IS_TRIAL else [_ask_redis()])]
                self._asked_at = time.monotonic()
            return self._told


_neighbours = _Neighbours()


def _ask_ledger() -> Values:
    process = endpoint.serving()
    silence = process.keys.silence() if process is not None else None
    if silence is not None and silence > _ASK_SECONDS:
        return {(families.DATABASE_UP.name, ""): 0.0}  # known without waiting
    try:
        pulse = completeness.pulse()
        months = shape.state(timezone.now())
    except Error:
        return {(families.DATABASE_UP.name, ""): 0.0}
    finally:
        connection.close()
    told: Values = {
        (families.DATABASE_UP.name, ""): 1.0,
        (families.REJECTED.name, ""): float(pulse.rejected),
        (families.DIFFERENCES.name, ""): float(pulse.differing_days),
    }
    if pulse.copy is not None:
        told[families.COPY_WAITING.name, ""] = float(pulse.copy.waiting)
        told[families.COPY_LAG.name, ""] = pulse.copy.lag_seconds
        told[families.COPY_FAULTS.name, ""] = float(pulse.copy.is_faulty)
    if pulse.last_posting is not None:
        told[families.LAST_POSTING.name, ""] = pulse.last_posting.timestamp()
    if months is not None:
        told[families.MONTHS_AHEAD.name, ""] = float(months.months_ahead)
        told[families.OUTSIDE_MONTHS.name, ""] = float(months.outside_count)
    return told


def _ask_redis() -> Values:
    try:
        return {**workers.read(), (families.REDIS_UP.name, ""): 1.0}
    except redis.RedisError:
        return {(families.REDIS_UP.name, ""): 0.0}
