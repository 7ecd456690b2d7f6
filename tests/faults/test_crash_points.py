"""A process dies at a named point of the protocol. After the restart every call is in the ledger exactly once."""

import contextlib
import signal

import pytest

from tests.conftest import IS_PRODUCTION
from tests.faults.audit import check_written_calls
from tests.faults.conftest import IS_LONG, Stage
from tests.proxy.records import read_journal
from tests.servers import ServerFailed

pytestmark = pytest.mark.trial

CALL_POINTS = ["call.slot_entered:60", "call.before_append:60", "call.appended:60", "journal.rotate", "journal.sealed"]
SHIPPING_POINTS = ["shipper.before_publish", "shipper.after_publish", "shipper.before_deletion"]
POSTING_POINTS = [
    "posting.inside",
    "posting.committed",
]  # where the server posts; for the worker: test_worker_deaths.py
ADOPTION_POINTS = ["adoption.sealed", "adoption.interrupted", "adoption.moved"]
if IS_LONG:
    POINTS = CALL_POINTS + SHIPPING_POINTS + ([] if IS_PRODUCTION else POSTING_POINTS)
elif IS_PRODUCTION:
    POINTS = [CALL_POINTS[4], SHIPPING_POINTS[1]]
    ADOPTION_POINTS = ADOPTION_POINTS[2:]
else:
    POINTS = [CALL_POINTS[0], *CALL_POINTS[2:4], *POSTING_POINTS]
    ADOPTION_POINTS = ADOPTION_POINTS[1:2]  # its first death is at call.before_append


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("point", POINTS)
def test_every_call_survives_the_server_s_death(stage: Stage, point: str) -> None:
    stage.start(point)
    stage.calls().run(count=2000, at_once=24)
    assert stage.server.wait() == -signal.SIGKILL, "the point was not reached"
    answered = len(stage.calls().complete)
    assert answered
    written = read_journal(stage.journal)
    stage.start()
    stage.calls().run(count=8, at_once=4)
    states = stage.check()
    assert len(stage.calls().complete) == answered + 8
    check_written_calls(written, stage.records())
    assert states["interrupted"] <= 24  # no more than there were at once


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("point", ADOPTION_POINTS)
def test_every_call_survives_a_death_while_taking_over(stage: Stage, point: str) -> None:
    stage.start("call.before_append:60")
    stage.calls().run(count=2000, at_once=24)
    assert stage.server.wait() == -signal.SIGKILL
    written = read_journal(stage.journal)
    with contextlib.suppress(ServerFailed):  # it may die before it listens
        stage.start(point)
    assert stage.server.wait() == -signal.SIGKILL, "the point was not reached"
    stage.start()
    states = stage.check()
    check_written_calls(written, stage.records())
    assert states["interrupted"] >= 1
