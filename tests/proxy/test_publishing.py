"""The way of a segment to the broker: a real Redis, there, full or away."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from proxy.publishing import BrokerPublisher
from tests.servers import free_port

pytestmark = pytest.mark.production


QUEUE = "queue-of-the-test"  # servers of other tests may publish to the usual one meanwhile


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def make_publisher(cap: int = 10, url: str = "") -> BrokerPublisher:
    return BrokerPublisher(url or settings.REDIS_URL, QUEUE, cap)


def test_a_segment_lies_in_the_queue_that_the_workers_read(broker: redis.Redis) -> None:
    segment_id = str(uuid4())
    make_publisher().publish(segment_id, ['{"v":1}'])
    (message,) = broker.lrange(QUEUE, 0, -1)
    assert json.loads(message)["headers"]["task"] == "proxy.record_usage"


def test_the_queue_has_room_below_its_cap(broker: redis.Redis) -> None:
    publisher = make_publisher(cap=2)
    for _ in range(2):
        assert publisher.has_room()
        publisher.publish(str(uuid4()), ['{"v":1}'])
    assert not publisher.has_room()
    broker.delete(QUEUE)
    assert publisher.has_room()


def test_a_broker_that_is_away_does_not_look_full() -> None:
    assert make_publisher(url=f"redis://127.0.0.1:{free_port()}/0").has_room()


def test_a_broker_that_is_away_is_told_by_an_exception() -> None:
    publisher = make_publisher(url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(redis.ConnectionError):
        publisher.publish(str(uuid4()), ['{"v":1}'])
