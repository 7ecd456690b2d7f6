"""What programs do with Anthropic's SDK for Python, written so that it runs with a current and with an old release."""

import asyncio
import json
import os

import anthropic
from driver import EVERY_BYTE, HELLO, KEY, base_url, fake, headers, main, metadata, refused, scenario
from pydantic import BaseModel

ASK = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO}
WEATHER = {"name": "get_weather", "description": "The weather", "input_schema": {"type": "object", "properties": {}}}


class Place(BaseModel):
    city: str


def options(name, **changes):
    usual = {"base_url": base_url("anthropic"), "api_key": KEY, "default_headers": headers("anthropic", name)}
    return usual | {"max_retries": 0, "timeout": 60} | changes


def client(name, **changes):
    return anthropic.Anthropic(**options(name, **changes))


@scenario("messages")
def messages(name):
    answer = client("").messages.create(**ASK, extra_body=metadata(name))
    assert answer.content[0].text.startswith("The answer")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 25)


@scenario("messages-stream")
def messages_stream(name):
    kinds = [event.type for event in client(name).messages.create(**ASK, stream=True)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


@scenario("messages-stream-helper")
def messages_stream_helper(name):
    told = fake("two-tools, thinking=Hm, cache_write_1h_tokens=300, web_searches=1")
    with client(name).messages.stream(**ASK, tools=[WEATHER], extra_headers=told) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content][-2:] == ["tool_use", "tool_use"]
    assert final.content[-1].input == {"city": "Zürich", "days": 3}
    assert final.usage.server_tool_use.web_search_requests == 1


@scenario("messages-parse")
def messages_parse(name):
    told = fake(json.dumps({"text": '{"city": "Zürich"}'}))
    own = client(name)
    area = own.messages if hasattr(own.messages, "parse") else own.beta.messages
    extra = {} if area is own.messages else {"betas": ["structured-outputs-2025-11-13"]}
    answer = area.parse(**ASK, output_format=Place, extra_headers=told, **extra)
    assert answer.parsed_output == Place(city="Zürich")


@scenario("beta")
def beta(name):
    answer = client(name).beta.messages.create(**ASK, betas=["context-1m-2025-08-07"], extra_headers=fake("cached"))
    assert answer.usage.cache_read_input_tokens == 1024


@scenario("count-tokens")
def count_tokens(name):
    assert client(name).messages.count_tokens(model="claude-haiku-4-5", messages=HELLO).input_tokens == 9


@scenario("models")
def models(name):
    assert client(name).models.retrieve("claude-haiku-4-5").id in [one.id for one in client(name).models.list()]


@scenario("batch")
def batch(name):
    batches = client(name).messages.batches
    asked = [
        {"custom_id": f"n{n}", "params": ASK | {"model": model}}
        for n, model in enumerate(("claude-haiku-4-5", "claude-sonnet-4-5@cached", "claude-haiku-4-5@overloaded"))
    ]
    made = batches.create(requests=asked)
    for _ in range(5):
        if made.processing_status == "ended":
            break
        made = batches.retrieve(made.id)
    assert made.results_url.startswith(base_url("anthropic")), made.results_url
    kinds = [one.result.type for one in batches.results(made.id)]
    assert kinds == ["succeeded", "succeeded", "errored"]
    assert made.id in [one.id for one in batches.list(limit=100)]
    batches.delete(made.id)


@scenario("batch-cancelled")
def batch_cancelled(name):
    batches = client(name).messages.batches
    made = batches.create(requests=[{"custom_id": f"n{n}", "params": ASK} for n in range(3)])
    batches.cancel(made.id)
    for _ in range(2):
        made = batches.retrieve(made.id)
    assert [one.result.type for one in batches.results(made.id)] == ["succeeded", "canceled", "canceled"]


@scenario("files")
def files(name):
    own = client(name)
    area = own.files if hasattr(own, "files") else own.beta.files
    made = area.upload(file=("every byte.bin", EVERY_BYTE, "application/octet-stream"))
    assert made.id in [file.id for file in area.list(limit=100)]
    assert area.download(made.id).read() == EVERY_BYTE
    area.delete(made.id)


@scenario("complete")
def complete(name):
    """The older text completions, which later releases have no method for."""
    ask = {"model": "claude-2.1", "prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 9}
    own = client(name)
    if hasattr(own, "completions"):
        assert own.completions.create(**ask).completion.startswith("The answer")
        assert [part.stop_reason for part in own.completions.create(**ask, stream=True)][-1] == "stop_sequence"
    else:
        assert own.post("/v1/complete", body=ask, cast_to=object)["completion"].startswith("The answer")
        own.post("/v1/complete", body=ask | {"stream": True}, cast_to=str)


@scenario("async")
def asynchronously(name):
    async def call():
        async with anthropic.AsyncAnthropic(**options(name)) as claude:
            whole, stream = await asyncio.gather(
                claude.messages.create(**ASK), claude.messages.create(**ASK, stream=True)
            )
            kinds = [event.type async for event in stream]
            assert (whole.usage.output_tokens, kinds[-1]) == (25, "message_stop")
            async with claude.messages.stream(**ASK) as helper:
                assert (await helper.get_final_message()).usage.output_tokens == 25

    asyncio.run(call())


@scenario("retried")
def retried(name):
    told = fake('{"status": 529, "headers": [["retry-after-ms", "1"]]}')
    refused(anthropic.APIStatusError, lambda: client(name, max_retries=2).messages.create(**ASK, extra_headers=told))


@scenario("not-retried")
def not_retried(name):
    told = fake('{"status": 500, "headers": [["x-should-retry", "false"]]}')
    refused(
        anthropic.InternalServerError, lambda: client(name, max_retries=2).messages.create(**ASK, extra_headers=told)
    )


@scenario("refused-provider-key")
def refused_provider_key(name):
    wrong = headers("anthropic", name) | {"X-Provider-Key": "sk-ant-invalid"}
    error = refused(
        anthropic.InternalServerError, lambda: client(name, max_retries=2, default_headers=wrong).messages.create(**ASK)
    )
    assert error.status_code == 502


@scenario("refused-platform-key")
def refused_platform_key(name):
    refused(
        anthropic.AuthenticationError, lambda: client(name, max_retries=2, api_key="apc_wrong").messages.create(**ASK)
    )


@scenario("environment")
def environment(name):
    """Nothing in the code, all in variables: base URL, key and headers."""
    lines = "\n".join(f"{key}: {value}" for key, value in headers("anthropic", name).items())
    os.environ |= {
        "ANTHROPIC_BASE_URL": base_url("anthropic"),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_CUSTOM_HEADERS": lines,
    }
    assert anthropic.Anthropic().messages.create(**ASK).usage.output_tokens == 25


if __name__ == "__main__":
    main()
