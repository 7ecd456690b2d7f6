"""`/metrics` of a real server: who may read it, and that it counts what happened."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from proxy import metrics_page
from tests.conftest import IS_PRODUCTION
from tests.fake_provider import FakeProvider
from tests.fake_provider.scenario import Scenario
from tests.pace import tried_again_when_late
from tests.proxy.calls import CHAT, MESSAGES, Caller, Connection, Reply, chat, message, read_until
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer, wait_until

pytestmark = pytest.mark.trial
PUBLIC = [(b"host", b"prompts.example.com")]
INSIDE = [(b"host", b"10.0.0.7:8000")]


@pytest.fixture(scope="module")
def server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    with serve({"METRICS_DIR": str(tmp_path_factory.mktemp("metrics"))}) as server:
        yield server


def ask(server: ProxyServer, method: str = "GET", **headers: str) -> Reply:
    with closing(Connection(server.port)) as connection:
        connection.send(method, "/metrics", headers.items())
        return connection.reply(method)


def read(server: ProxyServer) -> dict[str, float]:
    """Every series with its labels, as it stands in the text."""
    reply = ask(server)
    assert reply.status == 200
    assert reply.header("content-type").startswith("text/plain; version=0.0.4")
    lines = [line for line in reply.body.decode().splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def test_what_happened_is_counted(server: ProxyServer, proxy: Caller, provider: FakeProvider) -> None:
    before = read(server)

    def grown(series: str, by: float) -> bool:
        return read(server).get(series, 0.0) - before.get(series, 0.0) == by

    for _ in range(3):
        assert proxy.post(CHAT, chat()).status == 200
    provider.script(Scenario(status=429), Scenario(status=418))
    proxy.post(MESSAGES, message())
    proxy.post(MESSAGES, message())
    assert proxy.post(CHAT, b"{").status == 400
    assert proxy.post(CHAT, chat(), {"authorization": "Bearer apc_nonsense"}).status == 401

    for series, by in {
        'aipc_calls_total{provider="openai",route="chat/completions",status="200"}': 3,
        'aipc_calls_total{provider="anthropic",route="messages",status="429"}': 1,
        'aipc_calls_total{provider="anthropic",route="messages",status="4xx"}': 1,
        'aipc_calls_total{provider="openai",route="chat/completions",status="400"}': 1,
        'aipc_calls_total{provider="openai",route="chat/completions",status="401"}': 1,
        'aipc_refusals_total{code="malformed_body"}': 1,
        'aipc_refusals_total{code="platform_key_invalid"}': 1,
        'aipc_added_latency_seconds_count{provider="openai"}': 3,
        'aipc_upstream_latency_seconds_count{provider="anthropic"}': 2,
        "aipc_key_cache_misses_total": 1,
        "aipc_key_cache_hits_total": 5,
        "aipc_records_written_total": 5,
    }.items():
        wait_until(partial(grown, series, by), f"{series} is {by} more")


@tried_again_when_late
def test_what_the_provider_takes_is_not_what_we_add(server: ProxyServer, proxy: Caller, provider: FakeProvider) -> None:
    added, upstream = (
        'aipc_added_latency_seconds_sum{provider="openai"}',
        'aipc_upstream_latency_seconds_sum{provider="openai"}',
    )
    proxy.post(CHAT, chat())
    wait_until(lambda: read(server)["aipc_open_calls"] == 0, "the call is over")
    before = read(server)
    provider.script(Scenario(head_delay_ms=700))
    proxy.post(CHAT, chat())
    wait_until(lambda: read(server)[upstream] - before[upstream] > 0.6, "the provider's time is counted")

    assert 0 < read(server)[added] - before[added] < 0.6


def test_a_stream_is_open_until_it_ends_and_one_that_breaks_is_told(
    server: ProxyServer, proxy: Caller, provider: FakeProvider
) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=3))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        read_until(answer, b"data: ")
        now = read(server)
        assert (now["aipc_open_streams"], now["aipc_open_calls"], now["aipc_calls_in_flight"]) == (1, 1, 1)
    wait_until(lambda: read(server)["aipc_open_streams"] == 0, "the stream has ended")
    assert read(server)['aipc_answers_cut_short_total{reason="client_disconnected"}'] == 1


@pytest.mark.parametrize("scenario", [Scenario(hold_at="before-headers"), Scenario(hold_at="mid-body", at_event=29)])
def test_an_answer_that_has_not_begun_or_is_whole_is_not_cut_short(
    server: ProxyServer, proxy: Caller, provider: FakeProvider, scenario: Scenario
) -> None:
    """The client leaves before the head of the answer, or after `[DONE]`, before the provider closes."""
    cut_short, before = 'aipc_answers_cut_short_total{reason="client_disconnected"}', read(server)
    provider.script(scenario)
    with proxy.sent("POST", CHAT, chat(stream=True)) as connection:
        provider.wait_for(1)
        if scenario.hold_at == "mid-body":
            read_until(connection.receive(), b"[DONE]")
        connection.close()
        provider.wait_for(1, outcome="client-gone")
    wait_until(lambda: read(server)["aipc_open_calls"] == 0, "the call is over")
    assert read(server).get(cut_short, 0.0) == before.get(cut_short, 0.0)


def test_it_tells_of_the_ledger_the_process_and_its_neighbours(server: ProxyServer, proxy: Caller) -> None:
    proxy.post(CHAT, chat())
    now = read(server)

    assert now['aipc_resident_memory_bytes{role="server"}'] > 20e6
    assert now['aipc_processes{role="server"}'] == 1
    assert (now["aipc_database_up"], now["aipc_rejected_records"], now["aipc_ledger_differences"]) == (1, 0, 0)
    assert now["aipc_journal_free_bytes"] > 0
    assert any(series.startswith("aipc_build_info{version=") for series in now)
    assert ("aipc_redis_up" in now) == IS_PRODUCTION
    if not IS_PRODUCTION:  # where the server posts by itself
        posted = 'aipc_records_posted_total{provider="openai",cost_status="priced"}'
        wait_until(lambda: read(server).get(posted, 0) > 0, "what is posted is counted")


def test_only_reading_is_allowed(server: ProxyServer) -> None:
    assert ask(server, "POST").status == 405
    assert ask(server, "HEAD").body == b""


# --- Who may read it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "headers", "is_allowed"),
    [
        ("127.0.0.1", INSIDE, True),
        ("10.1.2.3", [(b"host", b"web:8000")], True),
        ("::1", [(b"host", b"[::1]:8000")], True),
        ("192.168.1.9", [(b"host", b"localhost")], True),
        ("8.8.8.8", INSIDE, False),
        ("127.0.0.1", PUBLIC, False),  # a web proxy on this machine that adds no header of its own
        ("127.0.0.1", [(b"host", b"8.8.8.8")], False),
        ("127.0.0.1", [*INSIDE, (b"x-forwarded-for", b"203.0.113.9")], False),
        ("127.0.0.1", [*INSIDE, (b"forwarded", b"for=203.0.113.9")], False),
        ("127.0.0.1", [], False),
    ],
)
def test_without_a_token_it_is_for_this_machine_and_its_neighbours(
    settings: Settings, client: str, headers: list[tuple[bytes, bytes]], is_allowed: bool
) -> None:
    settings.METRICS_TOKEN = ""
    scope: dict[str, Any] = {"client": (client, 40000), "headers": headers}
    assert metrics_page.is_allowed(scope) is is_allowed


@pytest.mark.parametrize(
    ("authorization", "is_allowed"),
    [
        ([b"Bearer a-token-of-twenty"], True),
        ([b"Bearer a-token-of-twent"], False),
        ([b"Bearer a-token-of-twenty\xff"], False),
        ([b"Bearer "], False),
        ([], False),
        ([b"Bearer wrong", b"Bearer a-token-of-twenty"], False),
    ],
)
def test_with_a_token_it_is_for_whoever_shows_it(
    settings: Settings, authorization: list[bytes], is_allowed: bool
) -> None:
    settings.METRICS_TOKEN = "a-token-of-twenty"
    headers = [*PUBLIC, (b"x-forwarded-for", b"203.0.113.9"), *[(b"authorization", value) for value in authorization]]
    scope: dict[str, Any] = {"client": ("127.0.0.1", 40000), "headers": headers}
    assert metrics_page.is_allowed(scope) is is_allowed


def test_to_others_there_is_nothing_here(server: ProxyServer) -> None:
    reply = ask(server, **{"x-forwarded-for": "203.0.113.9"})
    assert (reply.status, reply.body) == (404, b"Not Found\n")
