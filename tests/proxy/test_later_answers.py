"""Background responses and batches: pending when they are made, and told by the answers to later calls."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from analytics.usage import Alias, UsageRecord
from orgs.models import ApiKey
from tests.conftest import settings_of_services
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import Caller, Reply, chat, events_of, message, read_until
from tests.proxy.forms import CONTENT_TYPE, form
from tests.proxy.records import Records
from tests.proxy.test_sdks import options
from tests.servers import ProxyServer, free_port

RESPONSES = "openai/responses"


def response(**members: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "input": "Hello!"} | members).encode()


def kinds(record: UsageRecord) -> tuple[str, str, str, bool]:
    return record.state, record.metering, record.usage_source, record.completion is not None


# --- Background responses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_background_response_is_pending_until_it_is_seen_to_be_over(
    proxy: Caller, provider: FakeProvider, records: Records, is_streamed: bool
) -> None:
    provider.script(Scenario(prompt_tokens=70, output_tokens=7, polls=2))
    made = proxy.post(RESPONSES, response(background=True))
    object_id = made.json()["id"]
    query = "?stream=true&starting_after=1" if is_streamed else ""
    seen = [proxy.call("GET", f"{RESPONSES}/{object_id}") for _ in range(2)]
    seen.append(proxy.call("GET", f"{RESPONSES}/{object_id}{query}"))

    first, early, *over = [records.of(reply.call_id) for reply in (made, *seen)]
    assert kinds(first) == ("pending", "metered", "none", False)
    assert (first.object_id, first.usage.is_billable) == (object_id, False)
    assert kinds(early) == ("complete", "free", "none", False)
    for record in over:
        assert kinds(record) == ("complete", "free", "none", True)
        assert (record.route, record.object_id) == ("responses/{id}", "")
        assert record.completion is not None
        assert (record.completion.object_id, record.completion.is_final) == (object_id, True)
        assert (record.completion.usage.input, record.completion.usage.output) == (70, 7)


def test_a_cancelled_background_response_is_told(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    object_id = proxy.post(RESPONSES, response(background=True)).json()["id"]
    cancelled = records.of(proxy.call("POST", f"{RESPONSES}/{object_id}/cancel").call_id)
    assert (cancelled.metering, cancelled.route) == ("free", "responses/{id}/cancel")
    assert cancelled.completion is not None
    assert (cancelled.completion.object_id, cancelled.completion.finish_reason) == (object_id, "cancelled")


def test_a_background_stream_that_is_read_to_its_end_is_a_usual_call(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(Scenario(prompt_tokens=70, output_tokens=7, polls=0))
    reply = proxy.post(RESPONSES, response(background=True, stream=True))
    assert events_of(reply.body)[-1]["type"] == "response.completed"
    record = records.of(reply.call_id)
    assert kinds(record) == ("complete", "metered", "provider", False)
    assert (record.usage.input, record.usage.output, record.object_id) == (70, 7, "")


def test_a_background_stream_that_is_left_early_is_pending_and_not_read_on(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(Scenario(hold_at="mid-body"))
    with proxy.opened("POST", RESPONSES, response(background=True, stream=True)) as answer:
        read_until(answer, b"response.in_progress")
    record = records.only()
    assert (record.state, record.error_code, record.usage_source) == ("pending", "client_disconnected", "none")
    assert record.object_id.startswith("resp_")


def test_a_usual_stream_that_is_left_early_is_estimated(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(Scenario(hold_at="mid-body", text="Some words of an answer, " * 40))
    with proxy.opened("POST", RESPONSES, response(stream=True, instructions="Be brief. " * 40)) as answer:
        read_until(answer, b"output_text.delta")
        provider.wait_for(1)
        answer.read1(65536)
    record = records.only()
    assert (record.state, record.usage_source, record.error_code) == ("complete", "estimated", "client_disconnected")
    assert record.usage.output > 0
    assert record.usage.input >= 100, "the instructions count"


# --- OpenAI's batches -------------------------------------------------------------------------------------------------


def upload(proxy: Caller, content: bytes, **headers: str) -> Reply:
    body = form({"purpose": "batch"}, content)
    return proxy.post("openai/files", body, {"content-type": CONTENT_TYPE} | headers)


@pytest.fixture
def batch(proxy: Caller, provider: FakeProvider) -> dict[str, Any]:
    """One that is over, of three requests, one of which failed."""
    bodies = {"a": chat(), "b": chat(model="gpt-4o@cached"), "c": chat(messages=None)}
    lines = [
        {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": json.loads(body)}
        for name, body in bodies.items()
    ]
    file_id = upload(proxy, "\n".join(map(json.dumps, lines)).encode()).json()["id"]
    body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = proxy.post("openai/batches", json.dumps(body).encode())
    batch_id = made.json()["id"]
    for _ in range(2):
        told = proxy.call("GET", f"openai/batches/{batch_id}")
    shown: dict[str, Any] = told.json() | {"made_by": made.call_id, "told_by": told.call_id, "asked_with": file_id}
    return shown


def test_a_batch_is_pending_and_names_its_files_when_it_is_over(
    proxy: Caller, records: Records, batch: dict[str, Any]
) -> None:
    made, told = records.of(batch["made_by"]), records.of(batch["told_by"])
    assert kinds(made) == ("pending", "metered", "none", False)
    assert made.object_id == batch["id"]
    files = {Alias(batch[name], batch["id"]) for name in ("output_file_id", "error_file_id")}
    assert set(told.aliases) == files
    assert told.completion is not None
    assert (told.completion.object_id, told.completion.is_final) == (batch["id"], False)
    listed = records.of(proxy.call("GET", "openai/batches").call_id)
    assert set(listed.aliases) == files
    assert listed.completion is None


@pytest.mark.parametrize("scenario", ["", "chunked", "split=7", "gzip", "gzip, split=5, chunked"])
def test_the_results_of_a_batch_are_summed_up_while_they_pass(
    proxy: Caller, provider: FakeProvider, records: Records, batch: dict[str, Any], scenario: str
) -> None:
    path = f"openai/files/{batch['output_file_id']}/content"
    reply = proxy.call("GET", path, None, {"x-fake-scenario": scenario or None, "accept-encoding": "gzip"})
    record = records.of(reply.call_id)
    assert (record.metering, record.route) == ("free", "files/{id}/content")
    assert record.completion is not None
    assert (record.completion.object_id, record.completion.is_final) == (batch["output_file_id"], True)
    billed = [used.usage for used in provider.used(batch["id"])]
    assert len(billed) == 2
    usage = record.completion.usage
    cached = sum(each["prompt_tokens_details"]["cached_tokens"] for each in billed)
    assert (usage.service_tier, usage.cache_read) == ("batch", cached)
    assert usage.input + usage.cache_read == sum(each["prompt_tokens"] for each in billed)
    assert usage.output == sum(each["completion_tokens"] for each in billed)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"range": "bytes=0-99999"}),
        ("GET", {"x-fake-scenario": "early-eof"}),
        ("GET", {"x-fake-scenario": "reset, chunked"}),
        ("GET", {"x-fake-scenario": "server-error"}),
        ("HEAD", {}),
    ],
)
def test_results_that_did_not_come_whole_complete_nothing(
    proxy: Caller, provider: FakeProvider, records: Records, batch: dict[str, Any], method: str, headers: dict[str, Any]
) -> None:
    before = len(records.all())
    with proxy.sent(method, f"openai/files/{batch['output_file_id']}/content", None, headers) as connection:
        while connection.socket.recv(65536) and len(records.all()) == before:
            pass
    *_, record = records.all()
    assert (record.route, record.method, record.completion) == ("files/{id}/content", method, None)


def test_results_that_the_client_leaves_complete_nothing(
    proxy: Caller, provider: FakeProvider, records: Records, batch: dict[str, Any]
) -> None:
    before = len(records.all())
    held = {"x-fake-scenario": "silent-mid-body"}
    with proxy.opened("GET", f"openai/files/{batch['output_file_id']}/content", None, held) as answer:
        assert answer.read1(100)
    records.wait_for(before + 1)
    *_, record = records.all()
    assert (record.error_code, record.completion) == ("client_disconnected", None)


def test_other_files_are_no_results(proxy: Caller, records: Records, batch: dict[str, Any]) -> None:
    """The batch's own requests, which have a `custom_id` too; training data; JSON; what is no text."""
    others = (b'{"messages": []}\n' * 9, b'{"custom_id": 1}', b"\x00\x01{}" * 99, b"", b"\n\n")
    for file_id in (batch["asked_with"], *(upload(proxy, content).json()["id"] for content in others)):
        reply = proxy.call("GET", f"openai/files/{file_id}/content")
        assert reply.status == 200
        assert records.of(reply.call_id).completion is None


# --- Anthropic's message batches --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server(
    request: pytest.FixtureRequest, committed_database: None, running_provider: FakeProvider
) -> Iterator[ProxyServer]:
    """One whose PUBLIC_URL is where it really is."""
    settings = settings_of_services(request.getfixturevalue("journal_folder"))
    port = free_port()
    urls = {
        "OPENAI_UPSTREAM_URL": running_provider.openai_url,
        "ANTHROPIC_UPSTREAM_URL": running_provider.anthropic_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    server = ProxyServer({**settings, **urls})
    server.port = port
    with server:
        yield server


@pytest.fixture
def server(own_server: ProxyServer) -> ProxyServer:
    return own_server


@pytest.fixture
def claude(proxy: Caller) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(**options(proxy, "anthropic")) as client:
        yield client


def test_the_results_of_a_message_batch_come_through_the_proxy(
    claude: anthropic.Anthropic, provider: FakeProvider, records: Records, issued: tuple[ApiKey, str]
) -> None:
    """The SDK goes to the address that the batch names, with its key."""
    provider.always(Scenario(encoding="gzip"))
    params: Any = json.loads(message())
    made = claude.messages.batches.create(
        requests=[{"custom_id": name, "params": params} for name in ("a", "b")],
        extra_body={"_aipromptcost": {"prompt_key": "nightly"}},
    )
    for _ in range(2):
        told = claude.messages.batches.retrieve(made.id)
    results = list(claude.messages.batches.results(made.id))
    listed = claude.messages.batches.list()

    assert sorted(result.custom_id for result in results) == ["a", "b"]
    assert told.results_url == f"{claude.base_url}v1/messages/batches/{made.id}/results"
    assert [each.results_url for each in listed] == [told.results_url]
    assert {issued[1] in str(seen.headers) for seen in provider.log} == {False}
    first, *_, fetched, _ = records.all()
    assert kinds(first) == ("pending", "metered", "none", False)
    assert (first.object_id, first.prompt_key) == (made.id, "nightly")
    assert fetched.route == "messages/batches/{id}/results"
    assert fetched.completion is not None
    assert fetched.completion.object_id == made.id
    billed = [used.usage for used in provider.used(made.id)]
    assert fetched.completion.usage.output == sum(each["output_tokens"] for each in billed) > 0


def test_an_answer_about_a_message_batch_is_the_providers_but_for_the_address(
    proxy: Caller, provider: FakeProvider
) -> None:
    theirs = "https://api.anthropic.com/v1/messages/batches/b/results"
    body = f'{{"id": "b", "x":1.50, "results_url" : "{theirs}" ,\n"y":"\\u00e9"}}\n'
    ours = body.replace("https://api.anthropic.com", f"http://127.0.0.1:{proxy.port}/api/proxy/v1/anthropic")
    provider.always(Scenario(raw_body=body, status=200))
    for method, path in (("GET", "batches/b"), ("POST", "batches/b/cancel"), ("POST", "batches"), ("GET", "batches")):
        reply = proxy.call(method, f"anthropic/v1/messages/{path}", b"{}" if method == "POST" else None)
        assert reply.body == ours.encode()
        assert reply.all_headers("content-length") == []
    other = proxy.post("anthropic/v1/messages", message())
    assert other.body == body.encode()
    assert proxy.call("HEAD", "anthropic/v1/messages/batches/b").status == 200
