"""Simulated answers have the providers' formats: our own readers understand them, and they say the same either way."""

import asyncio
import json

import pytest

from proxy import sandbox
from proxy.errors import Refusal
from proxy.meter import JsonMeter, StreamMeter
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked
from proxy.sse import EventSplitter, data_of
from tests.proxy.samples.feeding import feed

NAMES = ("openai", "anthropic")
ROUTES = {"openai": "chat/completions", "anthropic": "messages"}


def simulated(name: str, *, is_streamed: bool, wants_usage: bool = True, model: str = "m") -> sandbox.SimulatedAnswer:
    return sandbox.answer(
        PROVIDERS[name],
        call_id="0f" * 16,
        model=model,
        input_tokens=42,
        is_streamed=is_streamed,
        wants_usage=wants_usage,
    )


def body_of(answer: sandbox.SimulatedAnswer) -> bytes:
    async def read() -> bytes:
        content = b""
        while chunk := await answer.read():
            content += chunk
        return content

    return asyncio.run(read())


def events_of(answer: sandbox.SimulatedAnswer) -> list[bytes]:
    splitter = EventSplitter()
    events = splitter.feed(body_of(answer))
    assert splitter.tail == b""
    return events


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_answer_is_read_alike_as_stream_and_as_json(name: str) -> None:
    provider = PROVIDERS[name]
    kind = provider.find_route("POST", ROUTES[name])
    stream = StreamMeter(provider.stream_reader(kind, Asked()), b"", drops_usage=False)
    whole = JsonMeter(provider, kind, Asked(), b"")
    feed(stream, body_of(simulated(name, is_streamed=True, model='m "é"')))
    feed(whole, body_of(simulated(name, is_streamed=False, model='m "é"')))
    assert stream.reading.usage == whole.reading.usage
    assert whole.reading.usage is not None
    assert whole.reading.usage.input == 42
    assert whole.reading.usage.output > 0
    assert not whole.reading.usage.is_partial
    for reading in (stream.reading, whole.reading):
        assert reading.model == 'm "é"'
        assert reading.finish_reason == {"openai": "stop", "anthropic": "end_turn"}[name]
        assert reading.is_finished
        assert reading.is_usage_complete


def test_openais_stream_is_chunks_up_to_done() -> None:
    events = events_of(simulated("openai", is_streamed=True))
    chunks = [json.loads(data_of(event)) for event in events[:-1]]
    assert events[-1] == b"data: [DONE]\n\n"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [chunk["choices"] for chunk in chunks].index([]) == len(chunks) - 1
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    whole = json.loads(body_of(simulated("openai", is_streamed=False)))
    assert text == whole["choices"][0]["message"]["content"] == sandbox.TEXT.format(label="OpenAI")
    assert whole["usage"] == chunks[-1]["usage"]


def test_openais_stream_without_usage_has_none() -> None:
    assert all(b'"usage"' not in event for event in events_of(simulated("openai", is_streamed=True, wants_usage=False)))


def test_anthropics_stream_has_its_events_in_order() -> None:
    events = events_of(simulated("anthropic", is_streamed=True))
    values = [json.loads(data_of(event)) for event in events]
    assert [event.split(b"\n")[0].removeprefix(b"event: ").decode() for event in events] == [v["type"] for v in values]
    kinds = [value["type"] for value in values]
    deltas = kinds.count("content_block_delta")
    assert deltas > 1
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    text = "".join(value["delta"]["text"] for value in values if value["type"] == "content_block_delta")
    whole = json.loads(body_of(simulated("anthropic", is_streamed=False)))
    assert whole["content"] == [{"type": "text", "text": text}]
    assert text == sandbox.TEXT.format(label="Anthropic")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_simulated_answer_says_that_it_is_one(name: str, is_streamed: bool) -> None:
    answer = simulated(name, is_streamed=is_streamed)
    found = dict(answer.headers)
    assert answer.status == 200
    assert found[b"x-aipc-sandbox"] == b"true"
    assert found[b"content-type"].startswith(b"text/event-stream" if is_streamed else b"application/json")


def test_an_aborted_answer_is_over() -> None:
    answer = simulated("openai", is_streamed=True)
    answer.abort()
    assert body_of(answer) == b""


@pytest.mark.parametrize(
    ("value", "is_wanted"),
    [(None, False), (b"true", True), (b"True", True), (b"1", True), (b"false", False), (b"0", False), (b"", False)],
)
def test_the_sandbox_is_asked_for_by_true(value: bytes | None, is_wanted: bool) -> None:
    assert sandbox.is_wanted(value) is is_wanted


def test_routes_without_a_simulation_are_refused() -> None:
    openai, anthropic = PROVIDERS["openai"], PROVIDERS["anthropic"]
    sandbox.check(openai, openai.find_route("POST", "chat/completions"))
    with pytest.raises(Refusal) as raised:
        sandbox.check(anthropic, anthropic.find_route("POST", "messages/batches"))
    assert (raised.value.status, raised.value.code) == (400, "sandbox_unsupported")
    assert "POST messages" in raised.value.message
