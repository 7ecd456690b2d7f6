"""Reading a compressed answer while it passes, cut anywhere."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from proxy.inflating import Inflater, inflate
from proxy.meter import Meter
from proxy.sse import MAX_EVENT_BYTES
from tests.proxy.samples import anthropic, openai
from tests.proxy.samples.feeding import COMPRESSIONS, feed, pieces
from tests.proxy.samples.meters import STREAMS, USAGES, json_meter, stream_meter

KEPT = b"".join((*openai.text_events(), openai.DONE))  # without the event that was asked for by us


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(("encoding", "compress"), COMPRESSIONS, ids=["gzip", "zlib", "raw deflate"])
def test_a_compressed_stream_passes_compressed_and_is_read_at_any_cut(
    provider: str, encoding: bytes, compress: Callable[[bytes], bytes]
) -> None:
    sent = compress(STREAMS[provider])
    for cut in range(len(sent) + 1):
        meter = stream_meter(provider, encoding)
        assert feed(meter, sent[:cut], sent[cut:]) == sent
        assert meter.reading.usage == USAGES[provider], cut


@pytest.mark.parametrize(("provider", "terminal"), [("openai", b"data: [DONE]"), ("anthropic", b"event: message_stop")])
def test_a_gzip_stream_flushed_within_its_terminal_event_waits_until_it_was_read(
    provider: str, terminal: bytes
) -> None:
    stream = STREAMS[provider]
    compressor = zlib.compressobj(wbits=31)
    meter = stream_meter(provider, b"gzip")
    sent, passed = b"", b""
    for piece in pieces(stream, list(range(0, len(stream), 5))):
        chunk = compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
        sent += chunk
        passed += meter.feed(chunk)
        plain = zlib.decompressobj(wbits=31).decompress(passed)
        assert meter.reading.is_finished or b"\n\n" + terminal not in plain
    assert meter.reading.usage == USAGES[provider]
    assert passed + meter.finish() == sent


def test_usage_is_dropped_from_a_compressed_stream_which_comes_out_plain() -> None:
    for encoding, compress in COMPRESSIONS:
        meter = stream_meter("openai", encoding, drops_usage=True)
        assert meter.drops_usage
        assert feed(meter, *pieces(compress(openai.text_stream()), [1, 2, 30, 31, 200])) == KEPT


def test_an_encoding_that_cannot_be_undone_passes_as_it_is() -> None:
    meter = stream_meter("openai", b"br", drops_usage=True)
    assert not meter.drops_usage
    assert feed(meter, b"\x0b\x02\x80brotli", b"more") == b"\x0b\x02\x80brotlimore"
    assert meter.reading.usage is None


def test_a_truncated_gzip_answer_passes_and_tells_what_was_read() -> None:
    compressor = zlib.compressobj(wbits=31)
    sent = compressor.compress(b"".join(anthropic.text_events())) + compressor.flush(zlib.Z_SYNC_FLUSH)
    sent += (compressor.compress(anthropic.delta()) + compressor.flush())[:-20]
    meter = stream_meter("anthropic", b"gzip")
    assert feed(meter, sent) == sent
    assert meter.reading.usage is not None
    assert meter.reading.usage.input == 21
    assert not meter.reading.is_usage_complete


def test_bad_gzip_data_pass_unread() -> None:
    for bad in (b"not gzip at all", gzip.compress(b"data: x\n\n")[:12] + b"\xff" * 30):
        meter = stream_meter("openai", b"gzip")
        assert feed(meter, bad, openai.text_stream()) == bad + openai.text_stream()
        assert meter.reading.usage is None


def test_several_gzip_members_are_one_answer() -> None:
    sent = b"".join(gzip.compress(event) for event in (*openai.text_events(), openai.usage_chunk()))
    for cut in range(0, len(sent), 7):
        meter = stream_meter("openai", b"gzip")
        assert feed(meter, sent[:cut], sent[cut:]) == sent
        assert meter.reading.usage == USAGES["openai"]


@pytest.mark.slow
def test_a_decompression_bomb_costs_little_memory() -> None:
    bomb = gzip.compress(b"data: " + b"x" * 120_000_000 + b"\n\n" + openai.usage_chunk(), 9)
    meters: list[Meter] = [stream_meter("openai", b"gzip"), json_meter("openai", b"gzip")]
    tracemalloc.start()
    try:
        for meter in meters:
            assert len(meter.feed(bomb)) == len(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_EVENT_BYTES
    assert meters[0].reading.usage == USAGES["openai"]


def test_a_short_content_is_inflated_up_to_a_limit() -> None:
    bomb = gzip.compress(bytes(60_000_000), 9)
    tracemalloc.start()
    try:
        assert len(inflate(bomb, b"gzip", 64_000)) == 64_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000
    assert inflate(gzip.compress(b"{}"), b"gzip", 64_000) == b"{}"
    assert inflate(b"{}", b"", 64_000) == b"{}"
    assert inflate(b"{}", b"br", 64_000) == b""


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSIONS, ids=["gzip", "zlib", "raw deflate"])
def test_nothing_stays_inside_the_decoder(encoding: bytes, compress: Callable[[bytes], bytes]) -> None:
    """A full step of output may leave more behind although all input was taken."""
    for size in range(256 * 1024 - 9, 256 * 1024 + 300, 7):
        data = (b"abcdefg" * size)[:size]
        inflater = Inflater(encoding)
        assert b"".join(inflater.feed(compress(data))) == data


def test_a_bomb_is_not_read_to_its_end() -> None:
    """Nobody's JSON becomes a hundredth of its size; what ordinary answers gain by compression is read."""
    piece = gzip.compress(bytes(8 * 1024 * 1024), 9)
    inflater = Inflater(b"gzip")
    read = sum(len(part) for _ in range(100) for part in inflater.feed(piece))
    assert 256 * 1024 * 1024 < read < 400 * 1024 * 1024
    assert not inflater.is_readable
    many = Inflater(b"gzip")
    assert b"".join(many.feed(gzip.compress(b"x") * 5_000)) == b"x" * 1_000
    assert not many.is_readable
