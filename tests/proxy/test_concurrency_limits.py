"""What all calls of a process share: the memory for bodies, and the room in the journal."""

from collections.abc import Iterator

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, Reply, chat, message
from tests.proxy.conftest import Serve
from tests.proxy.records import Records
from tests.servers import ProxyServer

BODY = 600_000


@pytest.fixture(scope="module")
def small_server(serve: Serve) -> Iterator[ProxyServer]:
    with serve({"BODY_MEMORY_BYTES": "1000000"}) as server:
        yield server


@pytest.fixture
def server(small_server: ProxyServer) -> ProxyServer:
    return small_server


def assert_busy(reply: Reply) -> None:
    assert (reply.status, reply.header("x-aipc-error")) == (503, "body_memory_exhausted")
    assert reply.header("x-should-retry") == ""
    assert reply.header("retry-after") == "1"


def test_bodies_beyond_the_memory_for_them_are_to_be_sent_again(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    large = chat(padding="x" * BODY)
    provider.script("silent")
    with proxy.sent("POST", CHAT, large) as held:
        provider.wait_for(1)
        assert_busy(proxy.post(CHAT, large))
        busy = proxy.post(MESSAGES, message(padding="x" * BODY))
        assert_busy(busy)
        assert busy.json()["error"]["type"] == "overloaded_error"
        assert proxy.post(CHAT, chat()).status == 200, "a small one has room"
        provider.release()
        assert held.reply().status == 200
    assert proxy.post(CHAT, large).status == 200
    assert [record.status for record in records.all()] == [200, 200, 200]
    assert len(provider.log) == 3


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_gives_its_memory_back(proxy: Caller, provider: FakeProvider, how: str) -> None:
    large = chat(padding="x" * BODY)
    provider.script(Scenario(hold_at="before-headers"))
    with proxy.sent("POST", CHAT, large) as held:
        provider.wait_for(1)
        held.reset() if how == "reset" else held.close()
        provider.wait_for(1, outcome="client-gone")
    assert proxy.post(CHAT, large).status == 200


def test_an_upload_that_is_only_forwarded_takes_no_memory(proxy: Caller, provider: FakeProvider) -> None:
    reply = proxy.post("openai/files", b"x" * 5_000_000, {"content-type": "application/octet-stream"})
    assert reply.status == 400  # the fake provider's own answer: it is no form
    assert len(provider.log[0].body) == 5_000_000
