"""The server is killed at a moment that nobody chose, or asked to stop in the middle of its work."""

import os
import random

import pytest

from tests.faults.audit import check_ledger, check_written_calls, wait_for_records
from tests.faults.conftest import IS_LONG, Stage
from tests.proxy.records import read_journal

pytestmark = [pytest.mark.trial, pytest.mark.usefixtures("worker")]


def test_a_kill_among_hundreds_of_calls_loses_and_doubles_nothing(stage: Stage) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    print(f"FAULTS_SEED={seed}")
    moments = random.Random(seed)
    load = None
    for _ in range(6 if IS_LONG else 1):
        stage.start()
        load = stage.calls()
        answered = len(load.complete) + moments.randint(100, 400)
        load.start(count=3000, at_once=300)
        load.wait_until_complete(answered)
        stage.server.kill()
        load.wait()
    assert load is not None
    assert len(load.complete) < len(load.calls), "the kill came after the load"
    written = read_journal(stage.journal)
    stage.start()
    states = stage.check(60)
    check_written_calls(written, stage.records())
    assert states["complete"] >= len(load.complete)


def test_an_orderly_stop_lets_every_call_end_and_ships_everything(stage: Stage) -> None:
    stage.start(SHUTDOWN_GRACE="60")
    load = stage.calls("chunk_delay_ms=30")
    load.start(count=60, at_once=60)
    stage.provider.wait_for(60)
    assert stage.server.stop(60) == 0
    load.wait()
    assert len(load.complete) == 60
    wait_for_records(stage.organization, 60)
    assert check_ledger(stage.organization, load, stage.provider) == {"complete": 60}


def test_a_call_that_outlasts_the_stop_s_patience_is_recorded_as_cut_off(stage: Stage) -> None:
    stage.start(SHUTDOWN_GRACE="1")
    load = stage.calls("silent-mid-body")
    load.start(count=12, at_once=12)
    load.wait_until(lambda: sum(call.status == 200 for call in load.calls) == 12)
    assert stage.server.stop(60) == 0
    load.wait()
    assert not load.complete
    wait_for_records(stage.organization, 12)
    assert check_ledger(stage.organization, load, stage.provider) == {"complete": 12}
    errors = {row.error_code for row in stage.records()}
    assert errors == {"server_shutdown"}
