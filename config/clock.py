"""The clock of trial mode: the serving process runs the periodic tasks of CELERY_BEAT_SCHEDULE itself, in a thread.

In production they are sent by `manage.py beat` and run by the workers. Here each of them also runs at the start, since
a trial may be stopped every evening.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from celery.schedules import BaseSchedule, maybe_schedule
from django.conf import settings
from django.db import close_old_connections, connections

from config.celery import app

log = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS = 60.0  # a laptop that wakes up is not an hour late
_STOP_SECONDS = 5.0  # what is not finished by then is done with the next start


@contextmanager
def trial_clock() -> Iterator[None]:
    """While it is entered the tasks run; in production it does nothing."""
    if not settings.IS_TRIAL:
        yield
        return
    clock = Clock(settings.CELERY_BEAT_SCHEDULE)
    clock.start()
    try:
        yield
    finally:
        clock.stop()


class Clock:
    def __init__(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self._entries = entries
        self._last_runs: dict[str, datetime] = {}
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        app.loader.import_default_modules()
        pause = 0.0
        while not self._is_stopping.wait(pause):
            pause = self.run_due()
        connections.close_all()

    def run_due(self) -> float:
        """Run what is due, one after the other. Returns for how many seconds nothing is."""
        pauses = [_LONGEST_PAUSE_SECONDS]
        for name, entry in self._entries.items():
            schedule = cast(BaseSchedule, maybe_schedule(entry["schedule"], app=app))
            last = self._last_runs.get(name)
            is_due, seconds = schedule.is_due(last) if last else (True, _LONGEST_PAUSE_SECONDS)
            if is_due:
                self._last_runs[name] = schedule.now()
                _run_task(name, entry)
            pauses.append(seconds)
        return min(pauses)


def _run_task(name: str, entry: Mapping[str, Any]) -> None:
    """What goes wrong is logged, and the next time tries again."""
    close_old_connections()
    try:
        app.tasks[entry["task"]].apply(args=entry.get("args"), kwargs=entry.get("kwargs"), throw=True)
    except Exception:
        log.exception("The periodic task “%s” failed", name)
    finally:
        close_old_connections()
