"""Processes are replaced, or stop behind a load balancer, while calls go on: none fails, each is in the ledger once."""

import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.conftest import IS_LONG, Stage
from tests.faults.health import ask
from tests.faults.steady_load import SteadyLoad
from tests.servers import ProxyServer, wait_until

pytestmark = [pytest.mark.production, pytest.mark.slow, pytest.mark.usefixtures("worker")]
RESTARTS = 5 if IS_LONG else 1
AT_ONCE = 24


def started(server: ProxyServer) -> list[int]:
    """The process ids of all that have ever served, in their order."""
    return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", server.output)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def living(server: ProxyServer) -> list[int]:
    return [pid for pid in started(server) if is_alive(pid)]


def are_replaced(server: ProxyServer, old: list[int]) -> bool:
    return len(living(server)) == 2 and not set(old) & set(living(server))


@pytest.fixture
def load(stage: Stage, request: pytest.FixtureRequest) -> Iterator[SteadyLoad]:
    """Calls to two processes, under way. The parameter: for how many seconds a stop is told beforehand."""
    stage.server.workers = 2
    stage.start(SHUTDOWN_GRACE="60", SHUTDOWN_NOTICE=getattr(request, "param", "0"))
    wait_until(lambda: stage.server.output.count("Application startup complete") == 2, "two processes serve")
    load = stage.load = SteadyLoad(stage.server.port, stage.platform_key, scenario="chunk_delay_ms=5")
    load.begin(AT_ONCE)
    load.wait_until_complete(AT_ONCE)
    yield load
    load.end()


def check(stage: Stage, load: SteadyLoad) -> None:
    """After the stop: no call has failed, and each is in the ledger once."""
    assert not load.failed, load.failed[:5]
    assert "Traceback" not in stage.server.output
    print(f"{len(load.calls)} calls, {len(load.failed)} failed")
    stage.server.workers = 1
    stage.start()
    assert stage.check(120) == {"complete": len(load.calls)}


@pytest.mark.timeout(600)
def test_no_call_fails_while_all_processes_are_replaced(stage: Stage, load: SteadyLoad) -> None:
    for _ in range(RESTARTS):
        old = living(stage.server)
        began = time.monotonic()
        os.kill(stage.server.pid, signal.SIGHUP)
        wait_until(lambda: are_replaced(stage.server, old), "all are replaced", 240)  # noqa: B023
        print(f"replaced in {time.monotonic() - began:.1f} s")
        load.wait_until_complete(len(load.complete) + AT_ONCE)
    load.end()
    assert stage.server.stop(120) == 0
    check(stage, load)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("load", ["20"], indirect=True)  # by then the load is over, on a slow machine too
def test_no_call_fails_when_the_service_stops_behind_a_load_balancer(stage: Stage, load: SteadyLoad) -> None:
    """Which goes on sending calls until it sees that readiness is refused, and a moment longer."""
    assert stage.server.process is not None
    stage.server.process.terminate()
    wait_until(lambda: ask(stage.server.port, "/readyz").status == 503, "it is told")
    load.wait_until_complete(len(load.complete) + AT_ONCE)
    load.end()
    assert stage.server.wait(120) == 0
    check(stage, load)
