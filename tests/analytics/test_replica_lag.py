"""How far a replica is behind, from places in the primary's log: pure."""

import pytest

from analytics.replica import Lag

pytestmark = pytest.mark.trial


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lag(clock: Clock) -> Lag:
    return Lag(clock)


def test_a_primary_that_writes_nothing_leaves_nobody_behind(lag: Lag, clock: Clock) -> None:
    assert lag.measure(written=500, replayed=500, age=3600) == 0
    clock.now += 3600
    assert lag.measure(written=500, replayed=500, age=7200) == 0


def test_what_was_written_just_now_after_an_idle_hour_is_not_an_hour_late(lag: Lag, clock: Clock) -> None:
    lag.measure(written=500, replayed=500, age=3600)
    clock.now += 2
    assert lag.measure(written=560, replayed=500, age=3602) == 2
    clock.now += 2
    assert lag.measure(written=600, replayed=560, age=3604) == 2  # the rest was there at the last look


def test_a_replica_that_stands_still_falls_behind_whatever_it_is_that_was_written(lag: Lag, clock: Clock) -> None:
    """No posting is needed for it: records that were priced again are missed, too."""
    lag.measure(written=500, replayed=500, age=0.1)
    for _ in range(30):
        clock.now += 2
        late = lag.measure(written=700, replayed=600, age=clock.now - 1000)
    assert late == 60


def test_one_that_is_found_behind_is_as_late_as_its_last_transaction(lag: Lag) -> None:
    assert lag.measure(written=500, replayed=400, age=90) == 90


def test_one_that_has_replayed_nothing_yet_is_not_read(lag: Lag) -> None:
    assert lag.measure(written=500, replayed=400, age=None) == float("inf")
