"""Compressed answers: they pass as the provider compressed them, and are metered all the same."""

import zlib

import msgspec
import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, events_of, message, read_until, sent_bytes
from tests.proxy.records import Records
from tests.servers import ProxyServer, wait_until

USAGE_ASKED: dict[str, object] = {"stream_options": {"include_usage": True}}


def body_for(path: str, *, stream: bool) -> bytes:
    if path == MESSAGES:
        return message(stream=stream)
    return chat(stream=stream, **(USAGE_ASKED if stream else {}))


def unpacked(body: bytes) -> bytes:
    return zlib.decompress(body, wbits=47)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("split", [0, 1, 50])
def test_a_compressed_answer_passes_compressed_and_is_metered(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, is_stream: bool, encoding: str, split: int
) -> None:
    scenario = {"encoding": encoding, "split": split, "prompt_tokens": 71, "output_tokens": 19}
    provider.script(msgspec.convert(scenario, Scenario))

    reply = proxy.post(path, body_for(path, stream=is_stream), {"accept-encoding": "gzip, deflate, br"})

    assert reply.header("content-encoding") == encoding
    assert len(reply.body) == sent_bytes(provider)
    plain = unpacked(reply.body)
    if is_stream:
        assert plain.endswith((b"data: [DONE]\n\n", b"}\n\n"))
        assert events_of(plain)
    else:
        assert msgspec.json.decode(plain)["usage"]
        assert reply.header("content-length") == str(len(reply.body))
    record = records.of(reply.call_id)
    assert (record.usage.input, record.usage.output, record.usage_source) == (71, 19, "provider")


def test_a_compressed_stream_arrives_as_it_is_sent(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(encoding="gzip", hold_at="mid-body", at_event=3))
    with proxy.opened("POST", MESSAGES, message(stream=True), {"accept-encoding": "gzip"}) as answer:
        unpacker = zlib.decompressobj(wbits=47)
        plain = b""
        while b"content_block_start" not in plain:
            plain += unpacker.decompress(answer.read1(65536))
        assert provider.log[0].outcome == "running"
        provider.release()
        plain += unpacker.decompress(answer.read())
    assert b"message_stop" in plain


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_provider_that_compresses_a_stream_against_our_wish_is_unpacked(
    proxy: Caller, provider: FakeProvider, records: Records, encoding: str
) -> None:
    """The event of the usage that we asked for must be taken out, so the rest cannot stay compressed."""
    provider.script(msgspec.convert({"encoding": encoding, "is_encoding_forced": True, "split": 7}, Scenario))
    reply = proxy.post(CHAT, chat(stream=True), {"accept-encoding": "gzip, deflate"})
    assert provider.log[0].header("accept-encoding") == "identity"
    assert reply.header("content-encoding") == ""
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert not [event for event in events_of(reply.body) if not event["choices"]]
    assert records.of(reply.call_id).usage.output == 25


def test_a_large_compressed_answer_is_metered(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script(*["huge, gzip, prompt_tokens=71"] * 2)
    for path in (CHAT, MESSAGES):
        reply = proxy.post(path, body_for(path, stream=False), {"accept-encoding": "gzip"})
        assert len(unpacked(reply.body)) > 4 * 1024 * 1024
        assert records.of(reply.call_id).usage.input == 71


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("encoding", "body"), [("br", "\x1b\x03"), ("gzip", "not gzip at all"), ("gzip", "{}"), ("deflate", "{}")]
)
def test_an_encoding_that_cannot_be_read_passes_and_is_estimated_and_logged(
    proxy: Caller,
    provider: FakeProvider,
    records: Records,
    server: ProxyServer,
    is_stream: bool,
    encoding: str,
    body: str,
) -> None:
    provider.script(Scenario(raw_body=body, headers=(("Content-Encoding", encoding),)))
    reply = proxy.post(MESSAGES, message(stream=is_stream))
    assert (reply.status, reply.header("content-encoding"), reply.body) == (200, encoding, body.encode())
    record = records.of(reply.call_id)
    assert (record.usage_source, record.usage.input > 0) == ("estimated", True)
    told = (
        f"WARNING proxy.endpoint: The answer of the call {reply.call_id} is encoded in a way that nobody here can read."
    )
    wait_until(lambda: told in server.output, "the operator is told")


def test_the_terminal_event_of_a_compressed_stream_arrives_after_the_record(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    end = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(end.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(packed) > 20
    provider.script(Scenario(raw_body=end + ": late\n\n", encoding="gzip", hold_at="mid-body", at_byte=len(packed)))
    with proxy.opened("POST", MESSAGES, message(stream=True), {"accept-encoding": "gzip"}) as answer:
        read_until(answer, packed[:10])
        assert records.of(str(answer.getheader("x-aipc-request-id"))).status == 200
        provider.release()
        answer.read()
