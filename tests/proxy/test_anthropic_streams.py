"""Anthropic's events and whole answers, read for their usage and their end."""

from typing import Any

import pytest

from analytics.usage import TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.anthropic import messages
from proxy.providers.base import Asked, Reading
from tests.proxy.samples import anthropic

MESSAGES = PROVIDERS["anthropic"].find_route("POST", "messages")
WHOLE = TokenUsage(
    input=21,
    cache_read=18_000,
    cache_write_5m=1_000,
    cache_write_1h=2_000,
    output=310,
    web_searches=2,
    service_tier="standard",
    inference_geo="global",
)


def usage(sent: object = 10, received: object = 5, **more: Any) -> dict[str, Any]:
    return {"input_tokens": sent, "output_tokens": received, **more}


def split(five_minutes: object, one_hour: object) -> dict[str, Any]:
    return {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": one_hour}


def read_stream(*events: bytes) -> Reading:
    reader = messages.MessageStreamReader()
    for event in events:
        assert reader.read(event) is False  # nothing is ever left out
    return reader.reading


def read_answer(body: bytes) -> Reading:
    return messages.read_answer(MESSAGES, body, Asked())


# --- Streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_cut_after_any_event_tells_what_was_reported_until_then() -> None:
    events = [*anthropic.text_events(), anthropic.delta(), anthropic.STOP]
    for cut in range(1, len(events) + 1):
        reading = read_stream(*events[:cut])
        is_delta_seen = cut >= len(events) - 1
        assert reading.usage is not None
        assert reading.usage.cache_write_1h == 2_000
        assert reading.usage.output == (310 if is_delta_seen else 1)
        assert reading.is_usage_complete is is_delta_seen
        assert reading.finish_reason == ("end_turn" if is_delta_seen else "")
        assert reading.is_finished is (cut == len(events))
    assert reading.usage == WHOLE
    assert reading.model == anthropic.MODEL


def test_counts_of_a_delta_are_cumulative_and_replace() -> None:
    """ "Streaming messages": "The token counts shown in the `usage` field of the `message_delta` event are
    cumulative."
    """
    reading = read_stream(
        anthropic.start(usage(100, 1, cache_read_input_tokens=7)),
        anthropic.delta(usage(None, 20, cache_read_input_tokens=None), stop_reason=None),
        anthropic.delta({"output_tokens": 40, "server_tool_use": {"web_search_requests": 1}}, stop_reason=None),
        anthropic.delta(usage(250, 60, server_tool_use={"web_search_requests": 2})),
        anthropic.STOP,
    )
    assert reading.usage == TokenUsage(input=250, cache_read=7, output=60, web_searches=2)
    assert reading.finish_reason == "end_turn"


@pytest.mark.parametrize(
    ("delta", "five_minutes", "one_hour"),
    [
        ({"output_tokens": 5}, 1_000, 2_000),
        (usage(21, 5, cache_creation_input_tokens=3_000), 1_000, 2_000),
        (usage(21, 5, cache_creation_input_tokens=None), 1_000, 2_000),
        (usage(21, 5, cache_creation_input_tokens=None, cache_creation=None), 1_000, 2_000),
        (usage(21, 5, cache_creation_input_tokens=3_000, cache_creation=None), 1_000, 2_000),
        # A new sum without a split is all of five minutes; a new split counts.
        (usage(21, 5, cache_creation_input_tokens=4_000), 4_000, 0),
        (usage(21, 5, cache_creation_input_tokens=0), 0, 0),
        (usage(21, 5, cache_creation_input_tokens=4_000, cache_creation=split(0, 4_000)), 0, 4_000),
    ],
)
def test_the_split_of_cache_writes_holds_until_the_sum_changes(
    delta: dict[str, Any], five_minutes: int, one_hour: int
) -> None:
    read = read_stream(anthropic.start(), anthropic.delta(delta)).usage
    assert read is not None
    assert (read.cache_write_5m, read.cache_write_1h, read.is_partial) == (five_minutes, one_hour, False)


def test_iterations_of_a_delta_replace_earlier_ones() -> None:
    compaction = {"type": "compaction", **usage(100, 10)}
    first = anthropic.delta(usage(1, 2, iterations=[compaction]), stop_reason=None)
    last = anthropic.delta(usage(1, 3, iterations=[compaction, {"type": "message", **usage(1, 3)}]))
    read = read_stream(anthropic.start(usage(1, 1)), first, last).usage
    assert read is not None
    assert (read.input, read.output) == (101, 13)
    assert [(share.input, share.output, share.longest_prompt) for share in read.other_models] == [(100, 10, 100)]


def test_an_error_event_ends_the_stream_and_keeps_what_was_used() -> None:
    reading = read_stream(*anthropic.text_events(), anthropic.failure())
    assert (reading.error_code, reading.is_finished, reading.is_usage_complete) == ("overloaded_error", True, False)
    assert reading.usage is not None
    assert reading.usage.input == 21
    reading = read_stream(anthropic.failure("api_error"))
    assert (reading.error_code, reading.usage) == ("api_error", None)
    assert read_stream(b'event: error\ndata: {"type":"error"}\n\n').error_code == "provider_error"


def test_the_length_of_the_text_is_known_for_an_estimate() -> None:
    """Text, thinking and tool inputs count in bytes; signatures and citations do not."""
    reading = read_stream(
        anthropic.start(),
        anthropic.content({"type": "text_delta", "text": "é😀"}),
        anthropic.content({"type": "thinking_delta", "thinking": "why"}),
        anthropic.content({"type": "input_json_delta", "partial_json": '{"a"'}),
        anthropic.content({"type": "signature_delta", "signature": "x" * 99}),
        anthropic.content({"type": "citations_delta", "citation": {"cited_text": "x" * 99}}),
    )
    assert reading.text_bytes == 6 + 3 + 4


@pytest.mark.parametrize(
    "event",
    [
        b"",
        anthropic.PING,
        b": x\n\n",
        b"event: message_stop\n\n",
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"type":5}\n\n',
        b'data: {"type":"a_new_event","message":[],"delta":5,"usage":7}\n\n',
        b'data: {"type":"message_delta","delta":7,"usage":null}\n\n',
        b'data: {"type":"message_delta","usage":[1]}\n\n',
        b'data: {"type":"content_block_delta","delta":{"text":5}}\n\n',
        b'data: {"type":"content_block_delta","delta":{"text":"\xff"}}\n\n',
        b'data: {"type":"message_start","message":' + b"[" * 5_000 + b"\n\n",
    ],
)
def test_events_of_any_other_shape_are_harmless(event: bytes) -> None:
    for position in range(3):
        events = [*anthropic.text_events(), anthropic.delta(), anthropic.STOP]
        events.insert(position * (len(events) // 2), event)
        reading = read_stream(*events)
        assert (reading.usage, reading.finish_reason, reading.error_code) == (WHOLE, "end_turn", "")


@pytest.mark.parametrize("sequence", ["\ud83d", "x\ude00", "\ud83d\ud83d"])
def test_usage_is_read_beside_a_lone_surrogate(sequence: str) -> None:
    """A stop sequence comes from the client, which may have cut an emoji in half."""
    event = anthropic.delta(stop_reason="stop_sequence", stop_sequence="HERE")
    event = event.replace(b"HERE", sequence.encode("ascii", "backslashreplace"))
    reading = read_stream(*anthropic.text_events(), event, anthropic.STOP)
    assert (reading.usage, reading.finish_reason) == (WHOLE, "stop_sequence")
    body = anthropic.answer(text="HERE").replace(b"HERE", sequence.encode("ascii", "backslashreplace"))
    assert read_answer(body).usage == WHOLE


def test_usage_is_read_beside_members_of_an_unforeseen_shape() -> None:
    event = anthropic.event(
        {"type": "message_delta", "delta": {"stop_reason": {"new": 1}}, "usage": {"output_tokens": 310}}
    )
    read = read_stream(anthropic.start(), event).usage
    assert read is not None
    assert read.output == 310
    assert read_answer(anthropic.answer(model=5, stop_reason=["x"])).usage == WHOLE


# --- Whole answers and errors -----------------------------------------------------------------------------------------


def test_a_whole_answer_is_read() -> None:
    reading = read_answer(anthropic.answer())
    assert (reading.usage, reading.model, reading.finish_reason) == (WHOLE, anthropic.MODEL, "end_turn")
    assert reading.is_finished
    assert reading.is_usage_complete


def test_an_answer_without_usage_tells_the_length_of_its_content() -> None:
    reading = read_answer(anthropic.answer(usage=False, text="x" * 400))
    assert (reading.usage, reading.is_usage_complete) == (None, False)
    assert 400 <= reading.text_bytes <= 440


@pytest.mark.parametrize("kind", ["authentication_error", "overloaded_error", "invalid_request_error"])
def test_an_error_is_named_by_its_type(kind: str) -> None:
    reading = read_answer(anthropic.error(kind))
    assert (reading.error_code, reading.usage, reading.is_finished) == (kind, None, True)
