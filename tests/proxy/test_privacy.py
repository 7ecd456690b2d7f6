"""Privacy: no prompt or answer text and no provider key is kept anywhere, whatever becomes of the call.

A canary goes in as prompt, answer, error text and key, and is then looked for in the database, the journal (the
in-flight file included), Redis and the servers' own output at its most talkative.
"""

import base64
import contextlib
import http.client
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from django.db import connection

from analytics.models import LedgerRecord
from tests.conftest import IS_PRODUCTION
from tests.factories import make_key, make_organization, make_team
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, message
from tests.servers import OurProcess, ProxyServer, Worker, wait_until

pytestmark = pytest.mark.trial

PROMPT, ANSWER, ERROR, KEY = (
    "canary-of-the-prompt",
    "canary-of-the-answer",
    "canary-of-the-error",
    "sk-canary-of-the-key",
)
SECRETS = (PROMPT, ANSWER, ERROR, KEY)
ASKED = [{"role": "user", "content": PROMPT}]
Settings = dict[str, str]

CALLS = {
    "answered": Scenario(text=ANSWER, thinking=ANSWER),
    "cut": Scenario(text=f"{ANSWER} " * 30, cut_at="mid-body"),
    "refused": Scenario(status=400, error_type=f"type {ERROR}", raw_body=json.dumps({"error": {"message": ERROR}})),
    "key refused": Scenario(status=401, error_code="invalid_api_key"),
    "garbage": Scenario(garbage="status-line", text=ANSWER),
    "no JSON": Scenario(raw_body=f"<p>{ANSWER}</p>", headers=(("Content-Type", "text/html"),)),
}


@pytest.fixture
def settings(service_settings: Settings, running_provider: FakeProvider) -> Settings:
    running_provider.reset()
    urls = {
        "OPENAI_UPSTREAM_URL": running_provider.openai_url,
        "ANTHROPIC_UPSTREAM_URL": running_provider.anthropic_url,
    }
    return {**service_settings, **urls, "LOG_LEVEL": "DEBUG"}


@pytest.fixture
def key(settings: Settings) -> str:
    return make_key(make_team(make_organization()))[1]


def everything_kept(settings: Settings, *servers: OurProcess) -> Iterator[tuple[str, str]]:
    """Every place and its content as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            yield f"table {table}", repr([[_plain(value) for value in row] for row in cursor.fetchall()])
    for path in Path(settings["JOURNAL_DIR"]).rglob("*"):
        if path.is_file():
            yield f"journal file {path.name}", path.read_bytes().decode("utf-8", "replace")
    if IS_PRODUCTION:
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            for name in client.scan_iter():
                yield f"Redis {name!r}", _redis_text(client, name)
    for server in servers:
        yield f"output of {type(server).__name__}", server.output


def _plain(value: object) -> object:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else value


def _redis_text(client: Any, name: bytes) -> str:
    """The value with what Celery wrapped in base64 opened."""
    texts = []
    for raw in [*_redis_values(client, name)]:
        texts.append(raw.decode("utf-8", "replace"))
        if raw.startswith(b"{"):
            body = json.loads(raw).get("body")
            texts.append(base64.b64decode(body).decode("utf-8", "replace") if body else "")
    return "\n".join(texts)


def _redis_values(client: Any, name: bytes) -> list[bytes]:
    kind = client.type(name)
    if kind == b"list":
        return list(client.lrange(name.decode(), 0, -1))
    if kind == b"hash":
        return list(client.hgetall(name.decode()).values())
    if kind in {b"set", b"zset"}:
        return list(client.sscan_iter(name) if kind == b"set" else client.zrange(name.decode(), 0, -1))
    return [client.get(name) or b""]


def assert_nothing_leaked(places: Iterable[tuple[str, str]], platform_key: str) -> None:
    found = list(places)
    assert any("private-call" in content for place, content in found), "the search finds nothing at all"
    for place, content in found:
        for secret in (*SECRETS, platform_key):
            assert secret not in content, f"{secret} is in {place}"


def send(caller: Caller, name: str, *, is_streamed: bool) -> None:
    """One call to each provider; what it is answered is not this test's matter."""
    metadata = {"prompt_key": "private-call", "feature_tags": ["canary"]}
    scenario = {"x-fake-scenario": json.dumps(_fields(CALLS[name])), "x-provider-key": KEY}
    for path, body in (
        (CHAT, chat(messages=ASKED, stream=is_streamed, _aipromptcost=metadata)),
        (MESSAGES, message(messages=ASKED, system=PROMPT, stream=is_streamed, _aipromptcost=metadata)),
    ):
        broken = contextlib.suppress(OSError, http.client.IncompleteRead)  # the answer that is cut
        with caller.sent("POST", path, body, scenario) as connection, broken:
            connection.reply()


def _fields(scenario: Scenario) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(scenario)
    return fields


def test_nothing_of_a_call_is_kept_whatever_becomes_of_it(settings: Settings, key: str) -> None:
    with contextlib.ExitStack() as running:
        servers: list[OurProcess] = [running.enter_context(ProxyServer(settings))]
        caller = Caller(servers[0].port, key)  # type: ignore[attr-defined]
        for name in CALLS:
            for is_streamed in (False, True):
                send(caller, name, is_streamed=is_streamed)
        send_refused_calls(caller)
        queue = list(everything_kept(settings))  # before a worker empties it
        if IS_PRODUCTION:
            servers.append(running.enter_context(Worker(settings)))
        wait_until(lambda: LedgerRecord.objects.count() >= 4 * len(CALLS), "the calls are in the ledger")
        assert_nothing_leaked([*queue, *everything_kept(settings, *servers)], key)


def send_refused_calls(caller: Caller) -> None:
    """Calls that we answer ourselves, each with secrets in an unusual place."""
    secret = {"x-provider-key": KEY}
    caller.post(CHAT, f'{{"model": "gpt-4o", "messages": [{{"content": "{PROMPT}"}}], broken'.encode(), secret)
    caller.post(CHAT, json.dumps({"messages": ASKED}).encode(), secret)
    caller.post(CHAT, chat(messages=ASKED, _aipromptcost=PROMPT), secret)
    caller.post(CHAT, chat(messages=ASKED, _aipromptcost={"prompt_key": [PROMPT], "version": PROMPT}), secret)
    caller.post(CHAT, chat(messages=ASKED), {**secret, "authorization": f"Bearer {KEY}"})
    caller.post(CHAT, chat(messages=ASKED), {**secret, "content-type": f"text/{PROMPT}"})
    caller.post(CHAT, chat(messages=ASKED), {"x-sandbox": "true", "x-provider-key": None})
    caller.call("GET", f"openai/models?after={KEY}", None, secret)


def test_nothing_of_a_call_is_kept_when_the_server_dies_in_it(
    settings: Settings, key: str, running_provider: FakeProvider
) -> None:
    held = {"x-fake-scenario": json.dumps(_fields(Scenario(text=f"{ANSWER} " * 30, hold_at="mid-body")))}
    body = chat(messages=ASKED, stream=True, _aipromptcost={"prompt_key": "private-call"})
    with ProxyServer(settings) as server:
        caller = Caller(server.port, key)
        with caller.opened("POST", CHAT, body, {**held, "x-provider-key": KEY}) as response:
            assert response.status == 200
            server.kill()
        running_provider.release()
        assert_nothing_leaked(everything_kept(settings, server), key)
