"""The fake provider's other OpenAI routes, as the official SDK reads them, and its own account of what was used."""

import io
import json
import math
from collections.abc import Iterator
from typing import Any, get_args

import openai
import pytest
from openai.types.responses import ResponseStreamEvent

from tests.fake_provider import FakeProvider, Scenario


@pytest.fixture(scope="module")
def running() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    running.reset()
    return running


@pytest.fixture
def gpt(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-test", base_url=provider.openai_url, max_retries=0, timeout=60) as client:
        yield client


def last_usage(provider: FakeProvider) -> Any:
    return provider.wait_for(len(provider.log), outcome="completed")[-1].usage


# --- Text -------------------------------------------------------------------------------------------------------------


def test_completions_answer_and_stream(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    answer = gpt.completions.create(model="gpt-3.5-turbo-instruct", prompt=["Say this", "and that"], max_tokens=5)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, len(answer.choices)) == (4, 10, 2)
    wanted: Any = {"include_usage": True}
    chunks = list(
        gpt.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say this", stream=True, stream_options=wanted)
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump(exclude_none=True) == last_usage(provider)


def test_embeddings_come_as_numbers_or_base64(gpt: openai.OpenAI) -> None:
    ask: Any = {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 64}
    decoded, plain = gpt.embeddings.create(**ask), gpt.embeddings.create(**ask, encoding_format="float")
    assert decoded.data == plain.data
    assert (len(plain.data), len(plain.data[1].embedding), plain.usage.total_tokens) == (2, 64, 2)


def test_models_and_moderations_answer(gpt: openai.OpenAI) -> None:
    assert gpt.models.retrieve("gpt-4o").id == "gpt-4o"
    assert gpt.models.delete("ft:gpt-4o:acme").deleted
    assert not gpt.moderations.create(input=["a", "b"]).results[1].flagged
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("nothing-like-it")


# --- Responses --------------------------------------------------------------------------------------------------------


def test_a_response_is_answered_kept_and_deleted(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script(Scenario(thinking="Hm.", reasoning_tokens=7, web_searches=1, cached_tokens=4))
    answer = gpt.responses.create(model="gpt-4.1", input="Hello!", instructions="Be brief.")
    assert [item.type for item in answer.output] == ["reasoning", "web_search_call", "message"]
    assert answer.output_text.startswith("The answer depends")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens) == (12, 4)
    assert answer.usage.output_tokens_details.reasoning_tokens == 7
    assert last_usage(provider) == answer.usage.model_dump(exclude_none=True)
    assert gpt.responses.retrieve(answer.id).output_text == answer.output_text
    assert [item.type for item in gpt.responses.input_items.list(answer.id)] == ["message"]
    gpt.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve(answer.id)


def test_a_response_streams_every_kind_of_event(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    seen = set()
    for scenario in ("all-events", "refusal", "thinking", "web-search", "file-search", "tools", "error-event"):
        provider.script(scenario)
        with gpt.responses.create(model="gpt-4.1", input="Hello!", stream=True) as stream:
            events = list(stream)
        assert [event.sequence_number for event in events] == list(range(len(events)))
        seen |= {event.type for event in events}
    provider.script("fails", "incomplete", "audio")
    for _ in range(3):
        seen |= {
            event.type for event in gpt.responses.create(model="gpt-4.1", input="Hi", stream=True, background=True)
        }
    known = {get_args(one.model_fields["type"].annotation)[0] for one in get_args(get_args(ResponseStreamEvent)[0])}
    assert seen == known


def test_the_streaming_helper_ends_with_the_whole_response(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script("two-tools, thinking=Hm")
    with gpt.responses.stream(model="gpt-4.1", input="Hello!") as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "function_call", "function_call"]
    assert final.usage is not None


def test_a_background_response_ends_some_retrievals_later(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    made = gpt.responses.create(model="gpt-4.1", input="Hello!", background=True)
    assert (made.status, made.usage) == ("queued", None)
    assert last_usage(provider) is None
    assert provider.used(made.id) == []
    assert gpt.responses.retrieve(made.id).status == "in_progress"
    ended = gpt.responses.retrieve(made.id)
    assert ended.status == "completed"
    assert ended.usage is not None
    (used,) = provider.used(made.id)
    assert (used.model, used.usage) == ("gpt-4.1-2025-04-14", ended.usage.model_dump(exclude_none=True))


def test_a_background_response_is_cancelled(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    made = gpt.responses.create(model="gpt-4.1", input="Hello!", background=True)
    assert gpt.responses.cancel(made.id).status == "cancelled"
    assert gpt.responses.retrieve(made.id).usage is None
    assert provider.used(made.id) == []


def test_a_background_stream_is_taken_up_where_it_was_left(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    with gpt.responses.create(model="gpt-4.1", input="Hello!", background=True, stream=True) as stream:
        begun = [next(stream) for _ in range(6)]
    assert [event.type for event in begun[:3]] == ["response.created", "response.queued", "response.in_progress"]
    id_ = getattr(begun[0], "response").id  # noqa: B009 - the type is a union
    with gpt.responses.retrieve(id_, stream=True, starting_after=begun[-1].sequence_number) as rest:
        events = list(rest)
    assert (events[0].sequence_number, events[-1].type) == (6, "response.completed")
    assert len(provider.used(id_)) == 1


# --- Files, uploads, batches ------------------------------------------------------------------------------------------


def test_files_are_kept_listed_fetched_and_deleted(gpt: openai.OpenAI) -> None:
    content = bytes(range(256)) * 700 + b"\r\n--"
    made = gpt.files.create(file=("data.bin", content), purpose="user_data")
    assert (made.filename, made.bytes) == ("data.bin", len(content))
    others = [gpt.files.create(file=io.BytesIO(b"x"), purpose="evals").id for _ in range(3)]
    assert [file.id for file in gpt.files.list(limit=2)] == [*reversed(others), made.id]
    assert gpt.files.content(made.id).content == content
    assert gpt.files.retrieve(made.id) == made
    assert gpt.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        gpt.files.content(made.id)


def test_an_upload_becomes_a_file(gpt: openai.OpenAI, tmp_path: Any) -> None:
    upload = gpt.uploads.upload_file_chunked(
        file=b"one two three", filename="a.txt", bytes=13, mime_type="text/plain", purpose="user_data", part_size=4
    )
    assert upload.file is not None
    assert gpt.files.content(upload.file.id).content == b"one two three"


def batch_lines(*models: str) -> bytes:
    body = {"messages": [{"role": "user", "content": "Hello!"}]}
    lines = [
        {"custom_id": f"n{n}", "method": "POST", "url": "/v1/chat/completions", "body": body | {"model": model}}
        for n, model in enumerate(models)
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def make_batch(gpt: openai.OpenAI, *models: str) -> openai.types.Batch:
    file = gpt.files.create(file=("batch.jsonl", batch_lines(*models)), purpose="batch")
    return gpt.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def test_a_batch_answers_its_lines_when_it_has_ended(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    batch = make_batch(gpt, "gpt-4o", "gpt-4o-mini@cached", "no-such-model")
    assert batch.status == "validating"
    assert gpt.batches.retrieve(batch.id).status == "in_progress"
    ended = gpt.batches.retrieve(batch.id)
    assert ended.status == "completed"
    assert ended.request_counts is not None
    assert (ended.request_counts.completed, ended.request_counts.failed) == (2, 1)
    assert ended.output_file_id is not None
    assert ended.error_file_id is not None
    lines = [json.loads(line) for line in gpt.files.content(ended.output_file_id).text.splitlines()]
    assert [line["custom_id"] for line in lines] == ["n0", "n1"]
    used = provider.used(batch.id)
    assert [line["response"]["body"]["usage"] for line in lines] == [one.usage for one in used]
    assert [one.model for one in used] == ["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"]
    assert ended.usage is not None
    assert ended.usage.input_tokens == sum(one.usage["prompt_tokens"] for one in used)
    assert ended.usage.input_tokens_details.cached_tokens == 1024
    assert [one.id for one in gpt.batches.list()] == [batch.id]


def test_a_cancelled_batch_has_answered_a_part(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    batch = make_batch(gpt, "gpt-4o", "gpt-4o")
    assert gpt.batches.cancel(batch.id).status == "cancelling"
    assert [gpt.batches.retrieve(batch.id).status for _ in range(2)] == ["cancelling", "cancelled"]
    assert len(provider.used(batch.id)) == 1


# --- Audio and images -------------------------------------------------------------------------------------------------


def test_speech_comes_as_bytes_or_events(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    ask: Any = {"model": "tts-1", "voice": "alloy", "input": "Hello there"}
    sound = gpt.audio.speech.create(**ask).content
    assert sound.startswith(b"\xff\xf3")
    assert last_usage(provider) == {"characters": 11}
    streamed = gpt.audio.speech.with_raw_response.create(**ask | {"model": "gpt-4o-mini-tts", "stream_format": "sse"})
    assert streamed.text.count("speech.audio.done") == 2
    assert last_usage(provider)["input_tokens"] == 3


@pytest.mark.parametrize("kind", ["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
def test_a_transcription_is_sold_by_time_or_tokens(gpt: openai.OpenAI, provider: FakeProvider, kind: Any) -> None:
    recording = ("talk.mp3", b"\0" * 40_000)
    answer: Any = gpt.audio.transcriptions.create(model="whisper-1", file=recording, response_format=kind)
    assert "The answer depends" in (answer if isinstance(answer, str) else answer.text)
    assert last_usage(provider) == {"type": "duration", "seconds": math.ceil(40_000 / 16_000)}
    newer: Any = gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, response_format=kind)
    assert last_usage(provider)["input_token_details"] == {"text_tokens": 0, "audio_tokens": 30}
    assert isinstance(newer, str) or newer.usage.total_tokens == 42


def test_a_transcription_streams_and_a_translation_tells_no_usage(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    recording = ("talk.mp3", b"\0" * 100)
    events = list(gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, stream=True))
    assert events[-1].type == "transcript.text.done"
    assert events[-1].usage is not None
    assert events[-1].usage.model_dump(exclude_none=True) == last_usage(provider)
    assert gpt.audio.translations.create(model="whisper-1", file=recording).text
    assert last_usage(provider) == {"type": "duration", "seconds": 1}


def test_images_are_made_edited_and_streamed(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    made = gpt.images.generate(model="gpt-image-1", prompt="A cat", quality="low", n=2)
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.output_tokens) == (2, 544)
    edited = gpt.images.edit(model="gpt-image-1", prompt="A hat", image=[("a.png", b"1"), ("b.png", b"2")])
    assert edited.usage is not None
    assert edited.usage.input_tokens_details.image_tokens == 646
    events = list(gpt.images.generate(model="gpt-image-1", prompt="A cat", stream=True, partial_images=2))
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]
    assert last_usage(provider)["output_tokens"] == 1056
    older = gpt.images.generate(model="dall-e-3", prompt="A cat")
    assert older.data is not None
    assert older.data[0].url
    assert gpt.images.create_variation(image=("a.png", b"1")).data
