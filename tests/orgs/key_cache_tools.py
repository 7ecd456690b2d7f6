"""What the tests of the key cache share: a clock that they move, look-ups that they count or hold, a table away."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from orgs.key_cache import KeyCache, KeyFacts, StoredKey, find_stored_key
from orgs.models import ApiKey

PATIENCE_SECONDS = 60


class Clock:
    """Stands still until it is moved. Counts how often the poller thread asks it, so that a test can await a poll."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._asked_by_poller = threading.Semaphore(0)

    def __call__(self) -> float:
        if threading.current_thread().name == "key-revocations":
            self._asked_by_poller.release()
        return self.now

    def await_whole_poll(self) -> None:
        """Returns when a poll that began after this call has been applied.

        A poll asks the clock when it begins and, if it can read the log, once more. So of four further questions the
        last comes from a poll that follows a whole one.
        """
        while self._asked_by_poller.acquire(blocking=False):
            pass
        for _ in range(4):
            assert self._asked_by_poller.acquire(timeout=PATIENCE_SECONDS), "the poller thread has stopped"


class CountedLookUp:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, digest: bytes) -> StoredKey | None:
        self.count += 1
        return find_stored_key(digest)


class HeldLookUp(CountedLookUp):
    """Holds its first answer back: what was read is true no longer when it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.has_read = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, digest: bytes) -> StoredKey | None:
        stored = super().__call__(digest)
        if self.count == 1:
            self.has_read.set()
            assert self.may_answer.wait(PATIENCE_SECONDS)
        return stored


def get(cache: KeyCache, key: str) -> KeyFacts:
    return asyncio.run(cache.get(key))


def facts_of(record: ApiKey) -> KeyFacts:
    return KeyFacts(record.organization_id, record.team_id, record.pk)


@contextmanager
def table_away(name: str) -> Iterator[None]:
    """Every query of this table fails, in every thread, as if the database had gone."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {name}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {name}_away RENAME TO {name}")
