"""Counting from anywhere: in the serving process into its file, elsewhere in memory until `workers` takes it to Redis.

Never raises, and never waits for anybody.
"""

import threading

from config.metrics.families import Family
from config.metrics.store import Series, Store

_store: Store | None = None
_pending: dict[Series, float] = {}
_lock = threading.Lock()


def use(store: Store | None) -> None:
    """Count into this process's file from now on."""
    global _store
    _store = store


def count(family: Family, *labels: str, by: float = 1.0) -> None:
    store = _store
    if store is not None:
        store.add(family, *labels, by=by)
        return
    series = (family.name, "", *labels)
    with _lock:
        if series in _pending or len(_pending) < 1000:
            _pending[series] = _pending.get(series, 0.0) + by


def take_pending() -> dict[Series, float]:
    """What was counted outside a serving process since the last time."""
    global _pending
    with _lock:
        taken, _pending = _pending, {}
    return taken


def put_back(series: dict[Series, float]) -> None:
    """What could not be handed on, to be tried again."""
    with _lock:
        for one, by in series.items():
            _pending[one] = _pending.get(one, 0.0) + by
