"""Embeddings, images and audio of OpenAI: what they report, and what is sold otherwise (SDK types, "Pricing")."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS, OtherModelUsage, TokenUsage
from proxy import body
from proxy.meter import StreamMeter
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading
from proxy.providers.shares import BUCKETS
from tests.proxy.samples.feeding import feed, told

OPENAI = PROVIDERS["openai"]
NOTHING = Asked()
SPEECH, IMAGES = "audio/speech", "images/generations"
TRANSCRIPTS = ("audio/transcriptions", "audio/translations")


def read(route: str, answer: object, asked: Asked = NOTHING) -> Reading:
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return OPENAI.read_answer(OPENAI.find_route("POST", route), content, asked)


def event(kind: str, **more: Any) -> bytes:
    return f"data: {json.dumps({'type': kind, **more})}\n\n".encode()


def read_stream(route: str, *events: bytes, asked: Asked = NOTHING) -> Reading:
    reader = OPENAI.stream_reader(OPENAI.find_route("POST", route), asked)
    for each in events:
        assert not reader.read(each)
    return reader.reading


# --- Embeddings -------------------------------------------------------------------------------------------------------


def test_an_embedding_costs_what_goes_in() -> None:
    answer = {"object": "list", "data": [{"embedding": "usage"}], "model": "text-embedding-3-small"}
    reading = read("embeddings", {**answer, "usage": {"prompt_tokens": 8, "total_tokens": 8}})
    assert (reading.usage, reading.model) == (TokenUsage(input=8), "text-embedding-3-small")
    assert reading.is_usage_complete
    assert not read("embeddings", answer).is_usage_complete
    assert read("embeddings", {"error": {"code": "model_not_found"}}).error_code == "model_not_found"


def test_a_text_completion_is_read_like_a_chat() -> None:
    choice = {"text": "é x", "index": 0, "finish_reason": "length"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    reading = read("completions", {"object": "text_completion", "model": "davinci-002", "choices": [choice]})
    assert (reading.text_bytes, reading.finish_reason, reading.usage) == (4, "length", None)
    chunk = b'data: {"choices":[{"text":"Hi","finish_reason":null}],"model":"davinci-002","usage":null}\n\n'
    last = b'data: {"choices":[],"model":"davinci-002","usage":%s}\n\n' % json.dumps(usage).encode()
    reader = OPENAI.stream_reader(OPENAI.find_route("POST", "completions"), NOTHING)
    assert [reader.read(each) for each in (chunk, last, b"data: [DONE]\n\n")] == [False, True, False]
    assert reader.reading.usage == TokenUsage(input=5, output=7)
    assert OPENAI.find_route("POST", "completions").asks_for_usage


# --- Images -----------------------------------------------------------------------------------------------------------

IMAGE_USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 6_240,
    "output_tokens_details": {"text_tokens": 200, "image_tokens": 6_040},
    "total_tokens": 6_290,
}
PICTURE = TokenUsage(input=10, input_image=40, output=200, output_image=6_040)


@pytest.mark.parametrize("route", [IMAGES, "images/edits", "images/variations"])
def test_a_picture_has_text_and_image_tokens_on_both_sides(route: str) -> None:
    reading = read(route, {"created": 1, "data": [{"b64_json": "aGk="}], "usage": IMAGE_USAGE})
    assert (reading.usage, reading.is_usage_complete) == (PICTURE, True)


@pytest.mark.parametrize(
    ("changed", "usage"),
    [
        ({"output_tokens_details": None}, TokenUsage(input=10, input_image=40, output_image=6_240)),
        ({"input_tokens_details": None}, TokenUsage(input=50, output=200, output_image=6_040)),
        (
            {"input_tokens": 30},
            TokenUsage(input_image=40, output=200, output_image=6_040, is_partial=True),
        ),
        ({"output_tokens": "x"}, TokenUsage(input=10, input_image=40, output=200, is_partial=True)),
    ],
)
def test_pictures_with_odd_numbers(changed: dict[str, Any], usage: TokenUsage) -> None:
    assert read(IMAGES, {"usage": {**IMAGE_USAGE, **changed}}).usage == usage


def test_a_drawings_author_is_a_share_of_its_own() -> None:
    """SDK, `SvgUsage`."""
    drawn = {"model": "gpt-6-sol", "input_tokens": 3, "output_tokens": 4, "reasoning_tokens": 1, "total_tokens": 7}
    usage = read(IMAGES, {"usage": IMAGE_USAGE, "svg_usage": drawn}).usage
    assert usage is not None
    assert usage.other_models == (OtherModelUsage(model="gpt-6-sol", input=3, output=4),)
    assert (usage.input, usage.output, usage.is_partial) == (13, 204, False)


def test_a_picture_sold_by_the_piece_has_no_usage_and_no_estimate() -> None:
    reading = read("images/variations", {"created": 1, "data": [{"url": "https://example.com/1.png"}]})
    assert (reading.usage, reading.is_usage_complete) == (None, True)


def test_a_streamed_picture_tells_its_usage_at_its_end() -> None:
    partial = event("image_generation.partial_image", b64_json="A" * 5_000, partial_image_index=0)
    for kind in ("image_generation.completed", "image_edit.completed"):
        usage = {name: value for name, value in IMAGE_USAGE.items() if name != "output_tokens_details"}
        reading = read_stream(IMAGES, partial, event(kind, b64_json="A" * 5_000, usage=usage))
        assert reading.usage == TokenUsage(input=10, input_image=40, output_image=6_240)
        assert reading.is_finished
    assert read_stream(IMAGES, partial).usage is None
    assert read_stream(IMAGES, partial).is_usage_complete  # so nothing is estimated


def test_a_second_picture_of_a_stream_is_not_guessed_at() -> None:
    one = event("image_generation.completed", usage=IMAGE_USAGE)
    more = event("image_generation.completed", usage={**IMAGE_USAGE, "output_tokens": 9_000})
    usage = read_stream(IMAGES, one, more, one).usage
    assert usage is not None
    assert (usage.output_image, usage.is_partial) == (8_800, True)


# --- Speech -----------------------------------------------------------------------------------------------------------


def asked_to_say(text: str, model: str, **more: Any) -> Asked:
    members = body.split(json.dumps({"model": model, "input": text, **more}).encode())
    assert members is not None
    return Asked(model, "", OPENAI.read_request(OPENAI.find_route("POST", SPEECH), members))


@pytest.mark.parametrize("text", ["Hello", "é😀x", "cut \ud83d", ""])
@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd"])
def test_speech_is_sold_by_the_characters_of_the_request(text: str, model: str) -> None:
    """ "Text to speech" and "Pricing": USD per million characters."""
    asked = asked_to_say(text, model, instructions="do not count")
    assert asked.usage == TokenUsage(characters=len(text))
    for reading in (read(SPEECH, b"", asked), read_stream(SPEECH, asked=asked)):
        assert reading.usage == asked.usage
        assert reading.is_usage_complete
    assert not text or read(SPEECH, b"", asked).source == "request"


def test_later_models_are_sold_by_the_token_which_only_their_stream_tells() -> None:
    asked = asked_to_say("x" * 400, "gpt-4o-mini-tts", instructions="y" * 40)
    assert asked.usage == TokenUsage(input=110, output=600)
    whole = read(SPEECH, b"", asked)
    assert (whole.usage, whole.source) == (asked.usage, "estimated")
    done = event("speech.audio.done", usage={"input_tokens": 14, "output_tokens": 101, "total_tokens": 115})
    delta = event("speech.audio.delta", audio="QUJD")
    assert read_stream(SPEECH, delta, asked=asked).source == "estimated"
    streamed = read_stream(SPEECH, delta, done, asked=asked)
    assert (streamed.usage, streamed.source) == (TokenUsage(input=14, output=101), "provider")
    assert streamed.is_finished


@pytest.mark.parametrize("members", [{}, {"input": 5}, {"input": ["x"]}, {"input": None}])
def test_a_request_without_a_text_says_nothing(members: dict[str, Any]) -> None:
    raw = body.split(json.dumps({"model": "tts-1", **members}).encode())
    assert raw is not None
    assert OPENAI.read_request(OPENAI.find_route("POST", SPEECH), raw) is None
    assert OPENAI.read_request(OPENAI.find_route("POST", "embeddings"), raw) is None


# --- Transcriptions ---------------------------------------------------------------------------------------------------

TOKENS = {
    "type": "tokens",
    "input_tokens": 140,
    "input_token_details": {"text_tokens": 10, "audio_tokens": 130},
    "output_tokens": 25,
    "total_tokens": 165,
}


@pytest.mark.parametrize("route", TRANSCRIPTS)
@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"text": "x", "usage": TOKENS}, TokenUsage(input=10, input_audio=130, output=25)),
        # SDK, `UsageDuration`: "billed by audio input duration".
        ({"text": "x", "usage": {"type": "duration", "seconds": 4}}, TokenUsage(audio_ms=4_000)),
        ({"text": "x", "usage": {"type": "duration", "seconds": 4.5}}, TokenUsage(audio_ms=4_500)),
        # "Pricing", Whisper: rounded to the nearest second.
        ({"task": "transcribe", "duration": 3.7, "text": "x", "segments": []}, TokenUsage(audio_ms=4_000)),
        ({"duration": 99.0, "text": "x", "usage": TOKENS}, TokenUsage(input=10, input_audio=130, output=25)),
        ({"text": "x"}, None),
        (b"WEBVTT\n\n00:00.000 --> 00:01.000\nusage\n", None),
        (b"1\n00:00:00,000 --> 00:00:01,000\nx\n", None),
        (b"", None),
        # Odd ones.
        ({"usage": {"type": "duration", "seconds": -1}}, TokenUsage(is_partial=True)),
        ({"usage": {"type": "duration", "seconds": True}}, TokenUsage(is_partial=True)),
        ({"duration": "x"}, TokenUsage(is_partial=True)),
        (
            {"usage": {**TOKENS, "input_token_details": None}},
            TokenUsage(input_audio=140, output=25, is_partial=True),
        ),
        ({"usage": {}}, TokenUsage(is_partial=True)),
    ],
)
def test_a_transcript_is_sold_by_tokens_or_by_time(route: str, answer: object, usage: TokenUsage | None) -> None:
    reading = read(route, answer)
    assert reading.usage == usage
    assert reading.is_usage_complete  # what is not told cannot be estimated from a text


def test_a_streamed_transcript_tells_its_usage_at_its_end() -> None:
    delta = event("transcript.text.delta", delta="Hé")
    reading = read_stream(TRANSCRIPTS[0], delta, event("transcript.text.done", text="Hé", usage=TOKENS))
    assert reading.usage == TokenUsage(input=10, input_audio=130, output=25)
    assert (reading.text_bytes, reading.is_finished) == (3, True)
    assert read_stream(TRANSCRIPTS[0], delta, event("transcript.text.done", text="Hé")).usage is None


# --- All of them ------------------------------------------------------------------------------------------------------

STREAMS = {
    IMAGES: [
        event("image_generation.partial_image", b64_json="QUJD"),
        event("image_generation.completed", b64_json="QUJD", usage=IMAGE_USAGE),
    ],
    SPEECH: [
        event("speech.audio.delta", audio="QUJD"),
        event("speech.audio.done", usage={"input_tokens": 14, "output_tokens": 101}),
    ],
    TRANSCRIPTS[0]: [event("transcript.text.delta", delta="Hé"), event("transcript.text.done", usage=TOKENS)],
}


@pytest.mark.parametrize("route", STREAMS)
@pytest.mark.parametrize("has_names", [False, True])
def test_a_stream_reads_alike_however_it_is_cut(route: str, has_names: bool) -> None:
    """And the event that bears the usage goes out whole, when it has been read."""
    events = STREAMS[route]
    if has_names:
        events = [b"event: " + json.loads(each[6:])["type"].encode() + b"\r\n" + each for each in events]
    stream, whole = b"".join(events), told(read_stream(route, *events))
    kind = OPENAI.find_route("POST", route)
    for cut in range(len(stream) + 1):
        meter = StreamMeter(OPENAI.stream_reader(kind, NOTHING), b"", drops_usage=False)
        first = meter.feed(stream[:cut])
        assert meter.reading.is_finished or len(first) <= len(stream) - len(events[-1])
        assert first + feed(meter, stream[cut:]) == stream
        assert told(meter.reading) == whole


@pytest.mark.parametrize("route", STREAMS)
@pytest.mark.parametrize(
    "failure", [event("error", error={"code": "server_error"}), b'data: {"error":{"type":"server_error"}}\n\n']
)
def test_an_error_ends_a_stream(route: str, failure: bytes) -> None:
    reading = read_stream(route, STREAMS[route][0], failure)
    assert (reading.error_code, reading.is_finished) == ("server_error", True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*IMAGE_USAGE, *TOKENS]), inner),
    max_leaves=6,
)
usages = st.dictionaries(st.sampled_from([*IMAGE_USAGE, *TOKENS, "seconds", "prompt_tokens"]), anything) | anything
names = ["model", "data", "error", "duration", "svg_usage", "choices", "text", "delta"]
ALL_ROUTES = ["embeddings", "completions", IMAGES, SPEECH, *TRANSCRIPTS, "batches"]


@given(st.sampled_from(ALL_ROUTES), usages, st.dictionaries(st.sampled_from(names), anything))
def test_any_other_shape_is_harmless(route: str, usage: object, more: dict[str, Any]) -> None:
    kinds = [json.loads(each[6:])["type"] for each in STREAMS.get(route, [])]
    readings = [read(route, {**more, "usage": usage})]
    readings += [read_stream(route, event(kind, **more, usage=usage), *STREAMS[route]) for kind in kinds]
    for reading in readings:
        found = reading.usage or TokenUsage()
        assert all(0 <= getattr(found, bucket) <= MAX_TOKENS for bucket in (*BUCKETS, "audio_ms", "characters"))
