"""How a sealed segment reaches the task that posts it: through the broker, or in this thread in trial mode."""

from typing import Protocol

import redis

from proxy import tasks


class Publisher(Protocol):
    def has_room(self) -> bool:
        """Whether another segment may be published now."""

    def publish(self, segment_id: str, lines: list[str]) -> None:
        """Raises whatever the broker's client raises when it cannot."""


class InProcessPublisher:
    """Trial mode: the task runs here and now."""

    def has_room(self) -> bool:
        return True

    def publish(self, segment_id: str, lines: list[str]) -> None:
        tasks.record_usage.apply(args=(segment_id, lines), throw=True)


class BrokerPublisher:
    """Production: one Celery task for each segment, below a queue length that keeps Redis small when workers are
    away.
    """

    def __init__(self, redis_url: str, queue: str, queue_length_cap: int) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5)
        self._queue = queue
        self._cap = queue_length_cap

    def has_room(self) -> bool:
        try:
            return int(self._redis.llen(self._queue)) < self._cap
        except redis.RedisError:
            return True  # publishing will find out, and back off

    def publish(self, segment_id: str, lines: list[str]) -> None:
        self._redis.ping()  # Celery's client tries for six seconds where nobody listens, even without retries
        tasks.record_usage.apply_async(args=(segment_id, lines), queue=self._queue, retry=False)
