"""OpenAI's usage objects and chunks, bucket by bucket. Each rule names its page of OpenAI's documentation."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS, TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading
from proxy.providers.openai import chat
from proxy.providers.openai.usage import read_usage
from tests.proxy.samples import openai

CHAT = PROVIDERS["openai"].find_route("POST", "chat/completions")
NO_COUNT = True  # JSON's true
BUCKETS = ("input", "cache_read", "cache_write_5m", "input_audio", "output", "output_audio", "reasoning")


def usage(prompt: object, completion: object, sent: object = None, received: object = None) -> dict[str, Any]:
    """A usage object; `sent` and `received` are the details of the prompt and of the completion."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": sent,
        "completion_tokens_details": received,
    }


def read_stream(*events: bytes) -> Reading:
    reader = chat.ChatStreamReader()
    for event in events:
        reader.read(event)
    return reader.reading


def read_answer(body: bytes) -> Reading:
    return chat.read_answer(CHAT, body, Asked())


# --- The buckets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "buckets"),
    [
        # API reference, "The chat completion object": no details at all.
        ({"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}, TokenUsage(input=19, output=10)),
        # "Prompt caching": cached tokens are among the prompt tokens. 2,006 - 1,920 = 86.
        (usage(2_006, 300, {"cached_tokens": 1_920}), TokenUsage(input=86, cache_read=1_920, output=300)),
        # "Prompt caching": so are the written ones. 5,000 - 1,000 - 3,000 = 1,000.
        (
            usage(5_000, 10, {"cached_tokens": 1_000, "cache_write_tokens": 3_000}),
            TokenUsage(input=1_000, cache_read=1_000, cache_write_5m=3_000, output=10),
        ),
        # "Audio generation": audio tokens are among both. 117 - 80 = 37 and 350 - 300 = 50.
        (
            usage(117, 350, {"audio_tokens": 80, "text_tokens": 37}, {"audio_tokens": 300, "text_tokens": 50}),
            TokenUsage(input=37, input_audio=80, output=50, output_audio=300),
        ),
        # "Reasoning models": reasoning tokens are among the completion tokens and billed as such.
        (usage(75, 1_186, {}, {"reasoning_tokens": 1_024}), TokenUsage(input=75, output=1_186, reasoning=1_024)),
        # "Predicted outputs": rejected prediction tokens are among the completion tokens.
        (
            usage(20, 100, {}, {"accepted_prediction_tokens": 50, "rejected_prediction_tokens": 20}),
            TokenUsage(input=20, output=100),
        ),
        # Everything cached, nothing answered.
        (usage(1_024, 0, {"cached_tokens": 1_024}), TokenUsage(cache_read=1_024)),
        (usage(0, 0), TokenUsage()),
        # Details of null, counts of null, whole numbers in the form of floats.
        (usage(10.0, 5.0, {"cached_tokens": None, "audio_tokens": 4.0}), TokenUsage(input=6, input_audio=4, output=5)),
    ],
)
def test_the_buckets_do_not_overlap(reported: dict[str, Any], buckets: TokenUsage) -> None:
    assert read_usage(reported) == buckets


@pytest.mark.parametrize(
    ("reported", "buckets"),
    [
        # More cached than sent.
        (usage(10, 5, {"cached_tokens": 11}), TokenUsage(cache_read=11, output=5, is_partial=True)),
        # Cached and audio tokens overlap.
        (
            usage(10, 5, {"cached_tokens": 8, "audio_tokens": 8}),
            TokenUsage(cache_read=8, input_audio=8, output=5, is_partial=True),
        ),
        # More audio, or more reasoning, than answered.
        (usage(10, 5, {}, {"audio_tokens": 6}), TokenUsage(input=10, output_audio=6, is_partial=True)),
        (usage(10, 5, {}, {"reasoning_tokens": 6}), TokenUsage(input=10, output=5, reasoning=5, is_partial=True)),
        # Negative, and absurd.
        (usage(-1, 5), TokenUsage(output=5, is_partial=True)),
        (usage(10, -5), TokenUsage(input=10, is_partial=True)),
        (usage(10, 5, {"cached_tokens": -3}), TokenUsage(input=10, output=5, is_partial=True)),
        (usage(10**30, 5), TokenUsage(input=MAX_TOKENS, output=5, is_partial=True)),
        (usage(1e300, 5), TokenUsage(input=MAX_TOKENS, output=5, is_partial=True)),
        # Not a count.
        (usage("10", 5), TokenUsage(output=5, is_partial=True)),
        (usage(NO_COUNT, 5), TokenUsage(output=5, is_partial=True)),
        (usage(10.5, 5), TokenUsage(output=5, is_partial=True)),
        (usage([10], {}), TokenUsage(is_partial=True)),
        (usage(float("inf"), 5), TokenUsage(output=5, is_partial=True)),
        # Missing.
        ({}, TokenUsage(is_partial=True)),
        (usage(None, 5), TokenUsage(output=5, is_partial=True)),
        ({"prompt_tokens": 5}, TokenUsage(input=5, is_partial=True)),
        # Details that are none.
        (usage(10, 5, [1], "x"), TokenUsage(input=10, output=5)),
    ],
)
def test_contradictory_numbers_are_clamped_and_marked(reported: dict[str, Any], buckets: TokenUsage) -> None:
    assert read_usage(reported) == buckets


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.booleans() | numbers | st.text(max_size=2) | st.integers(0, 3_000)


@given(
    st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), counts),
    st.dictionaries(st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens"]), counts),
    st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens"]), counts),
)
def test_no_bucket_is_ever_negative_and_a_sound_sum_is_kept(
    totals: dict[str, Any], sent: dict[str, Any], received: dict[str, Any]
) -> None:
    read = read_usage({**totals, "prompt_tokens_details": sent, "completion_tokens_details": received})
    assert all(0 <= getattr(read, bucket) <= MAX_TOKENS for bucket in BUCKETS)
    if not read.is_partial:
        assert read.input + read.cache_read + read.cache_write_5m + read.input_audio == totals["prompt_tokens"]
        assert read.output + read.output_audio == totals["completion_tokens"]
        assert read.reasoning <= totals["completion_tokens"]


def details(*names: str) -> st.SearchStrategy[dict[str, Any] | None]:
    """Sound numbers in half of all cases; they may contradict each other or the totals."""
    keys = st.sampled_from(names)
    return st.dictionaries(keys, st.integers(0, 900)) | st.dictionaries(keys, counts) | st.none()


@given(
    st.fixed_dictionaries({"prompt_tokens": st.integers(0, 900), "completion_tokens": st.integers(0, 900)}),
    st.just({}) | st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), counts, max_size=1),
    details("cached_tokens", "cache_write_tokens", "audio_tokens"),
    details("reasoning_tokens", "audio_tokens"),
    st.sampled_from(["", "default", "flex\n"]),
)
@example({"prompt_tokens": 9, "completion_tokens": 9}, {}, {"cached_tokens": -1}, None, "")
@example({"prompt_tokens": 9, "completion_tokens": 9}, {}, {"cached_tokens": 10}, None, "")
def test_a_whole_answer_is_read_as_its_usage_object_is(
    totals: dict[str, Any], odd: dict[str, Any], sent: dict[str, Any] | None, received: dict[str, Any] | None, tier: str
) -> None:
    told = {**totals, **odd, "prompt_tokens_details": sent, "completion_tokens_details": received}
    model = "gpt-4o-search-preview"
    answer = {"model": model, "service_tier": tier, "choices": [{"finish_reason": "stop"}], "usage": told}
    reading = read_answer(json.dumps(answer).encode())
    assert reading.usage == read_usage(told, model=model, service_tier=tier)
    assert (reading.model, reading.finish_reason, reading.is_usage_complete) == (model, "stop", True)


@pytest.mark.parametrize(
    ("model", "searches"),
    # "Pricing", built-in tools: the search models search once for every request.
    [("gpt-4o-search-preview-2025-03-11", 1), ("gpt-5-search-api-2025-10-14", 1), ("gpt-4o-2024-08-06", 0)],
)
def test_a_search_model_has_searched_once(model: str, searches: int) -> None:
    assert read_answer(openai.answer(model=model)).usage == read_usage(
        openai.USAGE, model=model, service_tier="default"
    )
    assert read_usage(openai.USAGE, model=model).web_searches == searches


# --- Streams ----------------------------------------------------------------------------------------------------------


def test_usage_comes_with_the_last_chunk() -> None:
    events = openai.text_events()
    for cut in range(len(events) + 1):
        reading = read_stream(*events[:cut])
        assert reading.usage is None
        assert not reading.is_usage_complete
        assert not reading.is_finished
        assert reading.finish_reason == ("stop" if cut == len(events) else "")
    reading = read_stream(*events, openai.usage_chunk())
    assert reading.usage == TokenUsage(input=176, cache_read=1_024, output=300, reasoning=256, service_tier="default")
    assert reading.is_usage_complete
    assert not reading.is_finished
    assert read_stream(*events, openai.usage_chunk(), openai.DONE).is_finished


def test_usage_that_rides_on_chunks_is_read_and_the_last_counts() -> None:
    """Servers of this format that report usage with every chunk report it cumulatively."""
    reading = read_stream(
        openai.chunk({"content": "a"}, usage=usage(10, 1)),
        openai.chunk({"content": "b"}, usage=usage(10, 2), finish_reason="stop"),
        openai.DONE,
    )
    assert reading.usage == TokenUsage(input=10, output=2, service_tier="default")


def test_the_service_tier_is_the_answers() -> None:
    """API reference, `service_tier`: the answer names the tier that was used, which may not be the one asked for."""
    assert read_answer(openai.answer(service_tier="flex")).usage == read_usage(openai.USAGE, service_tier="flex")
    for tier in (None, 5, ["flex"]):
        assert read_answer(openai.answer(service_tier=tier)).usage == read_usage(openai.USAGE)


def test_a_service_tier_named_earlier_in_the_stream_holds_for_the_usage() -> None:
    reading = read_stream(
        openai.chunk({"content": "x"}, service_tier="priority"), openai.usage_chunk(service_tier=None)
    )
    assert reading.usage == read_usage(openai.USAGE, service_tier="priority")


def test_the_length_of_the_text_is_known_for_an_estimate() -> None:
    """Content, refusals, reasoning and tool arguments count in bytes; `obfuscation`, names and ids do not."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    reading = read_stream(
        openai.chunk({"role": "assistant", "content": ""}),
        openai.chunk({"content": "é😀"}),
        openai.chunk({"refusal": "No"}),
        openai.chunk({"reasoning_content": "why"}),
        openai.chunk({"tool_calls": [call]}),
        openai.chunk({"function_call": {"arguments": "{}"}}),
        openai.chunk({"content": None}),
    )
    assert reading.text_bytes == 6 + 2 + 3 + 7 + 2


def test_an_error_in_the_stream_ends_it() -> None:
    error = {"message": "x", "type": "server_error", "param": None, "code": None}
    reading = read_stream(*openai.text_events()[:3], openai.event({"error": error}))
    assert (reading.error_code, reading.is_finished, reading.usage) == ("server_error", True, None)


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b": x\n\n",
        b"data: {\n\n",
        b"data: null\n\n",
        b"data: []\n\n",
        b'data: {"choices":5,"usage":7}\n\n',
        b'data: {"choices":[null],"usage":"x","error":null}\n\n',
        b'data: {"choices":[{"delta":{"content":[1]},"finish_reason":{}}]}\n\n',
        b'data: {"usage":' + b"[" * 5_000 + b"\n\n",
        b'data: {"usage":{"prompt_tokens":1e400}}\n\n',
        b"data: \xff\xfe\n\n",
    ],
)
def test_events_of_any_other_shape_are_harmless(event: bytes) -> None:
    reading = read_stream(event, *openai.text_events(), openai.usage_chunk(), openai.DONE)
    assert reading.usage == read_usage(openai.USAGE, service_tier="default")
    assert reading.model == openai.MODEL
    assert reading.finish_reason == "stop"


def test_usage_is_read_beside_members_of_an_unforeseen_shape() -> None:
    for odd in ({"choices": "x"}, {"choices": [{"message": {"content": [{"type": "text"}]}}]}, {"model": 5}):
        reading = read_answer(openai.answer(**odd))
        assert reading.usage == read_usage(openai.USAGE, service_tier="default")


@pytest.mark.parametrize("text", ["cut \ud83d", "\ude00", "\ud83d \ude00"])
def test_usage_is_read_beside_a_lone_surrogate(text: str) -> None:
    body = openai.answer().replace(b'"content": "', b'"content": "' + text.encode("ascii", "backslashreplace"))
    reading = read_answer(body)
    assert reading.usage == read_usage(openai.USAGE, service_tier="default")
    assert reading.finish_reason == "stop"
    assert reading.text_bytes > 0


# --- Whole answers and errors -----------------------------------------------------------------------------------------


def test_an_answer_without_usage_tells_the_length_of_its_text() -> None:
    reading = read_answer(openai.answer(usage=False, text="é" * 10))
    assert (reading.usage, reading.is_usage_complete, reading.text_bytes) == (None, False, 20)
    assert reading.is_finished


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("invalid_api_key", "invalid_request_error", "invalid_api_key"),
        (None, "server_error", "server_error"),
        (None, "", "provider_error"),
        ("x" * 500, "", "x" * 64),
        ("a\nb\u202ec", "", "abc"),
    ],
)
def test_an_error_is_named_by_its_code_or_type(code: str | None, kind: str, told: str) -> None:
    reading = read_answer(openai.error(code, kind))
    assert (reading.error_code, reading.usage, reading.is_finished) == (told, None, True)


def test_a_models_name_is_printable_and_short() -> None:
    assert read_answer(openai.answer(model="m\x00o\nd" + "x" * 500)).model == "mod" + "x" * 123
