"""What is served while a neighbour is away or a bound is reached, what health says, and that it heals by itself."""

import http.client
import resource
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.conftest import Stage
from tests.faults.health import ask, is_well, readiness, reasons_of
from tests.faults.relay import Relay
from tests.processes import PATIENCE_SECONDS
from tests.proxy.calls import CHAT, Caller, Reply, chat
from tests.servers import Redis, Worker, wait_until

pytestmark = pytest.mark.production
QUICKLY = 2.0


def post(stage: Stage, key: str = "") -> Reply:
    return Caller(stage.server.port, key or stage.platform_key).post(CHAT, chat())


def through(line: Relay, stage: Stage) -> str:
    """The database's URL by way of that line."""
    given = urlsplit(stage.server.settings["DATABASE_URL"])
    return given._replace(netloc=f"{given.username}:{given.password}@127.0.0.1:{line.port}").geturl()


@pytest.fixture
def line(stage: Stage) -> Iterator[Relay]:
    """To PostgreSQL, to be cut."""
    port = urlsplit(stage.server.settings["DATABASE_URL"]).port
    assert port is not None
    with Relay(port) as line:
        stage.server.settings["DATABASE_URL"] = through(line, stage)
        yield line


@pytest.fixture
def broker() -> Iterator[Redis]:
    with Redis() as broker:
        yield broker


def test_pages_answer_at_once_while_the_database_is_away_and_calls_go_on(stage: Stage, line: Relay) -> None:
    stage.start()
    assert post(stage).status == 200
    assert ask(stage.server.port, "/accounts/login/", cookie="sessionid=0123456789abcdefghijklmnopqrstuv").status == 200
    line.cut()
    took = {}
    for name, path, headers in [
        ("first page", "/accounts/login/", {"cookie": "sessionid=0123456789abcdefghijklmnopqrstuv"}),
        ("page", "/app/", {"cookie": "sessionid=0123456789abcdefghijklmnopqrstuv"}),
        ("part", "/app/", {"cookie": "sessionid=0123456789abcdefghijklmnopqrstuv", "hx-request": "true"}),
        ("api", "/api/aggregations/monthly/", {"authorization": f"Bearer {stage.platform_key}"}),
    ]:
        began = time.monotonic()
        answer = ask(stage.server.port, path, **headers)
        took[name] = time.monotonic() - began
        assert (answer.status, answer.header("retry-after")) == (503, "5"), (name, answer)
    print({name: f"{seconds:.2f} s" for name, seconds in took.items()})
    assert max(took.values()) < 4 * QUICKLY
    assert took["part"] + took["api"] < QUICKLY
    assert post(stage).status == 200
    wait_until(lambda: readiness(stage.server)[0] == 200 and "database" in readiness(stage.server)[1], "degraded")
    assert "known keys work for" in readiness(stage.server)[1]["database"]
    line.mend()
    wait_until(lambda: is_well(stage.server), "all is well again", 25)
    assert ask(stage.server.port, "/accounts/login/", cookie="sessionid=0123456789abcdefghijklmnopqrstuv").status == 200


@pytest.mark.slow
def test_a_start_without_database_tables_and_redis_heals_by_itself(stage: Stage, broker: Redis) -> None:
    given = urlsplit(stage.server.settings["DATABASE_URL"])
    assert given.port is not None
    name = "made_later"
    broker.stop()
    with Relay(given.port) as line, psycopg.connect(given.geturl(), autocommit=True) as administration:
        line.cut()
        stage.server.settings["DATABASE_URL"] = urlsplit(through(line, stage))._replace(path=f"/{name}").geturl()
        stage.server.workers = 2
        stage.start(REDIS_URL=broker.url)
        wait_until(lambda: stage.server.output.count("Application startup complete") == 2, "two processes serve")
        assert ask(stage.server.port, "/livez").status == 200
        status, reasons = readiness(stage.server)
        assert status == 503
        assert "has not answered since the start" in reasons["database"]
        assert post(stage).header("x-aipc-error") == "keys_unavailable"
        administration.execute(f"CREATE DATABASE {name}")  # empty
        try:
            line.mend()
            degraded = [(200, ["queue"])] * 8  # of both processes
            made = "the tables are made"
            wait_until(lambda: [reasons_of(stage.server) for _ in range(8)] == degraded, made, 3 * PATIENCE_SECONDS)
            broker.start()
            wait_until(lambda: all(is_well(stage.server) for _ in range(8)), "all is well")
            # Another database. Whether the eight questions were of both processes is chance.
            wait_until(lambda: post(stage).header("x-aipc-error") == "platform_key_invalid", "keys are looked up")
            wait_until(lambda: "is there and up to date" in stage.server.output, "the last migration is done")
        finally:
            stage.server.stop()
            administration.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.slow
def test_records_that_nobody_posts_hold_calls_back_until_somebody_does(stage: Stage) -> None:
    stage.start(JOURNAL_MAX_BYTES=str(64 * 1024))
    load = stage.calls()
    while not any(call.status == 503 for call in load.calls) and len(load.calls) < 8000:  # what is sealed counts
        load.run(count=100, at_once=8)
    called = len(stage.provider.log)
    refused = post(stage)
    assert (refused.status, refused.header("x-aipc-error")) == (503, "journal_backed_up")
    assert refused.header("retry-after") == "5"
    assert len(stage.provider.log) == called
    status, reasons = readiness(stage.server)
    assert (status, list(reasons)) == (503, ["journal"])
    assert ask(stage.server.port, "/livez").status == 200
    with Worker(stage.server.settings):
        wait_until(lambda: is_well(stage.server), "calls are taken again")
        served = sum(call.status == 200 for call in load.calls)
        load.run(count=8, at_once=4)
        assert served > 100
        assert stage.check(60) == {"complete": served + 8}


def test_a_disk_that_has_room_again_is_noticed_without_a_call(stage: Stage) -> None:
    stage.start()
    assert post(stage).status == 200
    resource.prlimit(stage.server.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    post(stage)
    assert post(stage).header("x-aipc-error") == "journal_full"
    assert readiness(stage.server) == (503, {"journal": "The disk of the journal has no room."})
    resource.prlimit(stage.server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: is_well(stage.server), "calls may come again", 25)
    assert post(stage).status == 200


@pytest.mark.slow
def test_a_stop_is_told_to_the_load_balancer_before_connections_are_refused(stage: Stage) -> None:
    stage.start(SHUTDOWN_NOTICE="6")
    kept = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=30)
    kept.request("GET", "/livez")
    assert kept.getresponse().read() == b"ok\n"
    assert stage.server.process is not None
    stage.server.process.terminate()
    wait_until(lambda: readiness(stage.server) == (503, {"process": "The service stops here."}), "it is told")
    assert post(stage).status == 200, "a new connection is served"
    kept.request("GET", "/livez")
    answer = kept.getresponse()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert stage.server.wait() == 0
