"""The way of a segment to the broker: a real Redis, there, full or away."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from proxy import tasks
from proxy.publishing import BrokerPublisher, encoded_lines, lines_of
from tests.servers import free_port

pytestmark = pytest.mark.production


QUEUE = "queue-of-the-test"  # servers of other tests may publish to the usual one meanwhile


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def make_publisher(cap: int = 10, url: str = "") -> BrokerPublisher:
    return BrokerPublisher(url or settings.REDIS_URL, QUEUE, cap)


# What says nothing of what is to be done, or is told by the worker's own settings.
OF_ONE_MESSAGE = {"id", "root_id", "origin", "argsrepr", "timelimit", "correlation_id", "reply_to", "delivery_tag"}


def taken(broker: redis.Redis) -> tuple[Any, Any]:
    """The message in the queue, but for what is its own, and the call that it asks for."""
    (found,) = broker.lrange(QUEUE, 0, -1)
    broker.delete(QUEUE)
    message = json.loads(found)
    body = json.loads(base64.b64decode(message.pop("body")))
    for part in ("headers", "properties"):
        message[part] = {name: name in OF_ONE_MESSAGE or value for name, value in message[part].items()}
    return message, body


@pytest.mark.parametrize("besides", ["", "\x7f"])
def test_a_segment_lies_in_the_queue_as_celery_would_have_put_it_there(broker: redis.Redis, besides: str) -> None:
    segment_id = str(uuid4())
    lines = ['{"v":1,"prompt_key":"caf\u00e9 \\"x\\" \\\\"}', "\x00 no line of ours \ufffd", "", besides]
    tasks.record_usage.apply_async(args=(segment_id, lines), queue=QUEUE, retry=False)
    of_celery = taken(broker)
    make_publisher().publish(segment_id, "".join(f"{line}\n" for line in lines).encode())
    assert taken(broker) == of_celery
    assert of_celery[1][0] == [segment_id, lines]


@given(
    st.lists(st.sampled_from([b"{}", b"\n", b"\x7f", b"\\", b'"', b"\xff", b"\xe2", b"\r", b"\xc2\x85"])).map(b"".join)
)
def test_lines_in_one_piece_are_those_one_by_one(segment: bytes) -> None:
    assert json.loads(encoded_lines(segment)) == lines_of(segment)


def test_the_queue_has_room_below_its_cap(broker: redis.Redis) -> None:
    publisher = make_publisher(cap=2)
    assert publisher.has_room()
    assert publisher.publish(str(uuid4()), b'{"v":1}\n')
    assert publisher.has_room()
    assert not publisher.publish(str(uuid4()), b'{"v":1}\n')
    assert not publisher.has_room()
    broker.delete(QUEUE)
    assert publisher.has_room()


def test_a_broker_that_is_away_does_not_look_full() -> None:
    assert make_publisher(url=f"redis://127.0.0.1:{free_port()}/0").has_room()


def test_a_broker_that_is_away_is_told_by_an_exception() -> None:
    publisher = make_publisher(url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(redis.ConnectionError):
        publisher.publish(str(uuid4()), b'{"v":1}\n')
