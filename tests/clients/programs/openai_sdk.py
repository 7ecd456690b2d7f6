"""What programs do with OpenAI's SDK for Python, written so that it runs with a current and with an old major."""

import asyncio
import base64
import io
import json
import os

import openai
from driver import EVERY_BYTE, HELLO, KEY, base_url, fake, headers, main, metadata, refused, scenario
from pydantic import BaseModel

CHAT = {"model": "gpt-4o", "messages": HELLO}
JSON_TEXT = json.dumps({"text": '{"city": "Zürich"}'})
RECORDING = ("talk.mp3", b"\xff\xf3" + bytes(40_000), "audio/mpeg")


class Place(BaseModel):
    city: str


def options(name, **changes):
    usual = {"base_url": base_url("openai"), "api_key": KEY, "default_headers": headers("openai", name)}
    return usual | {"max_retries": 0, "timeout": 60} | changes


def client(name, **changes):
    return openai.OpenAI(**options(name, **changes))


@scenario("chat")
def chat(name):
    answer = client("").chat.completions.create(**CHAT, extra_body=metadata(name))
    assert answer.choices[0].message.content.startswith("The answer"), answer
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 25)


@scenario("chat-stream")
def chat_stream(name):
    chunks = list(client(name).chat.completions.create(**CHAT, stream=True))
    assert all(chunk.choices and not chunk.usage for chunk in chunks), chunks
    assert chunks[-1].choices[0].finish_reason == "stop"


@scenario("chat-stream-usage")
def chat_stream_usage(name):
    asked = {"include_usage": True}
    chunks = list(client(name).chat.completions.create(**CHAT, stream=True, stream_options=asked))
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 34)


@scenario("chat-stream-helper")
def chat_stream_helper(name):
    with client(name).chat.completions.stream(**CHAT, extra_headers=fake("two-tools")) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds, kinds
    assert [call.function.name for call in final.choices[0].message.tool_calls] == ["file_report", "get_weather"]


@scenario("chat-parse")
def chat_parse(name):
    answer = client(name).chat.completions.parse(**CHAT, response_format=Place, extra_headers=fake(JSON_TEXT))
    assert answer.choices[0].message.parsed == Place(city="Zürich")


@scenario("completions")
def completions(name):
    ask = {"model": "gpt-3.5-turbo-instruct", "prompt": ["Say this", "and that"], "max_tokens": 5}
    assert client(name).completions.create(**ask).usage.completion_tokens == 10
    chunks = list(client(name).completions.create(**ask, stream=True))
    assert all(chunk.choices for chunk in chunks), chunks


@scenario("embeddings")
def embeddings(name):
    ask = {"model": "text-embedding-3-large", "input": ["one text"] * 40}
    packed = client(name).embeddings.create(**ask)
    plain = client(name).embeddings.create(**ask, encoding_format="float")
    assert (len(packed.data), packed.data) == (40, plain.data)


@scenario("models")
def models(name):
    assert "gpt-4o" in [model.id for model in client(name).models.list()]
    assert client(name).models.retrieve("gpt-4o").owned_by == "system"


@scenario("moderations")
def moderations(name):
    assert not client(name).moderations.create(model="omni-moderation-latest", input="Hello!").results[0].flagged


@scenario("responses")
def responses(name):
    gpt = client(name)
    answer = gpt.responses.create(model="gpt-4.1", input="Hello!", extra_headers=fake("thinking, web_searches=2"))
    assert answer.output_text.startswith("The answer")
    assert gpt.responses.retrieve(answer.id).output_text == answer.output_text
    assert [item.type for item in gpt.responses.input_items.list(answer.id)] == ["message"]
    gpt.responses.delete(answer.id)


@scenario("responses-stream")
def responses_stream(name):
    with client(name).responses.stream(model="gpt-4.1", input="Hello!", extra_headers=fake("cached")) as stream:
        final = stream.get_final_response()
    assert final.usage.input_tokens_details.cached_tokens == 1024


@scenario("responses-parse")
def responses_parse(name):
    ask = {"model": "gpt-4.1", "input": "Where?", "text_format": Place}
    assert client(name).responses.parse(**ask, extra_headers=fake(JSON_TEXT)).output_parsed == Place(city="Zürich")


@scenario("background")
def background(name):
    gpt = client(name)
    answer = gpt.responses.create(model="gpt-4.1", input="Hello!", background=True)
    for _ in range(5):
        if answer.status not in {"queued", "in_progress"}:
            break
        answer = gpt.responses.retrieve(answer.id)
    assert (answer.status, answer.usage.input_tokens) == ("completed", 9)


@scenario("background-stream")
def background_stream(name):
    gpt = client(name)
    with gpt.responses.create(model="gpt-4.1", input="Hello!", background=True, stream=True) as stream:
        begun = list(stream)
    with gpt.responses.retrieve(begun[0].response.id, stream=True, starting_after=5) as rest:
        assert list(rest)[-1].type == "response.completed"


@scenario("background-cancelled")
def background_cancelled(name):
    gpt = client(name)
    answer = gpt.responses.create(model="gpt-4.1", input="Hello!", background=True)
    assert gpt.responses.cancel(answer.id).status == "cancelled"


@scenario("files")
def files(name):
    gpt = client(name)
    made = gpt.files.create(file=("every byte.bin", EVERY_BYTE), purpose="user_data")
    assert made.id in [file.id for file in gpt.files.list(limit=100)]
    assert gpt.files.retrieve(made.id).bytes == len(EVERY_BYTE)
    assert gpt.files.content(made.id).content == EVERY_BYTE
    assert gpt.files.delete(made.id).deleted


@scenario("upload")
def upload(name):
    gpt = client(name)
    made = gpt.uploads.upload_file_chunked(
        file=EVERY_BYTE, filename="a.bin", bytes=len(EVERY_BYTE), mime_type="text/plain", purpose="user_data",
        part_size=40_000,
    )  # fmt: skip
    assert made.file.bytes == len(EVERY_BYTE)


def batch_file(*models):
    lines = [
        {"custom_id": f"n{n}", "method": "POST", "url": "/v1/chat/completions", "body": CHAT | {"model": model}}
        for n, model in enumerate(models)
    ]
    return "batch.jsonl", io.BytesIO("\n".join(map(json.dumps, lines)).encode())


@scenario("batch")
def batch(name):
    gpt = client(name)
    file = gpt.files.create(file=batch_file("gpt-4o", "gpt-4o-mini@cached", "no-such-model"), purpose="batch")
    made = gpt.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    for _ in range(5):
        if made.status == "completed":
            break
        made = gpt.batches.retrieve(made.id)
    assert len(gpt.files.content(made.output_file_id).text.splitlines()) == 2
    assert made.id in [one.id for one in gpt.batches.list(limit=100)]


@scenario("speech")
def speech(name):
    ask = {"model": "tts-1", "voice": "alloy", "input": "Grüezi mitenand"}
    sound = client(name).audio.speech.create(**ask).content
    assert sound.startswith(b"\xff\xf3")
    with client(name).audio.speech.with_streaming_response.create(**ask) as streamed:
        assert b"".join(streamed.iter_bytes()) == sound


@scenario("transcriptions")
def transcriptions(name):
    audio = client(name).audio
    for model, kind in (("whisper-1", "verbose_json"), ("whisper-1", "json"), ("gpt-4o-transcribe", "json")):
        said = audio.transcriptions.create(model=model, file=RECORDING, response_format=kind, prompt="A talk")
        assert said.text.startswith("The answer")
    events = list(audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=RECORDING, stream=True))
    assert events[-1].type == "transcript.text.done"
    assert audio.translations.create(model="whisper-1", file=RECORDING, response_format="verbose_json").duration == 3


@scenario("images")
def images(name):
    made = client(name).images.generate(model="gpt-image-1", prompt="A cat", quality="low", n=2)
    assert len(base64.b64decode(made.data[1].b64_json)) > 50
    edited = client(name).images.edit(
        model="gpt-image-1", prompt="A hat", image=[("a.png", EVERY_BYTE), ("b.png", b"2")]
    )
    assert edited.usage.input_tokens_details.image_tokens == 646


@scenario("images-stream")
def images_stream(name):
    events = list(client(name).images.generate(model="gpt-image-1", prompt="A cat", stream=True, partial_images=1))
    assert events[-1].type == "image_generation.completed"


# --- Asynchronously ---


@scenario("async")
def asynchronously(name):
    async def call():
        async with openai.AsyncOpenAI(**options(name)) as gpt:
            whole, stream, answer = await asyncio.gather(
                gpt.chat.completions.create(**CHAT),
                gpt.chat.completions.create(**CHAT, stream=True),
                gpt.responses.create(model="gpt-4.1", input="Hello!"),
            )
            finishes = [chunk.choices[0].finish_reason async for chunk in stream]
            assert (whole.usage.total_tokens, finishes[-1], answer.usage.input_tokens) == (34, "stop", 9)

    asyncio.run(call())


@scenario("async-files")
def asynchronous_files(name):
    async def call():
        async with openai.AsyncOpenAI(**options(name)) as gpt:
            made = await gpt.files.create(file=("a.bin", EVERY_BYTE), purpose="user_data")
            content = await gpt.files.content(made.id)
            assert content.content == EVERY_BYTE

    asyncio.run(call())


# --- Errors, retries, settings ---


@scenario("retried")
def retried(name):
    told = fake('{"status": 429, "headers": [["retry-after-ms", "1"]]}')
    refused(
        openai.RateLimitError, lambda: client(name, max_retries=2).chat.completions.create(**CHAT, extra_headers=told)
    )


@scenario("not-retried")
def not_retried(name):
    told = fake('{"status": 500, "headers": [["x-should-retry", "false"]]}')
    refused(
        openai.InternalServerError,
        lambda: client(name, max_retries=2).chat.completions.create(**CHAT, extra_headers=told),
    )


@scenario("refused-provider-key")
def refused_provider_key(name):
    wrong = headers("openai", name) | {"X-Provider-Key": "sk-invalid"}
    error = refused(
        openai.InternalServerError,
        lambda: client(name, max_retries=2, default_headers=wrong).chat.completions.create(**CHAT),
    )
    assert (error.status_code, error.code) == (502, "invalid_api_key")


@scenario("refused-platform-key")
def refused_platform_key(name):
    error = refused(
        openai.AuthenticationError,
        lambda: client(name, max_retries=2, api_key="apc_wrong").chat.completions.create(**CHAT),
    )
    assert error.code == "platform_key_invalid"


@scenario("environment")
def environment(name):
    """Nothing in the code, all in variables: base URL, key and headers."""
    lines = "\n".join(f"{key}: {value}" for key, value in headers("openai", name).items())
    os.environ |= {"OPENAI_BASE_URL": base_url("openai"), "OPENAI_API_KEY": KEY, "OPENAI_CUSTOM_HEADERS": lines}
    assert openai.OpenAI().chat.completions.create(**CHAT).usage.total_tokens == 34


if __name__ == "__main__":
    main()
