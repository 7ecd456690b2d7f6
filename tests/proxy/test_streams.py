"""Streams: bytes pass as they arrive, usage is asked for without the client noticing, the record is there first."""

import threading

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, events_of, message, read_until, sent_bytes
from tests.proxy.records import Records

LAST = {CHAT: b"data: [DONE]\n\n", MESSAGES: b"event: message_stop\n"}


def streamed(path: str, **members: object) -> bytes:
    return chat(stream=True, **members) if path == CHAT else message(stream=True, **members)


both_providers = pytest.mark.parametrize("path", [CHAT, MESSAGES])

# --- As they arrive ---------------------------------------------------------------------------------------------------


@both_providers
def test_the_first_event_reaches_the_client_before_the_provider_sends_the_second(
    proxy: Caller, provider: FakeProvider, path: str
) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=1))
    with proxy.opened("POST", path, streamed(path)) as answer:
        assert answer.status == 200
        first = read_until(answer, b"\n\n")
        assert provider.log[0].outcome == "running"
        provider.release()
        rest = answer.read()
    assert first.count(b"\n\n") == 1
    assert LAST[path] in rest


@both_providers
def test_the_headers_reach_the_client_before_any_event(proxy: Caller, provider: FakeProvider, path: str) -> None:
    provider.script(Scenario(hold_at="after-headers"))
    with proxy.opened("POST", path, streamed(path)) as answer:
        assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        assert provider.log[0].body_bytes_sent == 0
        provider.release()
        assert LAST[path] in answer.read()


def test_a_json_answer_is_not_held_back_either(proxy: Caller, provider: FakeProvider) -> None:
    provider.script("silent-mid-body")
    with proxy.opened("POST", CHAT, chat()) as answer:
        assert answer.read1(1)
        assert provider.log[0].outcome == "running"
        provider.release()
        assert answer.read().endswith(b"}\n")


@both_providers
def test_a_part_of_an_event_passes_without_waiting_for_its_end(
    proxy: Caller, provider: FakeProvider, path: str
) -> None:
    provider.script(Scenario(hold_at="mid-body", at_byte=40))
    asked = {"stream_options": {"include_usage": True}} if path == CHAT else {}
    with proxy.opened("POST", path, streamed(path, **asked)) as answer:
        assert len(answer.read1(65536)) == 40
        provider.release()
        answer.read()


ODD_STREAM = (
    ": comment\r\n\r\nevent: ping\r\ndata: {}\r\n\r\n"
    'data: {"choices": [{"index":0,"delta":{"content":"caf\xe9 \\u00e9"}}],\ndata: "model": "m-1"}\n\n\n'
    'id: 7\nretry: 10\ndata:{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
    'data: {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 22}}\n\n'
    "data: [DONE]\n\n: after the end\n\n"
)


@pytest.mark.parametrize("split", [0, 1, 7])
def test_nothing_of_a_stream_is_framed_anew(
    proxy: Caller, provider: FakeProvider, records: Records, split: int
) -> None:
    provider.script(Scenario(raw_body=ODD_STREAM, split=split))
    reply = proxy.post(CHAT, chat(stream=True, stream_options={"include_usage": True}))
    assert reply.body == ODD_STREAM.encode()
    record = records.of(reply.call_id)
    assert (record.usage.input, record.usage.output, record.finish_reason) == (11, 22, "stop")
    assert (record.model, record.streamed, record.usage_source) == ("m-1", True, "provider")


@both_providers
@pytest.mark.parametrize("split", [1, 2, 3, 61, 4096])
def test_usage_is_read_wherever_the_chunks_end(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, split: int
) -> None:
    provider.script(Scenario(split=split, prompt_tokens=71, output_tokens=19))
    reply = proxy.post(path, streamed(path))
    record = records.of(reply.call_id)
    assert (record.usage.input, record.usage.output, record.usage_source) == (71, 19, "provider")
    assert LAST[path] in reply.body
    if path == MESSAGES:
        assert len(reply.body) == sent_bytes(provider)


def test_a_very_long_event_passes(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    long = 'data: {"choices":[{"index":0,"delta":{"content":"' + "x" * 3_000_000 + '"}}]}\n\n'
    provider.script(Scenario(raw_body=long + ODD_STREAM, split=60_000))
    reply = proxy.post(CHAT, chat(stream=True))
    assert len(reply.body) > 3_000_000
    assert records.of(reply.call_id).usage.output == 22


def test_streams_at_once_do_not_mix(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    bodies = [chat(stream=True, messages=[{"role": "user", "content": "x" * 40 * number}]) for number in range(1, 13)]
    provider.always(Scenario(split=23))
    outputs: dict[str, int] = {}

    def call(body: bytes) -> None:
        reply = proxy.post(CHAT, body)
        outputs[reply.call_id] = len([event for event in events_of(reply.body) if event["choices"][0]["delta"]]) - 1

    threads = [threading.Thread(target=call, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {record.id: record.usage.output for record in records.all()} == outputs
    assert sorted(record.usage.input for record in records.all()) == [7 + 10 * number for number in range(1, 13)]


# --- Usage that nobody asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "upstream"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {}}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
        ({"stream_options": {"include_usage": None}}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
    ],
)
def test_usage_is_asked_for_and_its_event_is_kept_from_the_client(
    proxy: Caller, provider: FakeProvider, records: Records, options: dict[str, object], upstream: dict[str, object]
) -> None:
    reply = proxy.post(CHAT, chat(stream=True, **options), {"accept-encoding": "gzip"})

    (seen,) = provider.log
    assert seen.json()["stream_options"] == upstream
    assert seen.json()["messages"] == [{"role": "user", "content": "Hello!"}]
    assert seen.header("accept-encoding") == "identity"
    chunks = events_of(reply.body)
    assert [chunk for chunk in chunks if not chunk["choices"]] == []
    assert [chunk for chunk in chunks if chunk.get("usage")] == []
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert reply.body.endswith(LAST[CHAT])
    assert reply.all_headers("content-length") == []
    record = records.of(reply.call_id)
    assert (record.usage.input, record.usage.output, record.usage_source) == (9, 25, "provider")


def test_all_events_but_that_one_come_byte_for_byte(proxy: Caller, provider: FakeProvider) -> None:
    before, usage, after = ODD_STREAM.partition(
        'data: {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 22}}\n\n'
    )
    assert usage
    provider.script(Scenario(raw_body=ODD_STREAM, split=5))
    assert proxy.post(CHAT, chat(stream=True)).body == (before + after).encode()


@pytest.mark.parametrize(
    "event",
    [
        'data: {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}\n\n',
        'data: {"choices": [], "usage": null}\n\n',
        'data: {"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}}\n\n',
        'data: {"usage": {"prompt_tokens": 1}}\n\n',
    ],
)
def test_an_event_that_is_more_than_the_usage_stays(proxy: Caller, provider: FakeProvider, event: str) -> None:
    provider.script(Scenario(raw_body=event + "data: [DONE]\n\n"))
    reply = proxy.post(CHAT, chat(stream=True))
    assert reply.body.decode() == event + "data: [DONE]\n\n"


def test_a_client_that_asks_for_usage_gets_it_in_the_bytes_it_sent(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    body = b'{"model":"gpt-4o", "stream" :true,"messages":[{"role":"user","content":"Hi"}]}'
    body = body[:-1] + b',\n "stream_options": {"include_usage" : true}}'
    reply = proxy.post(CHAT, body)
    (seen,) = provider.log
    assert seen.body == body
    assert events_of(reply.body)[-1]["usage"] == seen.usage
    assert len(reply.body) == sent_bytes(provider)
    assert records.of(reply.call_id).usage.output == 24


@pytest.mark.parametrize("options", ["text", 5, ["include_usage"]])
def test_stream_options_that_are_no_object_are_left_to_the_provider(
    proxy: Caller, provider: FakeProvider, options: object
) -> None:
    body = chat(stream=True, stream_options=options)
    provider.script("bad-request")
    assert proxy.post(CHAT, body).status == 400
    assert provider.log[0].body == body


@pytest.mark.parametrize("members", [{}, {"stream": False}, {"stream": None}, {"stream": "true"}, {"stream": 1}])
def test_a_call_that_is_not_streamed_is_not_asked_for_usage(
    proxy: Caller, provider: FakeProvider, members: dict[str, object]
) -> None:
    body = chat(**members)
    proxy.post(CHAT, body)
    assert provider.log[0].body == body


def test_anthropic_streams_are_never_asked_for_usage(proxy: Caller, provider: FakeProvider) -> None:
    body = message(stream=True)
    proxy.post(MESSAGES, body)
    assert provider.log[0].body == body


def test_an_error_answer_to_a_streamed_call_comes_unmodified(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script("rate-limited")
    reply = proxy.post(CHAT, chat(stream=True))
    assert (reply.status, reply.header("retry-after")) == (429, "2")
    assert reply.header("content-length") == str(len(reply.body)) == str(sent_bytes(provider))
    record = records.of(reply.call_id)
    assert (record.status, record.usage_source, record.streamed) == (429, "none", True)


# --- The record is written first --------------------------------------------------------------------------------------


@both_providers
def test_the_record_is_in_the_journal_when_the_terminal_event_arrives(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    """The connection is still open and the provider silent, so nothing but that event can have caused the record."""
    size = len(proxy.post(path, streamed(path)).body)
    provider.reset()
    # What follows the terminal event is a comment, which the provider holds back.
    kind = "data: [DONE]\n\n" if path == CHAT else 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    provider.script(Scenario(raw_body=kind + ": late\n\n", hold_at="mid-body", at_byte=len(kind)))
    assert size > len(kind)
    with proxy.opened("POST", path, streamed(path)) as answer:
        assert read_until(answer, b"\n\n") == kind.encode()
        assert records.of(str(answer.getheader("x-aipc-request-id"))).status == 200
        assert provider.log[0].outcome == "running"
        provider.release()
        assert answer.read() == b": late\n\n"


@pytest.mark.parametrize("cut", [3, 9, 13])
def test_a_terminal_event_in_two_chunks_arrives_after_the_record_too(
    proxy: Caller, provider: FakeProvider, records: Records, cut: int
) -> None:
    start = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    provider.script(Scenario(raw_body=start + "data: [DONE]\n\n", hold_at="mid-body", at_byte=len(start) + cut))
    with proxy.opened("POST", CHAT, chat(stream=True, stream_options={"include_usage": True})) as answer:
        assert read_until(answer, b"\n\n") == start.encode()
        assert records.all() == []
        provider.release()
        assert answer.read() == b"data: [DONE]\n\n"
    assert records.of(str(answer.getheader("x-aipc-request-id"))).usage_source == "estimated"


def test_times_are_noted(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script("head_delay_ms=50", "head_delay_ms=50", Scenario(raw_body=ODD_STREAM.replace("content", "other")))
    stream, answer, silent = (proxy.post(CHAT, chat(stream=is_stream)) for is_stream in (True, False, True))

    record = records.of(stream.call_id)
    assert 50 <= record.first_byte_ms <= record.first_token_ms <= record.latency_ms
    assert record.provider_request_id == stream.header("x-request-id")
    assert records.of(answer.call_id).first_token_ms == -1
    assert records.of(answer.call_id).first_byte_ms >= 50
    assert records.of(silent.call_id).first_token_ms == -1
    assert records.of(silent.call_id).first_byte_ms >= 0


@pytest.mark.parametrize(("sent", "noted"), [("2", 2), ("0", 0), ("-1", 0), ("many", 0), ("99999", 0)])
def test_retries_of_the_sdks_are_noted(proxy: Caller, records: Records, sent: str, noted: int) -> None:
    reply = proxy.post(CHAT, chat(), {"x-stainless-retry-count": sent})
    assert records.of(reply.call_id).sdk_retry_count == noted
