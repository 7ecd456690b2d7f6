"""Whether calls were metered: reads what a proxy's journal says of them, and stands in for the worker.

No worker runs during measurements, which would take part of the machine. Without receipts the proxy would publish its
segments again and again; so each gets one as soon as it has been read here, and the queue is emptied.
"""

import hashlib
import time
from pathlib import Path

import psycopg
import redis

from analytics.usage import UsageRecord, decode_line
from proxy.journal import SEALED

_RECEIPT = (
    "INSERT INTO analytics_usagebatch (segment_id, line_count, sha256, inserted_count, rejected_count, posted_at) "
    "VALUES (%s, %s, %s, 0, 0, now()) ON CONFLICT DO NOTHING"
)
_SEAL_SECONDS = 1.0  # after the last call; segments are sealed every quarter of a second


class Metering:
    """Of one proxy."""

    def __init__(self, journal: Path, database_url: str, redis_url: str) -> None:
        self._journal = journal
        self._database = psycopg.connect(database_url, autocommit=True)
        self._redis = redis.Redis.from_url(redis_url)
        self._read: set[str] = set()
        self.records: dict[tuple[str, int, int], int] = {}  # by the route and the tokens: how many are whole

    def take_over(self) -> None:
        """Read what is sealed, and give receipts."""
        for path in self._journal.glob(f"*/*{SEALED}"):
            if path.stem in self._read:
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            self._read.add(path.stem)
            for line in content.splitlines():
                self._count(decode_line(line))
            digest = hashlib.sha256(content).hexdigest()
            self._database.execute(_RECEIPT, [path.stem, content.count(b"\n"), digest])
        self._redis.delete("aipc")

    def _count(self, record: UsageRecord) -> None:
        is_whole = (
            record.state == "complete"
            and record.status == 200
            and not record.error_code
            and record.usage_source == "provider"
            and record.prompt_key == "bench"
            and record.tags == ("a", "b")
        )
        if is_whole:
            key = record.route, record.usage.input, record.usage.output
            self.records[key] = self.records.get(key, 0) + 1

    def counted(self, route: str, usage: tuple[int, int]) -> int:
        """Whole records of a route with these tokens since this was asked last, once the last are sealed."""
        time.sleep(_SEAL_SECONDS)
        self.take_over()
        found = self.records.get((route, *usage), 0)
        self.records.clear()
        return found

    def close(self) -> None:
        self._database.close()
        self._redis.close()
