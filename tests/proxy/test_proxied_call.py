"""One call all the way: client, proxy, provider, journal, ledger, and the REST API that shows what it cost."""

import contextlib
import http.client
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection

from analytics.models import LedgerRecord
from orgs.models import ApiKey
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, message, read_until
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer, Worker, wait_until

pytestmark = pytest.mark.trial


@pytest.fixture(scope="module")
def own_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal-of-a-crash")


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """Not here: the worker's queue stays bound while it runs."""


@pytest.fixture(scope="module")
def own_server(committed_database: None, serve: Serve, own_journal: Path) -> Iterator[ProxyServer]:
    """With what posts to the ledger: a worker in production, the proxy itself in trial mode."""
    worker = Worker(settings_of_services(own_journal)) if IS_PRODUCTION else contextlib.nullcontext()
    with worker, serve({"JOURNAL_DIR": str(own_journal)}) as server:
        yield server


@pytest.fixture
def server(own_server: ProxyServer) -> ProxyServer:
    return own_server


def posted(*call_ids: str) -> list[LedgerRecord]:
    """The calls' rows in the ledger, in the order given, waited for."""
    wanted = [uuid.UUID(call_id) for call_id in call_ids]
    wait_until(lambda: LedgerRecord.objects.filter(id__in=wanted).count() == len(wanted), "the calls are in the ledger")
    found = LedgerRecord.objects.in_bulk(wanted)
    return [found[call_id] for call_id in wanted]


def test_what_a_call_cost_is_in_the_ledger_and_in_the_totals(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(
        Scenario(prompt_tokens=1144, cached_tokens=1024, output_tokens=50),
        Scenario(
            prompt_tokens=100,
            cached_tokens=1000,
            cache_write_5m_tokens=400,
            cache_write_1h_tokens=200,
            output_tokens=60,
        ),
        Scenario(model="gpt-unheard-of"),
    )
    greeting = {"prompt_key": "greeting", "feature_tags": ["chat"], "version": 2}
    replies = [
        proxy.post(CHAT, chat(_aipromptcost=greeting)),
        proxy.post(MESSAGES, message(stream=True, _aipromptcost=greeting)),
        proxy.post(CHAT, chat(model="gpt-unheard-of")),
        proxy.post(CHAT, chat(), {"x-sandbox": "true"}),
        proxy.call("GET", "openai/models"),
        proxy.post(CHAT, chat(stream=True), {"x-fake-scenario": "bad-request"}),
    ]
    rows = posted(*(reply.call_id for reply in replies))

    assert [reply.status for reply in replies] == [200, 200, 200, 200, 200, 400]
    # 120 x $2.50, 1024 x $1.25 and 50 x $10 a million.
    # 100 x $1, 1000 x $0.10, 400 x $1.25, 200 x $2 and 60 x $5 a million.
    assert [(row.cost_status, row.cost_pico_usd) for row in rows] == [
        ("priced", 2_080_000_000),
        ("priced", 1_400_000_000),
        ("unpriced", None),
        ("simulated", 0),
        ("free", 0),
        ("priced", 0),
    ]
    assert {(row.prompt_key, tuple(row.tags), row.version) for row in rows[:2]} == {("greeting", ("chat",), 2)}
    total = json.loads(proxy.call("GET", "/api/aggregations/monthly").body, parse_float=Decimal)
    assert total["total_cost"] == Decimal("0.00348")
    assert (total["request_count"], total["unpriced_count"], total["error_count"]) == (3, 1, 1)
    by_prompt = json.loads(proxy.call("GET", "/api/aggregations/by-prompt").body, parse_float=Decimal)
    costs = {prompt["prompt_key"]: prompt["total_cost"] for prompt in by_prompt["prompts"]}
    assert costs["greeting"] == Decimal("0.00348")


def everything_in_the_database() -> str:
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


def everything_in_redis() -> bytes:
    if not IS_PRODUCTION:
        return b""
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        return b"".join(client.dump(key) or b"" for key in client.scan_iter())


def test_a_call_whose_end_the_client_has_seen_survives_a_kill_of_the_proxy(
    proxy: Caller, provider: FakeProvider, server: ProxyServer, issued: tuple[ApiKey, str]
) -> None:
    """`kill -9` as soon as the last event is there. Another call is cut off and becomes a record without a cost."""
    silent = {"x-fake-scenario": "silent-mid-body"}
    with (
        proxy.opened("POST", MESSAGES, message(stream=True), silent) as cut_off,
        proxy.opened("POST", CHAT, chat(stream=True)) as complete,
        proxy.opened("POST", MESSAGES, message(stream=True)) as as_complete,
    ):
        read_until(cut_off, b"message_start")
        read_until(as_complete, b'{"type":"message_stop"')
        read_until(complete, b"data: [DONE]\n\n")
        server.kill()
        with pytest.raises((http.client.IncompleteRead, OSError)):
            cut_off.read()
    ids = [str(answer.getheader("x-aipc-request-id")) for answer in (complete, as_complete, cut_off)]

    server.start()

    rows = posted(*ids)
    assert [(row.state, row.cost_status) for row in rows] == [
        ("complete", "priced"),
        ("complete", "priced"),
        ("interrupted", "interrupted"),
    ]
    assert [row.output_tokens for row in rows] == [25, 25, 0]
    assert LedgerRecord.objects.filter(api_key_id=issued[0].pk).count() == 3
    total = proxy.call("GET", "/api/aggregations/monthly").json()
    assert (total["request_count"], total["interrupted_count"]) == (2, 1)
