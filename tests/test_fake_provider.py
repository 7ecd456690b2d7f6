"""The fake provider itself: what the official SDKs read from it, and which requests it refuses."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.fake_provider import FakeProvider, Scenario, ToolCall
from tests.raw_calls import CHAT, HELLO, events_of, post

USAGE_WANTED: Any = {"include_usage": True}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def gpt(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-test", base_url=provider.openai_url, max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def claude(provider: FakeProvider) -> Iterator[anthropic.Anthropic]:
    url = provider.anthropic_url.removesuffix("/v1")
    with anthropic.Anthropic(api_key="sk-ant-test", base_url=url, max_retries=0, timeout=60) as client:
        yield client


# --- OpenAI ---


def test_a_chat_answer_counts_tokens_by_the_documented_rule(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.usage is not None
    # 3, 4 for the message, 2 for its 6 characters; the answer has 16 + 9 words.
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (9, 25, 34)
    assert answer.model == "gpt-4o-2024-08-06"
    (exchange,) = provider.wait_for(1, outcome="completed")
    assert exchange.usage is not None
    assert exchange.usage["completion_tokens"] == 25
    assert exchange.id == answer.id


def test_a_chat_stream_says_the_same_as_the_json_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    chunks = list(gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options=USAGE_WANTED))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == answer.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == answer.usage


def test_a_stream_without_include_usage_carries_no_usage_member_at_all(provider: FakeProvider) -> None:
    reply = post(provider, CHAT | {"stream": True})
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.text.endswith("data: [DONE]\n\n")
    chunks = events_of(reply.text)
    assert all("usage" not in chunk and "obfuscation" in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_stream_with_include_usage_carries_null_in_every_chunk_but_the_last(provider: FakeProvider) -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    chunks = events_of(post(provider, CHAT | {"stream": True, "stream_options": options}).text)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 34
    assert not any("obfuscation" in chunk for chunk in chunks)


def test_max_tokens_ends_the_answer_with_length(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_tool_calls_come_whole_and_in_pieces(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script("two-tools", "two-tools")
    calls = gpt.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.tool_calls
    assert calls is not None
    whole = [call.function.arguments for call in calls if call.type == "function"]
    pieces = ["", ""]
    for chunk in gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True):
        for part in chunk.choices[0].delta.tool_calls or []:
            assert part.function is not None
            pieces[part.index] += part.function.arguments or ""
    assert whole == pieces
    assert json.loads(whole[0])["usage"]["prompt_tokens"] == 999999


def test_a_refusal_is_told_apart_from_content(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script("refusal", "refusal")
    message = gpt.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message
    chunks = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    assert message.content is None
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == message.refusal


def test_scripted_tokens_are_reported_in_every_detail(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script(
        Scenario(
            prompt_tokens=2000,
            cached_tokens=1024,
            cache_write_tokens=300,
            audio_input_tokens=80,
            output_tokens=500,
            reasoning_tokens=320,
            audio_output_tokens=60,
            service_tier="flex",
        )
    )
    answer = gpt.chat.completions.create(model="gpt-5", messages=HELLO)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.completion_tokens_details is not None
    prompt, completion = answer.usage.prompt_tokens_details, answer.usage.completion_tokens_details
    assert (prompt.cached_tokens, prompt.cache_write_tokens, prompt.audio_tokens) == (1024, 300, 80)
    assert (completion.reasoning_tokens, completion.audio_tokens) == (320, 60)
    assert (answer.usage.total_tokens, answer.service_tier) == (2500, "flex")


def test_embeddings_and_models_answer(gpt: openai.OpenAI) -> None:
    assert gpt.embeddings.create(model="text-embedding-3-small", input="Hello there").usage.prompt_tokens == 3
    assert "gpt-4o" in [model.id for model in gpt.models.list()]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"messages": HELLO}, 400, "model"),
        ({"model": "gpt-4o"}, 400, "messages"),
        (CHAT | {"_aipromptcost": {"prompt_key": "x"}}, 400, "_aipromptcost"),
        (CHAT | {"stream_options": USAGE_WANTED}, 400, "stream_options"),
        (CHAT | {"model": "no-such-model-5"}, 404, None),
    ],
)
def test_openai_refuses_what_it_refuses_in_life(
    provider: FakeProvider, body: dict[str, Any], status: int, param: str | None
) -> None:
    reply = post(provider, body)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert reply.json()["error"]["param"] == param


def test_each_error_raises_the_sdks_own_exception(provider: FakeProvider, gpt: openai.OpenAI) -> None:
    expected: dict[str, type[openai.APIStatusError]] = {
        "bad-request": openai.BadRequestError,
        "unauthorized": openai.AuthenticationError,
        "rate-limited": openai.RateLimitError,
        "server-error": openai.InternalServerError,
    }
    provider.script(*expected)
    for kind in expected.values():
        with pytest.raises(kind) as raised:
            gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
        assert raised.value.response.headers["x-request-id"].startswith("req_")
        if kind is openai.RateLimitError:
            assert raised.value.response.headers["retry-after"] == "2"


def test_a_wrong_key_is_refused_with_invalid_api_key(provider: FakeProvider) -> None:
    reply = post(provider, CHAT, headers={"Authorization": "Bearer sk-invalid-0001"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


# --- Anthropic ---


def test_a_message_streams_what_it_says_in_json(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=HELLO)
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert answer.model == "claude-haiku-4-5-20251001"
    assert streamed.content[0].model_dump() == answer.content[0].model_dump()
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (9, 25)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 25)


def test_a_message_stream_has_the_documented_events_in_order(provider: FakeProvider, claude: Any) -> None:
    provider.script(Scenario(prompt_tokens=2100, cached_tokens=9000, cache_write_5m_tokens=1031, thinking="Hm."))
    events = list(claude.messages.create(model="claude-haiku-4-5", max_tokens=3, messages=HELLO, stream=True))
    kinds = [event.type for event in events]
    assert kinds == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_delta", "content_block_stop", "message_delta", "message_stop"),
    ]  # The SDK keeps `ping` to itself.
    start = events[0].message.usage
    assert (start.input_tokens, start.cache_read_input_tokens, start.output_tokens) == (2100, 9000, 1)
    assert start.cache_creation.ephemeral_5m_input_tokens == 1031
    delta = events[-2].usage
    assert (delta.input_tokens, delta.cache_creation_input_tokens, delta.output_tokens) == (2100, 1031, 3)
    assert events[-2].delta.stop_reason == "max_tokens"


def test_tool_inputs_come_byte_for_byte_with_their_usage_lookalikes(provider: FakeProvider, claude: Any) -> None:
    given = ToolCall("odd", '{"usage": {"input_tokens": 7, "n": 9007199254740993}, "text": "\\u00e9 \\"x\\""}')
    provider.script(Scenario(tools=(given,)), Scenario(tools=(given,)))
    raw = claude.messages.with_raw_response.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
    assert f'"input":{given.arguments}' in raw.text()
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=HELLO) as stream:
        message = stream.get_final_message()
    assert message.content[0].input == json.loads(given.arguments)
    assert message.stop_reason == "tool_use"


def test_web_searches_count_in_the_final_usage_only(provider: FakeProvider, claude: Any) -> None:
    provider.script("web-search")
    events = list(claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=HELLO, stream=True))
    assert events[0].message.usage.server_tool_use is None
    assert events[0].message.usage.input_tokens == 1200
    assert events[-2].usage.server_tool_use.web_search_requests == 2
    assert events[-2].usage.input_tokens == 2400


@pytest.mark.parametrize(
    ("scenario", "status", "kind"),
    [
        ("bad-request", 400, "invalid_request_error"),
        ("unauthorized", 401, "authentication_error"),
        ("not-found", 404, "not_found_error"),
        ("rate-limited", 429, "rate_limit_error"),
        ("server-error", 500, "api_error"),
        ("overloaded", 529, "overloaded_error"),
    ],
)
def test_anthropic_errors_have_their_shape(
    provider: FakeProvider, claude: anthropic.Anthropic, scenario: str, status: int, kind: str
) -> None:
    provider.script(scenario)
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
    assert raised.value.status_code == status
    body: Any = raised.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert raised.value.response.headers["request-id"].startswith("req_")


def test_an_error_in_mid_stream_ends_the_stream_inside_a_200(provider: FakeProvider, claude: Any) -> None:
    provider.script("error-event")
    stream = claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)


def test_anthropic_takes_one_credential_only(provider: FakeProvider) -> None:
    both = {"x-api-key": "sk-ant-1", "Authorization": "Bearer sk-ant-1", "anthropic-version": "2023-06-01"}
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": HELLO}
    assert requests.post(f"{provider.anthropic_url}/messages", json=body, headers=both, timeout=60).status_code == 400
