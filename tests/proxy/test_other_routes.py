"""Routes that are only forwarded: as they came, recorded as free or unmetered."""

import json

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import MESSAGES, Caller, message
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
