"""Routes that are only forwarded: as they came, recorded as free or unmetered."""

import json
from unittest.mock import ANY

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import MESSAGES, Caller, events_of, message
from tests.proxy.forms import CONTENT_TYPE, form
from tests.proxy.records import Records


@pytest.mark.parametrize("path", ["openai/models?limit=2", "anthropic/v1/models?after_id=a%2Fb"])
def test_a_list_of_models_is_forwarded_and_costs_nothing(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    reply = proxy.call("GET", path)
    assert reply.status == 200
    assert reply.json()["data"]
    assert reply.header("content-length") == str(len(reply.body))
    record = records.of(reply.call_id)
    assert (record.metering, record.method, record.route) == ("free", "GET", "models")
    assert (record.usage_source, record.usage.is_billable, record.status) == ("none", False, 200)


def test_counting_tokens_is_no_message(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    reply = proxy.post("anthropic/v1/messages/count_tokens", message(_aipromptcost={"prompt_key": "greeting"}))
    assert reply.json() == {"input_tokens": 9}
    assert "_aipromptcost" not in provider.log[0].json()
    record = records.of(reply.call_id)
    assert (record.metering, record.route, record.usage_source) == ("free", "messages/count_tokens", "none")


def test_reading_back_is_not_metered_where_creating_is(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    usage = {"usage": {"input_tokens": 5, "output_tokens": 5, "prompt_tokens": 5}}
    provider.always(Scenario(status=200, raw_body=json.dumps(usage)))
    for method, path in (("GET", "openai/chat/completions"), ("DELETE", MESSAGES), ("GET", MESSAGES)):
        reply = proxy.call(method, path)
        record = records.of(reply.call_id)
        assert (record.metering, record.usage.is_billable) == ("free", False)


def test_an_upload_passes_as_it_is_while_it_comes(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + bytes(range(256)) * 40_000
    body += b"\r\n--x--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=x", "x-aipc-prompt-key": "upload"}
    reply = proxy.post("openai/files", body, kind)
    (seen,) = provider.log
    assert seen.body == body
    assert seen.header("content-type") == kind["content-type"]
    assert seen.header("content-length") == str(len(body))
    record = records.of(reply.call_id)
    assert (record.metering, record.status, record.prompt_key) == ("free", reply.status, "upload")


def test_an_upload_without_a_length_is_streamed_in_chunks(proxy: Caller, provider: FakeProvider) -> None:
    kind = {"content-type": "audio/wav", "content-length": None, "transfer-encoding": "chunked"}
    with proxy.connect() as connection:
        connection.send("POST", proxy.target("openai/audio/transcriptions"), proxy.headers("openai", kind, b""))
        for _ in range(50):
            connection.socket.sendall(b"3e8\r\n" + b"w" * 1000 + b"\r\n")
        connection.socket.sendall(b"0\r\n\r\n")
        connection.reply()
    (seen,) = provider.log
    assert seen.body == b"w" * 50_000
    assert seen.all_headers("content-length") == []
    assert seen.header("transfer-encoding") == "chunked"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_an_encoded_body_that_is_no_json_keeps_its_encoding(
    proxy: Caller, provider: FakeProvider, encoding: str
) -> None:
    given = {"content-type": "application/octet-stream", "content-encoding": encoding}
    proxy.post("openai/files", b"packed", given)
    (seen,) = provider.log
    assert (seen.header("content-encoding"), seen.body) == (encoding, b"packed")


def test_json_that_is_no_object_passes_on_other_routes(proxy: Caller, provider: FakeProvider) -> None:
    for body in (b"[1, 2]", b'"text"', b" ", b"3.0"):
        proxy.post("openai/anything", body)
        assert provider.log[-1].body == body


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_is_known_by_its_type_in_any_spelling(proxy: Caller, provider: FakeProvider, content_type: str) -> None:
    body = b'{"input": "x", "_aipromptcost": {"prompt_key": "p"}}'
    proxy.post("openai/embeddings", body, {"content-type": content_type})
    assert provider.log[0].body == b'{"input":"x"}'


def test_head_comes_back_with_the_length_and_without_the_body(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(Scenario(status=200, raw_body="x" * 1234))
    reply = proxy.call("HEAD", "openai/models")
    assert (reply.status, reply.header("content-length"), reply.body) == (200, "1234", b"")
    assert records.of(reply.call_id).method == "HEAD"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_comes_as_such(
    proxy: Caller, provider: FakeProvider, records: Records, method: str, status: int
) -> None:
    provider.script(Scenario(status=status, raw_body="", headers=(("ETag", '"1"'),)))
    with proxy.connect() as connection:
        connection.send(method, proxy.target("openai/files/f1"), proxy.headers("openai", {}, None))
        reply = connection.reply(method)
        assert (reply.status, reply.header("etag"), reply.body) == (status, '"1"', b"")
        assert reply.header("transfer-encoding") == ""
        assert records.of(reply.call_id).status == status
        connection.send("GET", proxy.target("openai/models"), proxy.headers("openai", {}, None))
        assert connection.reply("GET").status == 200


def test_what_a_304_says_of_the_length_comes_back(proxy: Caller, provider: FakeProvider) -> None:
    """RFC 9110, section 15.4.5: it is the length of what the client has already."""
    provider.script(Scenario(status=304, raw_body="x" * 1234))
    with proxy.connect() as connection:
        for path, length in (("openai/files/f1/content", "1234"), ("openai/models", None)):
            connection.send("GET", proxy.target(path), proxy.headers("openai", {}, None))
            reply = connection.reply("GET")
            assert (reply.status, reply.header("content-length")) == ((304, length) if length else (200, ANY))


def test_bytes_that_are_no_text_come_back_as_they_are(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    speech = "\u00ff\u00fb\u0090\r\n\r\nid3" * 5000
    provider.script(Scenario(status=200, raw_body=speech, headers=(("Content-Type", "audio/mpeg"),), framing="chunked"))
    reply = proxy.post("openai/audio/speech", b'{"model": "tts-1", "input": "x"}')
    assert (reply.body, reply.header("content-type")) == (speech.encode(), "audio/mpeg")
    assert records.of(reply.call_id).metering == "metered"


def test_an_event_stream_of_another_route_passes_as_it_comes(proxy: Caller, provider: FakeProvider) -> None:
    events = 'event: response.created\ndata: {"type": "response.created"}\n\nevent: x\ndata: {}\n\n'
    kind = (("Content-Type", "text/event-stream"),)
    first_event = events.index("event: x")
    held = Scenario(
        status=200, raw_body=events, headers=kind, hold_at="mid-body", at_byte=first_event, framing="chunked"
    )
    provider.script(held)
    with proxy.opened("POST", "openai/responses", b'{"model": "gpt-4o", "input": "x", "stream": true}') as answer:
        first = answer.read1(65536)
        assert first == events[:first_event].encode()
        provider.release()
        assert first + answer.read() == events.encode()


# --- Bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
def test_metadata_is_taken_out_of_every_json_body(
    proxy: Caller, provider: FakeProvider, records: Records, method: str, content_type: str
) -> None:
    body = b'{"name": 1.0, "_aipromptcost": {"prompt_key": "from-body"}}'
    headers = {"content-type": content_type, "x-aipc-prompt-key": "from-header", "x-aipc-tags": "nightly"}
    reply = proxy.call(method, "openai/vector_stores/vs_1", body, headers)
    (seen,) = provider.log
    assert (seen.method, seen.body) == (method, b'{"name":1.0}')
    assert seen.header("content-length") == str(len(seen.body))
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags) == ("from-body", ("nightly",))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_bodies_pass_with_any_method(proxy: Caller, provider: FakeProvider, method: str) -> None:
    proxy.call(method, "openai/files/file-1", b"\x00{", {"content-type": "application/octet-stream"})
    (seen,) = provider.log
    assert (seen.method, seen.body, seen.header("content-length")) == (method, b"\x00{", "2")


def test_what_is_priced_by_a_form_is_read_from_it(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    body = form({"model": "whisper-1", "response_format": "verbose_json"}, b"\x00" * 32_000, file_first=True)
    reply = proxy.post("openai/audio/transcriptions", body, {"content-type": CONTENT_TYPE, "x-aipc-tags": "calls"})
    assert reply.all_headers("x-aipc-warning") == []
    assert provider.log[0].body == body
    record = records.of(reply.call_id)
    assert (record.route, record.model_requested, record.tags) == ("audio/transcriptions", "whisper-1", ("calls",))
    assert (record.usage.audio_ms, record.usage_source, record.streamed) == (2000, "provider", False)


def test_a_form_may_ask_for_a_stream(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    body = form({"model": "gpt-4o-transcribe", "stream": "true"}, b"\x00" * 32_000)
    reply = proxy.post("openai/audio/transcriptions", body, {"content-type": CONTENT_TYPE})
    assert events_of(reply.body)
    record = records.of(reply.call_id)
    assert (record.streamed, record.model_requested, record.usage_source) == (True, "gpt-4o-transcribe", "provider")
    assert record.first_token_ms >= 0


def test_metadata_in_a_form_is_warned_of(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    """It cannot be taken out: the form goes on while it comes, with the length that the client announced."""
    body = form({"model": "whisper-1", "_aipromptcost[prompt_key]": "greeting"}, b"\x00" * 16_000)
    reply = proxy.post("openai/audio/transcriptions", body, {"content-type": CONTENT_TYPE, "x-aipc-version": "0"})
    assert provider.log[0].body == body
    warned = reply.header("x-aipc-warning")
    assert "_aipromptcost in a form" in warned
    assert "version" in warned
    assert records.of(reply.call_id).prompt_key == ""


@pytest.mark.parametrize("body", [b"no form at all", b"--a9f0c2\r\nbad", b""])
def test_a_malformed_form_is_left_to_the_provider(proxy: Caller, provider: FakeProvider, body: bytes) -> None:
    assert proxy.post("openai/audio/transcriptions", body, {"content-type": CONTENT_TYPE}).status == 400
    assert provider.log[0].body == body


# --- Answers ----------------------------------------------------------------------------------------------------------


def test_speech_is_counted_by_its_request(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    reply = proxy.post("openai/audio/speech", b'{"model": "tts-1", "voice": "alloy", "input": "Gr\\u00fc\\u00dfe!"}')
    assert reply.header("content-type") == "audio/mpeg"
    record = records.of(reply.call_id)
    assert (record.usage.characters, record.usage_source, record.metering) == (6, "request", "metered")


def test_speech_that_was_refused_costs_nothing(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script("rate-limited")
    reply = proxy.post("openai/audio/speech", b'{"model": "tts-1", "voice": "alloy", "input": "Hello!"}')
    record = records.of(reply.call_id)
    assert (record.usage.is_billable, record.error_code) == (False, "rate_limit_exceeded")


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_megabytes_of_numbers_are_metered(
    proxy: Caller, provider: FakeProvider, records: Records, encoding: str
) -> None:
    numbers = ",".join(str(number / 7) for number in range(2_000))
    vectors = ",".join(f'{{"index": {index}, "embedding": [{numbers}]}}' for index in range(60))
    usage = '{"prompt_tokens": 77, "total_tokens": 77}'
    body = f'{{"data": [{vectors}], "model": "text-embedding-3-small", "usage": {usage}}}'
    assert len(body) > 2_000_000
    provider.script(Scenario(status=200, raw_body=body, encoding=encoding or "", is_encoding_forced=True))  # type: ignore[arg-type]
    reply = proxy.post("openai/embeddings", b'{"model": "text-embedding-3-small", "input": "x"}')
    record = records.of(reply.call_id)
    assert (record.usage.input, record.model) == (77, "text-embedding-3-small")


def test_a_legacy_stream_is_asked_for_its_usage(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    reply = proxy.post("openai/completions", b'{"model": "gpt-3.5-turbo-instruct", "prompt": "Hi", "stream": true}')
    assert provider.log[0].json()["stream_options"] == {"include_usage": True}
    chunks = events_of(reply.body)
    assert all(chunk["choices"] for chunk in chunks)
    assert not any(chunk.get("usage") for chunk in chunks)
    record = records.of(reply.call_id)
    assert (record.usage_source, record.route, record.finish_reason) == ("provider", "completions", "stop")


@pytest.mark.parametrize("split", [0, 1])
def test_events_with_crlf_and_data_of_many_lines_pass_and_are_read(
    proxy: Caller, provider: FakeProvider, records: Records, split: int
) -> None:
    events = (
        ": hello\r\n\r\nevent: response.created\r\ndata: {\"type\": \"response.created\"}\r\n\r\n"
        "event: response.completed\r\ndata: {\"type\": \"response.completed\",\r\n"
        "data: \"response\": {\"id\": \"resp_1\", \"status\": \"completed\", \"model\": \"gpt-4o\", \"output\": [],\r\n"
        "data: \"usage\": {\"input_tokens\": 11, \"output_tokens\": 22}}}\r\n\r\n"
    )  # fmt: skip
    kind = (("Content-Type", "text/event-stream"),)
    provider.script(Scenario(status=200, raw_body=events, headers=kind, framing="chunked", split=split))
    reply = proxy.post("openai/responses", b'{"model": "gpt-4o", "input": "x", "stream": true}')
    assert reply.body == events.encode()
    record = records.of(reply.call_id)
    assert (record.usage.input, record.usage.output, record.model) == (11, 22, "gpt-4o")
