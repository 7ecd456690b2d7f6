"""Redis, the workers or PostgreSQL go away while calls go on, and come back, or not."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis
from django.db import connection, transaction

from tests.conftest import settings_of_services
from tests.factories import make_key
from tests.faults.audit import check_ledger, is_shipped, wait_until_whole
from tests.faults.conftest import IS_LONG, Stage
from tests.faults.relay import Relay
from tests.processes import PATIENCE_SECONDS
from tests.proxy.calls import CHAT, PREFIX, chat
from tests.servers import Redis, Worker, wait_until

pytestmark = pytest.mark.production
POINTS = ["posting.inside", "posting.committed"] if IS_LONG else ["posting.inside"]


@pytest.fixture
def broker() -> Iterator[Redis]:
    """A Redis of the test's own, to stop and to empty."""
    with Redis() as broker:
        yield broker


def waiting_tasks(broker: Redis) -> int:
    """Tasks that no worker has ended yet."""
    with redis.Redis.from_url(broker.url) as client:
        return int(client.llen("aipc")) + int(client.hlen("unacked"))


# --- Redis ------------------------------------------------------------------------------------------------------------


def test_a_start_without_redis_serves_and_a_stop_without_redis_posts(stage: Stage, broker: Redis) -> None:
    broker.stop()
    stage.start(REDIS_URL=broker.url)
    load = stage.calls()
    load.run(count=24, at_once=8)
    assert stage.server.stop() == 0
    assert is_shipped(stage.journal)
    assert check_ledger(stage.organization, load, stage.provider) == {"complete": 24}


@pytest.mark.slow
def test_what_a_stop_without_redis_posted_is_not_doubled_by_the_tasks_that_come_back(
    stage: Stage, broker: Redis
) -> None:
    stage.start(REDIS_URL=broker.url)
    load = stage.calls()
    load.run(count=24, at_once=8)
    wait_until(lambda: waiting_tasks(broker) > 0, "segments are published")
    broker.stop()
    load.run(count=24, at_once=8)
    assert len(load.complete) == 48
    assert stage.server.stop() == 0
    assert check_ledger(stage.organization, load, stage.provider) == {"complete": 48}
    broker.start()
    assert waiting_tasks(broker) > 0
    with Worker({**stage.server.settings}):
        wait_until(lambda: waiting_tasks(broker) == 0, "the worker has done them again")
        assert check_ledger(stage.organization, load, stage.provider) == {"complete": 48}


# --- Workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_s_death_and_an_emptied_redis_lose_and_double_nothing(stage: Stage, broker: Redis, point: str) -> None:
    stage.start(REDIS_URL=broker.url)
    with Worker({**stage.server.settings, "FAILPOINTS": point}) as dying:
        stage.calls().run(count=24, at_once=8)
        # The same task comes back to another child of the worker, which dies of it too.
        wait_until(lambda: dying.output.count("signal 9 (SIGKILL)") >= 2, "a task is delivered again")
        dying.kill()
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    broker.stop()
    broker.start()
    with Worker(stage.server.settings):
        stage.calls().run(count=8, at_once=8)
        # What was emptied out is published again after a pause that is as long as all that has passed.
        assert stage.check(3 * PATIENCE_SECONDS) == {"complete": 32}


@pytest.mark.slow
def test_a_worker_whose_task_ends_after_the_death_of_redis_goes_on(stage: Stage, broker: Redis) -> None:
    stage.start(REDIS_URL=broker.url)
    with Worker(stage.server.settings) as worker:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE analytics_usagebatch IN EXCLUSIVE MODE")
            stage.calls().run(count=4, at_once=4)
            wait_until(lambda: "received" in worker.output, "the worker has a task")
            broker.kill()
            wait_until(lambda: "Connection to broker lost" in worker.output, "the worker knows")
        wait_until(lambda: "succeeded" in worker.output, "the task ends")
        broker.start()
        stage.calls().run(count=4, at_once=4)
        assert stage.check(3 * PATIENCE_SECONDS) == {"complete": 8}
        assert worker.process is not None
        assert worker.process.poll() is None, worker.output[-2000:]


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def answer_to_unknown_key(stage: Stage, platform_key: str) -> http.client.HTTPResponse:
    """To a simulated call, which asks no provider."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=60)
    headers = {"authorization": f"Bearer {platform_key}", "x-sandbox": "true", "content-type": "application/json"}
    connection.request("POST", PREFIX + CHAT, chat(), headers)
    response = connection.getresponse()
    response.read()
    return response


def test_calls_with_known_keys_go_on_while_the_database_is_away(stage: Stage) -> None:
    given = urlsplit(settings_of_services(stage.journal)["DATABASE_URL"])
    new_key = make_key()[1]
    assert given.port is not None
    with Relay(given.port) as line:
        netloc = f"{given.username}:{given.password}@127.0.0.1:{line.port}"
        stage.start(DATABASE_URL=given._replace(netloc=netloc).geturl())
        with Worker(stage.server.settings):
            load = stage.calls()
            load.run(count=8, at_once=4)
            wait_until_whole(stage.journal)
            line.cut()
            load.run(count=40, at_once=8)
            assert len(load.complete) == 48
            refused = answer_to_unknown_key(stage, new_key)
            assert refused.status == 503
            assert refused.getheader("x-should-retry") != "false"
            load.run(count=8, at_once=4)
            line.mend()
            wait_until(lambda: answer_to_unknown_key(stage, new_key).status == 200, "the key is known now")
            assert stage.check(60) == {"complete": 56}
