"""A slow client does not make memory grow: what it does not take stays with the provider."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.faults.conftest import Stage
from tests.faults.slow_readers import Flood, SlowReaders, memory_of
from tests.proxy.calls import Caller
from tests.proxy.records import read_journal
from tests.servers import wait_until

pytestmark = [pytest.mark.production, pytest.mark.slow]
READERS = 100
CLIENTS = ["aiohttp", "lean"]
BYTES_EACH = 90_000  # 1,000 readers stay below 200 MB with the 105 MB of an idle process


@pytest.fixture
def flood() -> Iterator[Flood]:
    with Flood(10_000_000) as flood:
        yield flood


@pytest.mark.parametrize("client", CLIENTS)
def test_slow_readers_of_long_streams_cost_little_memory(stage: Stage, flood: Flood, client: str) -> None:
    stage.start(OPENAI_UPSTREAM_URL=flood.url, UPSTREAM_CLIENT=client)
    before = memory_of(stage.server.pid)
    with contextlib.closing(SlowReaders(Caller(stage.server.port, stage.platform_key), READERS)) as readers:
        grown = readers.read(2, stage.server.pid) - before
        print(f"idle {before:,}, {grown / READERS:,.0f} bytes for each reader")
        assert grown < READERS * BYTES_EACH
        rest = readers.read_one_to_the_end()
    assert len(rest) > 9_900_000
    assert b"data: [DONE]" in rest[-40:]


def test_a_client_that_takes_a_byte_a_second_of_100_mb_is_given_up_and_recorded(stage: Stage) -> None:
    with Flood(100_000_000) as flood:
        stage.start(OPENAI_UPSTREAM_URL=flood.url, CLIENT_STALL_TIMEOUT="2")
        before = memory_of(stage.server.pid)
        with contextlib.closing(SlowReaders(Caller(stage.server.port, stage.platform_key), 1)) as readers:
            assert readers.read(3, stage.server.pid) - before < 5_000_000
            wait_until(lambda: bool(read_journal(stage.journal)), "the call has ended")
    (record,) = read_journal(stage.journal)
    assert (record.error_code, record.usage_source, record.status) == ("client_stalled", "estimated", 200)
