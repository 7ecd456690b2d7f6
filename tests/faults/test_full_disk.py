"""The journal's disk takes nothing more, for a while. `RLIMIT_FSIZE` does to one process what a full disk does."""

import resource

import pytest

from tests.faults.conftest import Stage
from tests.proxy.calls import CHAT, Caller, Reply, chat

pytestmark = pytest.mark.trial


def limit_files(stage: Stage, size: int) -> None:
    resource.prlimit(stage.server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def refused_call(stage: Stage) -> Reply:
    return Caller(stage.server.port, stage.platform_key).post(CHAT, chat())


@pytest.fixture
def full(stage: Stage) -> Stage:
    """The disk has become full, which one call found out when it ended."""
    stage.start()
    stage.calls().run(count=8, at_once=4)
    limit_files(stage, 1)
    stage.calls().run(count=1, at_once=1)
    assert len(stage.calls().complete) == 9
    return stage


@pytest.mark.usefixtures("worker")
def test_a_full_disk_refuses_calls_before_they_cost_and_keeps_the_record_it_owes(full: Stage) -> None:
    for _ in range(3):
        reply = refused_call(full)
        assert (reply.status, reply.header("x-aipc-error")) == (503, "journal_full")
        assert reply.header("x-should-retry") != "false"
    assert len(full.provider.log) == 9
    limit_files(full, resource.RLIM_INFINITY)
    full.calls().run(count=8, at_once=4)
    assert full.check() == {"complete": 17}


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_a_record_that_could_not_be_written_before_a_kill_becomes_an_interrupted_one(full: Stage) -> None:
    owed = full.calls().calls[8]
    full.server.kill()
    full.start()
    owed.is_complete = False  # its client saw the end, and yet only the call is known, not its cost
    assert full.check() == {"complete": 8, "interrupted": 1}
    assert {row.prompt_key for row in full.records() if row.state == "interrupted"} == {owed.prompt_key}
