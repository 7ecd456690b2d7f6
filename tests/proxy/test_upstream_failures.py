"""What the provider does wrong: errors pass as they are, a refused key is a 502, silence and cuts end the call."""

import http.client
import json
import zlib
from collections.abc import Iterator

import msgspec
import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.fake_provider.scenario import Moment
from tests.pace import tried_again_when_late
from tests.proxy.calls import CHAT, MESSAGES, Caller, Reply, chat, message, read_until, sent_bytes
from tests.proxy.conftest import Serve
from tests.proxy.records import Records
from tests.servers import ProxyServer, free_port


@pytest.fixture(scope="module")
def impatient_server(serve: Serve) -> Iterator[ProxyServer]:
    with serve({"UPSTREAM_SILENCE_TIMEOUT": "0.5"}) as server:
        yield server


def body_for(path: str, **members: object) -> bytes:
    return message(**members) if path == MESSAGES else chat(**members)


def code_of(reply: Reply) -> tuple[int, str, str]:
    return reply.status, reply.header("x-aipc-error"), reply.header("x-should-retry")


both_providers = pytest.mark.parametrize("path", [CHAT, MESSAGES])
both_kinds = pytest.mark.parametrize("is_stream", [False, True])

# --- Errors of the provider -------------------------------------------------------------------------------------------


@both_providers
@both_kinds
@pytest.mark.parametrize(
    "scenario",
    ["bad-request", "forbidden", "not-found", "too-large", "rate-limited", "server-error", "unavailable", "overloaded"],
)
def test_an_error_of_the_provider_passes_unmodified(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, scenario: str, is_stream: bool
) -> None:
    provider.script(scenario)
    reply = proxy.post(path, body_for(path, stream=is_stream))

    (seen,) = provider.log
    assert reply.status == seen.status
    assert len(reply.body) == sent_bytes(provider)
    assert reply.header("retry-after") == ("2" if scenario == "rate-limited" else "")
    assert reply.header("x-aipc-error") == ""
    assert reply.header("request-id" if path == MESSAGES else "x-request-id") == seen.request_id
    record = records.of(reply.call_id)
    assert (record.status, record.usage_source, record.is_error) == (seen.status, "none", True)
    assert record.error_code == (
        reply.json()["error"]["type"]
        if path == MESSAGES
        else reply.json()["error"]["code"] or reply.json()["error"]["type"]
    )


def test_an_error_page_that_is_no_json_passes_too(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    page = "<html><body>Bad gateway</body></html>"
    provider.script(Scenario(status=502, raw_body=page, headers=(("Content-Type", "text/html"),)))
    reply = proxy.post(CHAT, chat())
    assert (reply.status, reply.body, reply.header("content-type")) == (502, page.encode(), "text/html")
    assert code_of(reply) == (502, "", "")
    assert (records.of(reply.call_id).status, records.of(reply.call_id).error_code) == (502, "http_502")


# --- The provider key is refused --------------------------------------------------------------------------------------


@both_providers
@both_kinds
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_a_refused_provider_key_becomes_a_502_with_the_providers_own_body(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, is_stream: bool, encoding: str, framing: str
) -> None:
    scenario = {"status": 401, "encoding": encoding, "is_encoding_forced": True, "framing": framing}
    provider.script(msgspec.convert(scenario, Scenario))
    reply = proxy.post(path, body_for(path, stream=is_stream))

    assert code_of(reply) == (502, "provider_key_rejected", "false")
    assert reply.header("x-aipc-upstream-status") == "401"
    assert reply.header("content-encoding") == encoding
    assert len(reply.body) == sent_bytes(provider)
    error = json.loads(zlib.decompress(reply.body, wbits=47) if encoding else reply.body)["error"]
    assert error["type"] == "authentication_error" or error["code"] == "invalid_api_key"
    record = records.of(reply.call_id)
    assert (record.status, record.usage_source, record.is_error) == (401, "none", True)
    assert record.error_code == ("authentication_error" if path == MESSAGES else "invalid_api_key")


@pytest.mark.parametrize("path", ["openai/models", "anthropic/models"])
def test_a_refused_key_is_told_on_every_route(proxy: Caller, records: Records, path: str) -> None:
    key = {"x-provider-key": "sk-ant-invalid" if "anthropic" in path else "sk-invalid"}
    reply = proxy.call("GET", path, None, key)
    assert code_of(reply) == (502, "provider_key_rejected", "false")
    assert records.of(reply.call_id).status == 401


def test_the_401_of_an_oauth_token_passes_as_it_is(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script("unauthorized")
    reply = proxy.post(MESSAGES, message(), {"x-provider-key": "sk-ant-oat01-expired"})
    assert (reply.status, reply.header("x-aipc-error")) == (401, "")
    assert reply.json()["error"]["type"] == "authentication_error"
    assert len(reply.body) == sent_bytes(provider)
    assert records.of(reply.call_id).status == 401


@pytest.mark.parametrize(
    ("path", "scenario"),
    [
        (CHAT, Scenario(status=401, error_code="ip_not_authorized")),
        (CHAT, Scenario(status=401, raw_body="not JSON")),
        (CHAT, Scenario(status=401, raw_body="")),
        (MESSAGES, Scenario(status=401, error_type="permission_error")),
        (CHAT, Scenario(status=403, error_code="invalid_api_key")),
    ],
)
def test_another_refusal_of_the_provider_passes_as_it_is(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, scenario: Scenario
) -> None:
    provider.script(scenario)
    reply = proxy.post(path, body_for(path))
    assert (reply.status, reply.header("x-aipc-error")) == (scenario.status, "")
    assert len(reply.body) == sent_bytes(provider)
    assert records.of(reply.call_id).status == scenario.status


# --- No answer --------------------------------------------------------------------------------------------------------


def test_a_provider_that_cannot_be_reached_is_a_502_that_may_be_retried(
    serve: Serve, issued: tuple[object, str], records: Records
) -> None:
    dead = f"http://127.0.0.1:{free_port()}/v1"
    with serve({"OPENAI_UPSTREAM_URL": dead, "ANTHROPIC_UPSTREAM_URL": dead}) as server:
        unlucky = Caller(server.port, issued[1])
        for path in (CHAT, MESSAGES):
            reply = unlucky.post(path, body_for(path))
            assert code_of(reply) == (502, "upstream_unreachable", "")
            assert_shape(reply, path, "api_error")
            record = records.of(reply.call_id)
            assert (record.status, record.error_code, record.usage_source) == (502, "upstream_unreachable", "none")


def assert_shape(reply: Reply, path: str, anthropic_type: str) -> None:
    error = reply.json()["error"]
    assert error["type"] == (anthropic_type if path == MESSAGES else "server_error")
    assert error["message"]
    assert len(reply.call_id) == 32


@both_providers
def test_silence_before_the_headers_is_a_504(
    impatient_server: ProxyServer, proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    provider.script("silent")
    reply = Caller(impatient_server.port, proxy.platform_key).post(path, body_for(path))
    assert code_of(reply) == (504, "upstream_timeout", "")
    assert_shape(reply, path, "timeout_error")
    assert provider.wait_for(1, outcome="client-gone")
    record = records.of(reply.call_id)
    assert (record.status, record.error_code, record.usage_source) == (504, "upstream_timeout", "estimated")
    assert (record.usage.input > 0, record.usage.output) == (True, 0)


@both_providers
@both_kinds
def test_silence_in_mid_answer_breaks_the_clients_answer(
    impatient_server: ProxyServer, proxy: Caller, provider: FakeProvider, records: Records, path: str, is_stream: bool
) -> None:
    provider.script("silent-mid-body")
    impatient = Caller(impatient_server.port, proxy.platform_key)
    with impatient.opened("POST", path, body_for(path, stream=is_stream)) as answer:
        assert answer.status == 200
        with pytest.raises((http.client.IncompleteRead, OSError)):
            answer.read()
    assert provider.wait_for(1, outcome="client-gone")
    record = records.only()
    assert (record.status, record.error_code, record.is_error) == (200, "upstream_timeout", True)


@tried_again_when_late
def test_a_slow_stream_is_no_silent_one(
    impatient_server: ProxyServer, proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    """Together longer than the limit, but never silent for so long."""
    provider.script(Scenario(chunk_delay_ms=60))
    reply = Caller(impatient_server.port, proxy.platform_key).post(MESSAGES, message(stream=True, max_tokens=9))
    assert b"message_stop" in reply.body
    assert records.of(reply.call_id).error_code == ""
    assert records.of(reply.call_id).latency_ms > 500


@both_providers
@pytest.mark.parametrize("scenario", ["reset-before-headers", "eof-before-headers", "garbage", "garbage-header"])
def test_a_provider_that_breaks_off_before_the_answer_is_a_502(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, scenario: str
) -> None:
    provider.script(scenario)
    reply = proxy.post(path, body_for(path))
    assert code_of(reply) == (502, "upstream_broken", "")
    assert_shape(reply, path, "api_error")
    assert len(provider.log) == 1, "a call that may have been answered is not sent again"
    record = records.of(reply.call_id)
    assert (record.status, record.error_code) == (502, "upstream_broken")


# --- Half an answer ---------------------------------------------------------------------------------------------------


@both_providers
@pytest.mark.parametrize("scenario", ["reset", "early-eof"])
def test_a_stream_that_breaks_breaks_the_clients_too_and_is_estimated(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, scenario: str
) -> None:
    provider.script(f"{scenario}, prompt_tokens=500")
    with proxy.opened("POST", path, body_for(path, stream=True)) as answer:
        assert answer.status == 200
        with pytest.raises((http.client.IncompleteRead, OSError)):
            answer.read()
    record = records.only()
    assert (record.status, record.error_code, record.is_error) == (200, "upstream_broken", True)
    assert record.usage_source == "estimated"
    # Anthropic has told the input in its first event; OpenAI nothing, so the text's length stands in.
    assert record.usage.input == (500 if path == MESSAGES else len("Hello!user") // 4)
    assert 0 < record.usage.output < 25


@both_providers
@pytest.mark.parametrize("cut_by", ["reset", "eof"])
def test_a_json_answer_that_breaks_breaks_the_clients_too(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, cut_by: str
) -> None:
    provider.script(Scenario(cut_at="mid-body", cut_by=cut_by))  # type: ignore[arg-type]
    with proxy.opened("POST", path, body_for(path)) as answer:
        length = int(answer.getheader("content-length") or 0)
        with pytest.raises((http.client.IncompleteRead, OSError)):
            answer.read()
    assert length > 0
    record = records.only()
    assert (record.error_code, record.usage_source) == ("upstream_broken", "estimated")


def test_framing_that_cannot_be_parsed_ends_the_stream_at_once(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script("garbage-chunk, hold_at=mid-body")
    with proxy.opened("POST", MESSAGES, message(stream=True)) as answer:
        read_until(answer, b"message_start")
        provider.release()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    assert (records.only().error_code, records.only().usage_source) == ("upstream_broken", "estimated")


@both_providers
def test_an_error_event_in_mid_stream_passes_and_is_on_the_record(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    provider.script("error-event, prompt_tokens=500")
    reply = proxy.post(path, body_for(path, stream=True))
    assert b"error" in reply.body.split(b"\n\n")[-2]
    record = records.of(reply.call_id)
    assert (record.status, record.is_error, record.usage_source) == (200, True, "estimated")
    assert record.error_code == ("overloaded_error" if path == MESSAGES else "server_error")


@both_providers
def test_a_refusal_told_as_the_first_event_of_a_stream_costs_nothing(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    event = 'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    provider.script(Scenario(raw_body=event, headers=(("Content-Type", "text/event-stream"),)))
    reply = proxy.post(path, body_for(path, stream=True))
    assert reply.body == event.encode()
    record = records.of(reply.call_id)
    assert (record.status, record.error_code, record.usage_source) == (200, "overloaded_error", "none")
    assert not record.usage.is_billable


@pytest.mark.parametrize("moment", ["after-headers", "mid-body"])
def test_the_next_call_is_served_after_each_failure(proxy: Caller, provider: FakeProvider, moment: Moment) -> None:
    provider.script(Scenario(cut_at=moment), Scenario())
    with proxy.opened("POST", CHAT, chat()) as answer, pytest.raises((http.client.IncompleteRead, OSError)):
        answer.read()
    assert proxy.post(CHAT, chat()).status == 200


def test_a_connection_that_the_provider_has_closed_costs_at_most_a_retry(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    """Whether the proxy hears of the close before the next call is chance; that call is then not sent a second time."""
    provider.always("hangs-up")
    replies = [proxy.post(CHAT, chat()) for _ in range(8)]
    assert {code_of(reply) for reply in replies} <= {(200, "", ""), (502, "upstream_broken", "")}
    assert [reply.status for reply in replies].count(200) == len(provider.log)
    assert [records.of(reply.call_id).status for reply in replies] == [reply.status for reply in replies]
    assert len(records.all()) == len(replies)


def test_what_may_be_repeated_is_tried_again_on_a_new_connection(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.always("hangs-up")
    assert [proxy.call("GET", "openai/models").status for _ in range(8)] == [200] * 8
    assert len(provider.log) == len(records.all()) == 8


def test_an_answer_that_says_nothing_of_usage_is_estimated(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(*["no-usage"] * 4)
    for path, body in ((CHAT, chat()), (CHAT, chat(stream=True)), (MESSAGES, message()), (MESSAGES, message())):
        record = records.of(proxy.post(path, body).call_id)
        assert (record.usage_source, record.error_code) == ("estimated", "")
        assert record.usage.output > 10


def test_a_garbled_event_passes_and_does_not_stop_the_reading(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script("garbage-event")
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        body = read_until(answer, b"data: [DONE]\n\n")
    assert b'data: {"this is": not JSON\n\n' in body
    assert records.only().usage_source == "provider"
