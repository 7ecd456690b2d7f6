"""How a sealed segment reaches the task that posts it: through the broker, or in this thread in trial mode."""

from typing import Protocol

import redis

from proxy import tasks


class Publisher(Protocol):
    is_away: bool  # the broker did not answer when it was last asked

    def look(self) -> None:
        """Ask the broker whether it is there. Never raises."""

    def has_room(self) -> bool:
        """Whether another segment may be published now."""

    def publish(self, segment_id: str, lines: list[str]) -> None:
        """Raises whatever the broker's client raises when it cannot."""


class InProcessPublisher:
    """Trial mode: the task runs here and now."""

    is_away = False

    def look(self) -> None:
        pass

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
        self.is_away = False

    def look(self) -> None:
        self.has_room()

    def has_room(self) -> bool:
        try:
            length = int(self._redis.llen(self._queue))
        except redis.RedisError:
            self.is_away = True
            return True  # publishing will find out, and back off
        self.is_away = False
        return length < self._cap

    def publish(self, segment_id: str, lines: list[str]) -> None:
        self._redis.ping()  # Celery's client tries for six seconds where nobody listens, even without retries
        tasks.record_usage.apply_async(args=(segment_id, lines), queue=self._queue, retry=False)
