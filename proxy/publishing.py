"""How a sealed segment reaches the task that posts it: through the broker, or in this thread in trial mode."""

import uuid
from typing import Protocol

import msgspec
import redis

from proxy import tasks


class Publisher(Protocol):
    is_away: bool  # the broker did not answer when it was last asked

    def look(self) -> None:
        """Ask the broker whether it is there. Never raises."""

    def has_room(self) -> bool:
        """Whether another segment may be published now."""

    def publish(self, segment_id: str, segment: bytes) -> bool:
        """Whether another one may follow. Raises whatever the broker's client raises when it cannot."""


class InProcessPublisher:
    """Trial mode: the task runs here and now."""

    is_away = False

    def look(self) -> None:
        pass

    def has_room(self) -> bool:
        return True

    def publish(self, segment_id: str, segment: bytes) -> bool:
        tasks.record_usage.apply(args=(segment_id, lines_of(segment)), throw=True)
        return True


class BrokerPublisher:
    """Production: one Celery task for each segment, below a queue length that keeps Redis small when workers are
    away.

    The message is made here, as Celery would make it, and put into the queue by one command: Celery's own way takes
    three times the CPU, in which calls wait, and six seconds where nobody listens.
    """

    def __init__(self, redis_url: str, queue: str, queue_length_cap: int) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5)
        self._queue = queue
        self._cap = queue_length_cap
        self._had_room = False  # when a segment was published last
        self.is_away = False

    def look(self) -> None:
        self._ask()

    def has_room(self) -> bool:
        """Asked only where there was none: what others have published since then is a segment each beyond the cap."""
        return self._had_room or self._ask()

    def _ask(self) -> bool:
        try:
            length = int(self._redis.llen(self._queue))
        except redis.RedisError:
            self.is_away = True
            return True  # publishing will find out, and back off
        self.is_away = False
        return length < self._cap

    def publish(self, segment_id: str, segment: bytes) -> bool:
        message = message_of(segment_id, segment, self._queue)
        self._had_room = False
        try:
            length = int(self._redis.lpush(self._queue, message))
        except redis.RedisError:
            self.is_away = True
            raise
        self.is_away = False
        self._had_room = length < self._cap
        return self._had_room


_WITHOUT_MORE = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_BETWEEN = b"\x7f"
_NOBODY = str(uuid.uuid4())  # who would get an answer, if the task gave any


def lines_of(segment: bytes) -> list[str]:
    # A character that is no UTF-8 cannot be in a line of ours; were it there, the digest would tell.
    return segment.decode("utf-8", "replace").split("\n")[:-1]


def encoded_lines(segment: bytes) -> bytes:
    """`lines_of` it as JSON. In one piece, with a character between the lines that JSON leaves as it is."""
    if _BETWEEN in segment or segment[-1:] != b"\n":
        return msgspec.json.encode(lines_of(segment))
    text = segment[:-1].replace(b"\n", _BETWEEN).decode("utf-8", "replace")
    return b"[%b]" % msgspec.json.encode(text).replace(_BETWEEN, b'","')


def message_of(segment_id: str, segment: bytes, queue: str) -> bytes:
    """What a worker of any release takes for a call of `tasks.record_usage` (Celery, "Message Protocol", version 2; the
    envelope is kombu's for Redis).
    """
    lines = msgspec.Raw(encoded_lines(segment))
    body = msgspec.json.encode([[segment_id, lines], {}, _WITHOUT_MORE])
    task_id = str(uuid.uuid4())
    envelope = {
        "body": body,  # Bytes become base64, in half the time that `binascii` takes.
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": tasks.record_usage.name,
            "id": task_id,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],  # the worker's
            "root_id": task_id,
            "parent_id": None,
            "argsrepr": f"('{segment_id}', [...])",
            "kwargsrepr": "{}",
            "origin": "shipper",
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": _NOBODY,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    return msgspec.json.encode(envelope)
