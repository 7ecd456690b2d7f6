"""The official SDKs against the documented base URLs, with the documented headers, streamed and not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.fake_provider import FakeProvider
from tests.proxy.calls import PROVIDER_KEYS, Caller
from tests.proxy.records import Records

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
METADATA = {"_aipromptcost": {"prompt_key": "greeting", "feature_tags": ["chat"], "version": 2}}


def options(proxy: Caller, provider_name: str, **changes: Any) -> dict[str, Any]:
    """As the documentation shows it: our base URL, the platform key, the provider key as a default header."""
    return {
        "base_url": f"http://127.0.0.1:{proxy.port}/api/proxy/v1/{provider_name}",
        "api_key": proxy.platform_key,
        "default_headers": {"X-Provider-Key": PROVIDER_KEYS[provider_name]},
        "max_retries": 0,
        "timeout": 10,
    } | changes


@pytest.fixture
def gpt(proxy: Caller) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(**options(proxy, "openai")) as client:
        yield client


@pytest.fixture
def claude(proxy: Caller) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(**options(proxy, "anthropic")) as client:
        yield client


def assert_recorded(records: Records, provider_name: str, *, is_streamed: bool) -> None:
    (record,) = records.all()
    assert (record.provider, record.streamed, record.usage_source) == (provider_name, is_streamed, "provider")
    assert (record.usage.input, record.usage.output, record.error_code) == (9, 25, "")
    assert (record.prompt_key, record.tags, record.version) == ("greeting", ("chat",), 2)


# --- OpenAI -----------------------------------------------------------------------------------------------------------


def test_openai(gpt: openai.OpenAI, provider: FakeProvider, records: Records) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, extra_body=METADATA)
    assert answer.usage is not None
    assert (answer.model, answer.usage.total_tokens) == ("gpt-4o-2024-08-06", 34)
    assert provider.log[0].json() == {"model": "gpt-4o", "messages": HELLO}
    assert provider.log[0].header("x-stainless-lang") == "python"
    assert_recorded(records, "openai", is_streamed=False)


def test_openai_streamed(gpt: openai.OpenAI, records: Records) -> None:
    stream = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, extra_body=METADATA)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)  # fails on a chunk without choices
    assert text.startswith("The answer depends")
    assert_recorded(records, "openai", is_streamed=True)


def test_openai_streamed_with_its_usage(gpt: openai.OpenAI) -> None:
    asked: Any = {"include_usage": True}
    chunks = list(gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options=asked))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 34


def test_openai_async(proxy: Caller, records: Records) -> None:
    async def call() -> int:
        async with openai.AsyncOpenAI(**options(proxy, "openai")) as client:
            answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_body=METADATA)
            assert answer.usage is not None
            return answer.usage.completion_tokens

    assert asyncio.run(call()) == 25
    assert_recorded(records, "openai", is_streamed=False)


def test_openai_async_streamed(proxy: Caller, records: Records) -> None:
    async def call() -> list[str | None]:
        async with openai.AsyncOpenAI(**options(proxy, "openai")) as client:
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=HELLO, stream=True, extra_body=METADATA
            )
            return [chunk.choices[0].finish_reason async for chunk in stream]

    assert asyncio.run(call())[-1] == "stop"
    assert_recorded(records, "openai", is_streamed=True)


def test_openai_models_and_embeddings(gpt: openai.OpenAI, records: Records) -> None:
    assert "gpt-4o" in [model.id for model in gpt.models.list()]
    assert gpt.embeddings.create(model="text-embedding-3-small", input="x", encoding_format="float").data
    assert {record.metering for record in records.all()} == {"free", "metered"}


def test_openai_reads_our_refusals(proxy: Caller, provider: FakeProvider) -> None:
    with (
        openai.OpenAI(**options(proxy, "openai", api_key="apc_wrong", max_retries=2)) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused.value.code == "platform_key_invalid"
    with (
        openai.OpenAI(**options(proxy, "openai", default_headers={})) as client,
        pytest.raises(openai.AuthenticationError, match="X-Provider-Key"),
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert provider.log == []


def test_openai_does_not_retry_a_refused_provider_key(proxy: Caller, provider: FakeProvider) -> None:
    wrong = {"X-Provider-Key": "sk-invalid"}
    with (
        openai.OpenAI(**options(proxy, "openai", default_headers=wrong, max_retries=2)) as client,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (refused.value.status_code, refused.value.code) == (502, "invalid_api_key")
    assert len(provider.log) == 1


def test_openai_retries_what_the_provider_wants_retried(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script("rate-limited, retry_after=0")
    with openai.OpenAI(**options(proxy, "openai", max_retries=2)) as client:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert [(record.status, record.sdk_retry_count) for record in records.all()] == [(429, 0), (200, 1)]


# --- Anthropic --------------------------------------------------------------------------------------------------------


def test_anthropic(claude: anthropic.Anthropic, provider: FakeProvider, records: Records) -> None:
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=HELLO, extra_body=METADATA)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 25)
    assert answer.stop_reason == "end_turn"
    (seen,) = provider.log
    assert seen.target == "/anthropic/v1/messages"
    assert seen.json() == {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO}
    assert (seen.header("x-api-key"), seen.header("authorization")) == (PROVIDER_KEYS["anthropic"], "")
    assert seen.header("anthropic-version")
    assert_recorded(records, "anthropic", is_streamed=False)


def test_anthropic_streamed(claude: anthropic.Anthropic, records: Records) -> None:
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=64, messages=HELLO, extra_body=METADATA) as stream:
        final = stream.get_final_message()
    assert (final.usage.input_tokens, final.usage.output_tokens) == (9, 25)
    assert_recorded(records, "anthropic", is_streamed=True)


def test_anthropic_with_the_platform_key_in_the_older_header(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    """Releases before 2 send `x-api-key`."""
    headers = {"X-Provider-Key": PROVIDER_KEYS["anthropic"], "X-Api-Key": proxy.platform_key}
    given = options(proxy, "anthropic", default_headers=headers | {"Authorization": anthropic.Omit()})
    with anthropic.Anthropic(**given) as client:
        client.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=HELLO, extra_body=METADATA)
    assert provider.log[0].header("x-api-key") == PROVIDER_KEYS["anthropic"]
    assert_recorded(records, "anthropic", is_streamed=False)


def test_anthropic_async(proxy: Caller, records: Records) -> None:
    async def call() -> int:
        async with anthropic.AsyncAnthropic(**options(proxy, "anthropic")) as client:
            answer = await client.messages.create(
                model="claude-haiku-4-5", max_tokens=64, messages=HELLO, extra_body=METADATA
            )
            return answer.usage.output_tokens

    assert asyncio.run(call()) == 25
    assert_recorded(records, "anthropic", is_streamed=False)


def test_anthropic_async_streamed(proxy: Caller, records: Records) -> None:
    async def call() -> list[str]:
        async with anthropic.AsyncAnthropic(**options(proxy, "anthropic")) as client:
            stream = await client.messages.create(
                model="claude-haiku-4-5", max_tokens=64, messages=HELLO, stream=True, extra_body=METADATA
            )
            return [event.type async for event in stream]

    assert asyncio.run(call())[-1] == "message_stop"
    assert_recorded(records, "anthropic", is_streamed=True)


def test_anthropic_counts_tokens_and_lists_models(claude: anthropic.Anthropic, records: Records) -> None:
    assert claude.messages.count_tokens(model="claude-haiku-4-5", messages=HELLO).input_tokens == 9
    assert [model.id for model in claude.models.list()]
    assert {record.metering for record in records.all()} == {"free"}


def test_anthropic_reads_our_refusals(proxy: Caller, provider: FakeProvider) -> None:
    with (
        anthropic.Anthropic(**options(proxy, "anthropic", api_key="apc_wrong", max_retries=2)) as client,
        pytest.raises(anthropic.AuthenticationError, match="not known"),
    ):
        client.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=HELLO)
    assert provider.log == []


def test_anthropic_does_not_retry_a_refused_provider_key(proxy: Caller, provider: FakeProvider) -> None:
    wrong = {"X-Provider-Key": "sk-ant-invalid"}
    with (
        anthropic.Anthropic(**options(proxy, "anthropic", default_headers=wrong, max_retries=2)) as client,
        pytest.raises(anthropic.InternalServerError) as refused,
    ):
        client.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=HELLO)
    assert refused.value.status_code == 502
    assert len(provider.log) == 1
