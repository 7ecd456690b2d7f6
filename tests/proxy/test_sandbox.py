"""`X-Sandbox: true`: an answer in the provider's format without a provider, a provider key or a cost."""

import pytest

from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, events_of, message
from tests.proxy.records import Records

SANDBOX: dict[str, str | None] = {"x-sandbox": "true", "x-provider-key": None}
METADATA = {"prompt_key": "greeting", "feature_tags": ["chat"], "version": 2}


def body_for(path: str, **members: object) -> bytes:
    return message(**members) if path == MESSAGES else chat(**members)


both_providers = pytest.mark.parametrize("path", [CHAT, MESSAGES])


@both_providers
def test_a_simulated_answer_has_the_providers_shape_and_calls_nobody(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    reply = proxy.post(path, body_for(path, _aipromptcost=METADATA), SANDBOX)

    assert (reply.status, reply.header("x-aipc-sandbox")) == (200, "true")
    assert reply.header("content-type") == "application/json"
    answer = reply.json()
    if path == CHAT:
        assert (answer["object"], answer["model"]) == ("chat.completion", "gpt-4o")
        assert "simulated" in answer["choices"][0]["message"]["content"]
        assert answer["choices"][0]["finish_reason"] == "stop"
        usage = answer["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > usage["prompt_tokens"] > 0
    else:
        assert (answer["type"], answer["role"], answer["model"]) == ("message", "assistant", "claude-haiku-4-5")
        assert "simulated" in answer["content"][0]["text"]
        assert answer["stop_reason"] == "end_turn"
        assert answer["usage"]["input_tokens"] > 0
        assert answer["usage"]["output_tokens"] > 0
    assert provider.log == []
    record = records.of(reply.call_id)
    assert (record.state, record.status, record.error_code, record.is_error) == ("simulated", 200, "", False)
    assert (record.prompt_key, record.tags, record.version) == ("greeting", ("chat",), 2)


@both_providers
def test_a_simulated_stream_has_the_providers_events(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    reply = proxy.post(path, body_for(path, stream=True), SANDBOX)

    assert (reply.status, reply.header("x-aipc-sandbox")) == (200, "true")
    assert reply.header("content-type").startswith("text/event-stream")
    events = events_of(reply.body)
    if path == CHAT:
        assert reply.body.endswith(b"data: [DONE]\n\n")
        assert {event["object"] for event in events} == {"chat.completion.chunk"}
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events).startswith("This is a sim")
        assert events[-1]["choices"][0]["finish_reason"] == "stop"
    else:
        kinds = [event["type"] for event in events]
        assert kinds[:2] == ["message_start", "content_block_start"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        assert events[-2]["usage"]["output_tokens"] > 0
    assert provider.log == []
    assert (records.of(reply.call_id).state, records.of(reply.call_id).streamed) == ("simulated", True)


def test_a_simulated_stream_tells_the_usage_to_who_asks(proxy: Caller) -> None:
    asked = proxy.post(CHAT, chat(stream=True, stream_options={"include_usage": True}), SANDBOX)
    last = events_of(asked.body)[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("key", ["sk-real", None])
@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_a_provider_key_makes_no_difference(proxy: Caller, provider: FakeProvider, key: str | None, value: str) -> None:
    reply = proxy.post(CHAT, chat(), {"x-sandbox": value, "x-provider-key": key})
    assert (reply.status, reply.header("x-aipc-sandbox")) == (200, "true")
    assert provider.log == []


@pytest.mark.parametrize("value", ["false", "0", "", "no"])
def test_any_other_value_means_a_real_call(proxy: Caller, provider: FakeProvider, records: Records, value: str) -> None:
    reply = proxy.post(CHAT, chat(), {"x-sandbox": value})
    assert reply.all_headers("x-aipc-sandbox") == []
    assert provider.log[0].header("x-sandbox") == ""
    assert records.of(reply.call_id).state == "complete"


@both_providers
def test_the_sandbox_refuses_what_a_real_call_refuses(proxy: Caller, provider: FakeProvider, path: str) -> None:
    assert proxy.post(path, b"{", SANDBOX).header("x-aipc-error") == "malformed_body"
    assert proxy.post(path, b"{}", SANDBOX).header("x-aipc-error") == "model_missing"
    assert proxy.post(path, body_for(path), SANDBOX | {"authorization": None}).status == 401
    assert provider.log == []


@pytest.mark.parametrize("path", ["openai/models", "anthropic/models", "openai/embeddings"])
def test_a_route_without_a_simulation_is_refused_and_not_recorded_as_a_request(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    reply = proxy.call("GET", path, None, SANDBOX)
    assert (reply.status, reply.header("x-aipc-error")) == (400, "sandbox_unsupported")
    assert provider.log == []
    assert all(record.state == "simulated" for record in records.all())
