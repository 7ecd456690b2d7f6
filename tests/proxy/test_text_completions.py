"""Anthropic's text completions ("Create a Text Completion"): no usage is told, so the length of the text is kept."""

import json
from typing import Any

import pytest

from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading

ANTHROPIC = PROVIDERS["anthropic"]
COMPLETE = ANTHROPIC.find_route("POST", "complete")
NOTHING = Asked()


def event(**more: Any) -> bytes:
    kind = str(more.get("type", "completion"))
    value = {"type": kind, "model": "claude-2.1", "completion": "", "stop_reason": None, **more}
    return f"event: {kind}\r\ndata: {json.dumps(value)}\r\n\r\n".encode()


def read_stream(*events: bytes) -> Reading:
    reader = ANTHROPIC.stream_reader(COMPLETE, NOTHING)
    for each in events:
        assert not reader.read(each)
    return reader.reading


def test_an_answer_tells_the_length_of_its_text() -> None:
    answer = {"type": "completion", "completion": " é", "stop_reason": "stop_sequence", "model": "claude-2.1"}
    reading = ANTHROPIC.read_answer(COMPLETE, json.dumps(answer).encode(), NOTHING)
    assert (reading.model, reading.text_bytes, reading.finish_reason) == ("claude-2.1", 3, "stop_sequence")
    assert (reading.usage, reading.is_usage_complete, reading.is_finished) == (None, False, True)


def test_a_stream_tells_it_piece_by_piece() -> None:
    events = [event(completion=" Hé"), event(type="ping", completion=None), event(completion="llo")]
    reading = read_stream(*events)
    assert (reading.text_bytes, reading.is_finished) == (7, False)
    reading = read_stream(*events, event(stop_reason="max_tokens"))
    assert (reading.finish_reason, reading.is_finished, reading.is_usage_complete) == ("max_tokens", True, False)


def test_an_error_ends_it() -> None:
    failure = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'
    assert read_stream(event(completion="x"), failure).error_code == "overloaded_error"


@pytest.mark.parametrize(
    "odd", [b"data: {\n\n", b"data: 5\n\n", event(completion=5), event(model=[], stop_reason={}), event(error="x")]
)
def test_events_of_any_other_shape_are_harmless(odd: bytes) -> None:
    reading = read_stream(odd, event(completion="four", stop_reason="stop_sequence"))
    assert (reading.text_bytes, reading.model, reading.finish_reason) == (4, "claude-2.1", "stop_sequence")
