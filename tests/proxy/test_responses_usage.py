"""Responses: usage, tools, background and streams. Each rule names its page of OpenAI's documentation or SDK type."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS, Completion, TokenUsage
from proxy.meter import StreamMeter
from proxy.providers.base import Asked, Reading, Route
from proxy.providers.openai import responses
from proxy.providers.shares import BUCKETS
from tests.proxy.samples.feeding import feed, told
from tests.proxy.samples.responses import CANCEL, CREATE, GET, MESSAGE, OPENAI, READ, USAGE, read, response, usage_of

# --- The answer as a whole --------------------------------------------------------------------------------------------


def test_the_buckets_do_not_overlap() -> None:
    reading = read()
    assert reading.usage == READ
    assert (reading.model, reading.finish_reason, reading.is_usage_complete) == ("gpt-5-2025-08-07", "completed", True)
    assert (reading.is_pending, reading.object_id, reading.completion) == (False, "", None)


@pytest.mark.parametrize(
    ("changed", "usage"),
    [
        ({"input_tokens_details": None, "output_tokens_details": None}, {"input": 36, "output": 87}),
        ({"input_tokens_details": {"cached_tokens": 99}}, {"cache_read": 99, "output": 87, "is_partial": True}),
        ({"output_tokens": None}, {"input": 20, "is_partial": True}),
        ({"input_tokens": -5}, {"cache_read": 10, "cache_write_5m": 6, "output": 87, "is_partial": True}),
        # SDK, `InputTokensDetailsCacheWriteTokensDetails`: kept for twelve hours, at a price of its own.
        (
            {
                "input_tokens_details": {
                    "cache_write_tokens": 6,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 4, "ttl_12h_tokens": 2},
                }
            },
            {"input": 30, "cache_write_5m": 6, "is_partial": True},
        ),
    ],
)
def test_odd_numbers_are_clamped_and_marked(changed: dict[str, Any], usage: dict[str, Any]) -> None:
    found = usage_of(usage={**USAGE, **changed})
    assert {name: getattr(found, name) for name in usage} == usage


@pytest.mark.parametrize(
    ("more", "reason", "code"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens", ""),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "failed", "server_error"),
        ({"status": "cancelled"}, "cancelled", ""),
    ],
)
def test_an_answer_that_is_not_complete_costs_what_it_used(more: dict[str, Any], reason: str, code: str) -> None:
    reading = read(**more)
    assert (reading.usage, reading.finish_reason, reading.error_code) == (READ, reason, code)


def test_an_answer_without_usage_tells_the_length_of_its_output() -> None:
    reading = read(usage=None)
    assert (reading.usage, reading.is_usage_complete) == (None, False)
    assert reading.text_bytes == len(json.dumps([MESSAGE]))


def test_a_compaction_and_decisions_have_the_same_usage() -> None:
    """SDK, `CompactedResponse`, which names no model, and `Decision`."""
    body = json.dumps({"object": "response.compaction", "output": [MESSAGE], "usage": USAGE}).encode()
    for route in ("responses/compact", "decisions"):
        reading = OPENAI.read_answer(OPENAI.find_route("POST", route), body, Asked())
        assert reading.usage == TokenUsage(input=20, cache_read=10, cache_write_5m=6, output=87, reasoning=64)
        assert (reading.model, reading.is_usage_complete) == ("", True)


# --- In the background ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_background_response_is_pending(status: str) -> None:
    """ "Background mode"."""
    reading = read(background=True, status=status, usage=None)
    assert (reading.is_pending, reading.object_id, reading.usage) == (True, "resp_1", None)
    assert not read(background=False, status=status, usage=None).is_pending
    assert not read(GET, background=True, status=status, usage=None).is_pending


@pytest.mark.parametrize("route", [GET, CANCEL])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Completion(object_id="resp_1", model="gpt-5-2025-08-07", usage=READ, finish_reason="completed")),
        (
            {"status": "failed", "error": {"code": "server_error"}, "usage": None},
            Completion(
                object_id="resp_1",
                model="gpt-5-2025-08-07",
                usage_source="none",
                error_code="server_error",
                finish_reason="failed",
            ),
        ),
        (
            {"status": "cancelled", "usage": None},
            Completion(object_id="resp_1", model="gpt-5-2025-08-07", usage_source="none", finish_reason="cancelled"),
        ),
        ({"status": "in_progress", "usage": None}, None),
        ({"status": "requires_action", "usage": None}, None),
        ({"background": False}, None),
        ({"id": None}, None),
    ],
)
def test_a_later_answer_completes_it(route: Route, more: dict[str, Any], expected: Completion | None) -> None:
    reading = read(route, **{"background": True, **more})
    assert reading.completion == expected
    assert reading.usage is None


# --- Streams ----------------------------------------------------------------------------------------------------------


def event(kind: str, **more: Any) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": 1, **more}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def started(**more: Any) -> list[bytes]:
    value = response(status="in_progress", usage=None, output=[], service_tier="auto", **more)
    return [event("response.created", response=value), event("response.in_progress", response=value)]


def text_stream(end: str = "response.completed", **more: Any) -> list[bytes]:
    return [
        *started(),
        event("response.output_item.added", item={"type": "message"}, output_index=0),
        event("response.output_text.delta", delta="Hé", logprobs=[]),
        event("response.function_call_arguments.delta", delta='{"usage":{"input_tokens":7}}'),
        event("response.output_item.done", item=MESSAGE),
        event(end, response=response(**more)),
    ]


def read_stream(*events: bytes, route: Route = CREATE) -> Reading:
    reader = responses.ResponseStreamReader(route)
    for each in events:
        reader.read(each)
    return reader.reading


@pytest.mark.parametrize(
    ("end", "status"),
    [("response.completed", "completed"), ("response.incomplete", "incomplete"), ("response.failed", "failed")],
)
def test_usage_comes_with_the_event_that_ends_the_stream(end: str, status: str) -> None:
    events = text_stream(end, status=status)
    before = read_stream(*events[:-1])
    assert (before.usage, before.is_finished, before.is_usage_complete, before.is_pending) == (
        None,
        False,
        False,
        False,
    )
    assert (before.model, before.text_bytes) == ("gpt-5-2025-08-07", 3 + 28)
    after = read_stream(*events)
    assert (after.usage, after.is_finished, after.is_usage_complete) == (READ, True, True)
    assert after.finish_reason == status


def test_sound_is_no_text() -> None:
    assert read_stream(event("response.audio.delta", delta="QUJD" * 100)).text_bytes == 0


@pytest.mark.parametrize(
    "failure",
    [
        event("error", code="rate_limit_exceeded", message="x", param=None),
        event("error", error={"code": "rate_limit_exceeded", "type": "x"}),
    ],
)
def test_an_error_ends_the_stream(failure: bytes) -> None:
    reading = read_stream(*started(), failure)
    assert (reading.is_finished, reading.error_code, reading.usage) == (True, "rate_limit_exceeded", None)


def test_a_background_stream_is_pending_up_to_its_end() -> None:
    begun = started(background=True)
    assert (read_stream(*begun).is_pending, read_stream(*begun).object_id) == (True, "resp_1")
    queued = event("response.queued", response=response(status="queued", background=True, usage=None))
    assert read_stream(queued).is_pending
    ended = read_stream(*begun, event("response.completed", response=response(background=True)))
    assert (ended.is_pending, ended.object_id, ended.usage) == (False, "", READ)


def test_a_background_stream_that_is_taken_up_later_completes_the_call_that_began_it() -> None:
    end = event("response.completed", response=response(background=True))
    reading = read_stream(*started(background=True), end, route=GET)
    assert reading.completion is not None
    assert (reading.completion.usage, reading.usage, reading.is_pending) == (READ, None, False)
    assert read_stream(*started(background=True), route=GET).completion is None


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_stream_reads_alike_however_it_is_cut(line_end: str) -> None:
    """And the event that bears the usage goes out whole, when it has been read."""
    events = [each.replace(b"\n", line_end.encode()) for each in text_stream()]
    stream, whole = b"".join(events), told(read_stream(*text_stream()))
    for cut in range(len(stream) + 1):
        meter = StreamMeter(responses.ResponseStreamReader(CREATE), b"", drops_usage=False)
        first = meter.feed(stream[:cut])
        assert meter.reading.is_finished == (cut == len(stream))
        assert meter.reading.is_finished or len(first) <= len(stream) - len(events[-1])
        assert first + feed(meter, stream[cut:]) == stream
        assert told(meter.reading) == whole


# --- Any other shape --------------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*USAGE, "type", "x"]), inner),
    max_leaves=6,
)
members = st.dictionaries(st.sampled_from([*response(), "tool_usage", "type", "delta", "response", "code"]), anything)


@given(members, st.sampled_from([CREATE, GET, CANCEL]))
def test_answers_of_any_other_shape_are_harmless(given_members: dict[str, Any], route: Route) -> None:
    body = json.dumps({**response(), **given_members}).encode()
    reading = OPENAI.read_answer(route, body, Asked())
    usage = reading.usage or TokenUsage()
    assert all(0 <= getattr(usage, bucket) <= MAX_TOKENS for bucket in BUCKETS)
    assert sum(other.input for other in usage.other_models) <= usage.input


@given(members, st.sampled_from(["response.completed", "response.created", "error", "", "response.x.delta"]))
def test_so_are_events(given_members: dict[str, Any], kind: str) -> None:
    """A sound stream reads as ever after them, unless they have ended it."""
    odd = event(kind, **{name: value for name, value in given_members.items() if name != "type"})
    reading = read_stream(odd, b"data: {\n\n", b"data: [1]\n\n", *text_stream())
    assert reading.usage == READ


@pytest.mark.parametrize("text", ["cut \ud83d", "\ude00"])
def test_usage_is_read_beside_a_lone_surrogate(text: str) -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    assert usage_of(output=[item]) == READ
    ended = json.dumps({"type": "response.completed", "response": response(output=[item])}).encode()
    assert read_stream(b"data: " + ended + b"\n\n").usage == READ
