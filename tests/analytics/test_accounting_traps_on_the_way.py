"""What other proxies got wrong between the client and the ledger: calls lost, clients refused, bytes changed.

What they got wrong in the sums is in `test_accounting_traps.py`.
"""

import contextlib
import gzip
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from orgs.key_cache import KeyCache, KeysUnavailable, StoredKey, find_stored_key
from orgs.models import ApiKey
from orgs.services import keys
from tests.analytics.billed_calls import report, rows_of
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.fake_provider import FakeProvider, Scenario
from tests.orgs.key_cache_tools import facts_of, get
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, events_of, message, read_until
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer, Worker, wait_until

SILENCE_SECONDS = 2  # The settings' 600, shortened.


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """Not here: the worker's queue stays bound while it runs."""


@pytest.fixture(scope="module")
def server(committed_database: None, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    """With what posts to the ledger: a worker in production, the proxy itself in trial mode."""
    journal: Path = tmp_path_factory.mktemp("journal-of-the-way")
    worker = Worker(settings_of_services(journal)) if IS_PRODUCTION else contextlib.nullcontext()
    settings = {"JOURNAL_DIR": str(journal), "UPSTREAM_SILENCE_TIMEOUT": str(SILENCE_SECONDS)}
    with worker, serve(settings) as server:
        yield server


@pytest.fixture
def proxy(server: ProxyServer, provider: FakeProvider, issued: tuple[ApiKey, str]) -> Caller:
    return Caller(server.port, issued[1])


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_revoked_key_does_not_live_on_in_a_cache(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    assert proxy.post(CHAT, chat()).status == 200
    keys.revoke(key=issued[0])
    # The promise is a second. The rest is for a machine that has other things to do.
    wait_until(lambda: proxy.post(CHAT, chat()).status == 401, "the key is refused", seconds=8)


def test_a_database_that_is_away_for_a_moment_makes_no_valid_key_a_401(issued: tuple[ApiKey, str]) -> None:
    key, text = issued
    is_away = False

    def look_up(digest: bytes) -> StoredKey | None:
        if is_away:
            raise OperationalError("the database is away")
        return find_stored_key(digest)

    warm, cold = (KeyCache(900, look_up=look_up) for _ in range(2))
    get(warm, text)

    is_away = True
    assert warm.find(text) == facts_of(key)
    with pytest.raises(KeysUnavailable):  # a 503 that SDKs try again
        get(cold, text)

    is_away = False
    assert get(cold, text) == facts_of(key)


# --- Calls that end otherwise -----------------------------------------------------------------------------------------


def test_a_client_that_leaves_is_billed_for_what_had_come(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=12, prompt_tokens=500))
    with proxy.sent("POST", MESSAGES, message(stream=True)) as connection:
        answer = connection.receive()
        call_id = str(answer.getheader("x-aipc-request-id"))
        read_until(answer, b"text_delta")
        answer.close()
        connection.reset()
        provider.wait_for(1, outcome="client-gone")
    wait_until(lambda: report(proxy, "monthly")["request_count"] == 1, "the call is in the totals")
    (row,) = rows_of(call_id)
    assert (row.cost_status, row.error_code, row.input_tokens) == ("estimated", "client_disconnected", 500)
    # Claude Haiku 4.5: 500 x 1, and 5 for each token of the text that had come.
    assert row.cost_pico_usd == 500_000_000 + 5_000_000 * row.output_tokens > 500_000_000


def test_no_call_is_lost_when_the_proxy_is_stopped(proxy: Caller, provider: FakeProvider, server: ProxyServer) -> None:
    """Neither the one whose answer has just gone out, nor the one that is still answered."""
    provider.script(Scenario(hold_at="mid-body", at_event=12), Scenario())
    with proxy.opened("POST", CHAT, chat(stream=True)) as running:
        read_until(running, b'"content":"The"')
        ended = proxy.post(MESSAGES, message())
        os.kill(server.pid, signal.SIGTERM)
        provider.release()
        assert running.read().endswith(b"data: [DONE]\n\n")
    server.wait()
    server.start()
    rows = rows_of(ended.call_id, str(running.getheader("x-aipc-request-id")))
    assert [(row.cost_status, row.output_tokens) for row in rows] == [("priced", 25), ("priced", 25)]


def test_an_answer_may_take_longer_than_any_silence(proxy: Caller, provider: FakeProvider) -> None:
    """There is no limit for the whole of a call: what comes now and then is alive."""
    provider.script(Scenario(chunk_delay_ms=SILENCE_SECONDS * 1000 // 25))
    reply = proxy.post(CHAT, chat(stream=True))  # 28 events
    assert reply.body.endswith(b"data: [DONE]\n\n")
    (row,) = rows_of(reply.call_id)
    assert row.latency_ms > SILENCE_SECONDS * 1000
    assert (row.cost_status, row.is_error) == ("priced", False)


# --- Bytes ------------------------------------------------------------------------------------------------------------


def test_a_stream_is_not_held_back(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=1))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        assert b'"role":"assistant"' in read_until(answer, b"\n\n")
        assert provider.log[0].outcome == "running"
        provider.release()
        assert answer.read().endswith(b"data: [DONE]\n\n")


def test_the_request_is_not_written_anew(proxy: Caller, provider: FakeProvider) -> None:
    """What the provider's prompt cache compares stays as it was, and so do numbers above 2^53 and repeated members."""
    inner = rb'{ "b" : 9007199254740993,"a":1.0 , "a":1e400, "text":"\u00fc\/\ud83d\ude00" }'
    body = b'{"model":"claude-haiku-4-5","max_tokens":64,"metadata":' + inner
    body += b',"messages":[{"role":"user","content":"Hi"}]'
    proxy.post(MESSAGES, body + b',"_aipromptcost":{"prompt_key":"greeting"}}')
    proxy.post(MESSAGES, body + b"}")
    assert [seen.body for seen in provider.log] == [body + b"}", body + b"}"]


def test_a_decoded_answer_does_not_claim_to_be_encoded(proxy: Caller, provider: FakeProvider) -> None:
    """Where the usage is asked for, so that events can be left out; elsewhere an answer stays encoded, and says so."""
    provider.always(Scenario(encoding="gzip"))
    accepting = {"accept-encoding": "gzip, deflate"}
    streamed = proxy.post(CHAT, chat(stream=True), accepting)
    assert streamed.header("content-encoding") == ""
    assert events_of(streamed.body)
    whole = proxy.post(MESSAGES, message(), accepting)
    assert whole.header("content-encoding") == "gzip"
    assert json.loads(gzip.decompress(whole.body))["usage"]["output_tokens"] == 25


def test_beta_features_are_asked_for_as_the_client_did(proxy: Caller, provider: FakeProvider) -> None:
    asked = "context-1m-2025-08-07,compact-2026-01-12"
    proxy.post(MESSAGES + "?beta=true", message(), {"anthropic-beta": asked})
    (seen,) = provider.log
    assert (seen.header("anthropic-beta"), seen.target.endswith("?beta=true")) == (asked, True)
