"""Readers of answers that come in pieces: nothing is changed on its way, and any cut tells the same as none."""

import gzip
import json
import re
import zlib
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.inflating import Inflater
from proxy.meter import LinesMeter, Meter
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked
from proxy.receiving import BodyBudget, BodyReceiver
from proxy.rewriting import AddressRewriter
from proxy.scanning import TopLevelScanner
from proxy.sse import EventSplitter, data_of
from tests.fuzz.nasty import JSON_BITS, cut_up, faulty, json_objects, some_of
from tests.proxy.samples import anthropic, openai
from tests.proxy.samples.meters import stream_meter

SSE_BITS = [
    *(b"data: x", b"data:y", b"data", b": c", b"event: e", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r", b" "),
    *(b"data: [DONE]", b'data: {"usage":null,"choices":[]}', b"event: message_stop\n", b"\xff", b"id: 1"),
    *(b'data: {"type":"message_delta","usage":{"output_tokens":3}}', openai.usage_chunk(), b"data: {", b"\xef\xbb\xbf"),
]
STREAMS = st.sampled_from([openai.text_stream(), anthropic.text_stream()])


def lines_of(stream: bytes) -> list[bytes]:
    return re.split(rb"\r\n|\n|\r", stream)


def data_by_lines(stream: bytes) -> list[bytes]:
    """As the WHATWG's reader does it, which knows the whole; an event at the end counts without its blank line."""
    found, data = [], []
    for line in [*lines_of(stream.removeprefix(b"\xef\xbb\xbf")), b""]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            found.append(b"\n".join(data))
            data = []
    return [text for text in found if text]


@given(cut_up(some_of([bit for bit in SSE_BITS if bit != b"\xef\xbb\xbf"]) | faulty(STREAMS, SSE_BITS[:-1])))
@example([b"data: x\r", b"\n\r", b"\ndata: y\n\n"])
@example([b"data: x\n", b"\r\n", b"data: y\r\r"])
def test_events_are_those_of_a_reader_that_knows_the_whole(pieces: list[bytes]) -> None:
    splitter = EventSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    assert b"".join(events) + splitter.tail == b"".join(pieces)
    assert splitter.size == len(splitter.tail)
    assert [data for event in [*events, splitter.tail] if (data := data_of(event))] == data_by_lines(b"".join(pieces))


def passed(meter: Meter, pieces: list[bytes]) -> bytes:
    return b"".join(map(meter.feed, pieces)) + meter.finish()


@given(cut_up(some_of(SSE_BITS) | faulty(STREAMS, SSE_BITS)), st.sampled_from(["openai", "anthropic"]))
def test_a_stream_passes_unchanged_and_tells_the_same_at_any_cut(pieces: list[bytes], provider: str) -> None:
    whole, cut = stream_meter(provider), stream_meter(provider)
    assert passed(whole, [b"".join(pieces)]) == passed(cut, pieces) == b"".join(pieces)
    for name in ("usage", "model", "finish_reason", "error_code", "is_finished", "is_usage_complete", "text_bytes"):
        assert getattr(whole.reading, name) == getattr(cut.reading, name), name


@given(cut_up(some_of(SSE_BITS) | faulty(STREAMS, SSE_BITS)))
def test_the_event_that_is_ours_is_left_out_at_any_cut(pieces: list[bytes]) -> None:
    whole, cut = (stream_meter("openai", drops_usage=True) for _ in range(2))
    assert passed(whole, [b"".join(pieces)]) == passed(cut, pieces)
    assert whole.reading.usage == cut.reading.usage


# --- The scanner of large answers -------------------------------------------------------------------------------------

WANTED = frozenset({"usage", "model", "é", 'o"dd\\'})
LISTS = {"choices": frozenset({"model", "a"})}


def scanned(pieces: list[bytes]) -> bytes:
    scanner = TopLevelScanner(WANTED, LISTS)
    for piece in pieces:
        scanner.feed(piece)
    return scanner.result()


@given(cut_up(faulty(json_objects(), JSON_BITS) | some_of(JSON_BITS)))
@example([b'{"usage":"\xc2"}'])
def test_the_scanner_finds_what_a_parser_finds_at_any_cut(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    found = scanned(pieces)
    assert found == scanned([body])
    try:
        body.decode()  # which `Raw` does not look at
        parsed = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return
    members = json.loads(found)
    for name in WANTED & parsed.keys():
        assert members[name] == json.loads(bytes(parsed[name])), name
    assert not (members.keys() - parsed.keys())


# --- Results, line by line --------------------------------------------------------------------------------------------

LINE = b'{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt-4o","usage":{"prompt_tokens":1}}}}'
LINE_BITS = [LINE, LINE.replace(b"a", b"b"), b"\n", b"\r\n", b"{", b"}", b"\xff", b"[]", b"null", b'"', b" ", b"\x00"]


@given(cut_up(some_of(LINE_BITS)))
@example([b"", b"\n", LINE])
def test_results_pass_unchanged_and_tell_the_same_at_any_cut(pieces: list[bytes]) -> None:
    provider = PROVIDERS["openai"]
    route = provider.find_route("GET", "files/file-1/content")
    whole, cut = (LinesMeter(provider.results_reader(route, Asked(object_id="file-1")), b"") for _ in range(2))
    assert passed(whole, [b"".join(pieces)]) == passed(cut, pieces) == b"".join(pieces)
    assert whole.reading.completion == cut.reading.completion


# --- Compression ------------------------------------------------------------------------------------------------------

plain = st.binary(max_size=60) | st.integers(0, 2000).map(lambda size: b"ab" * size)
compressed = st.lists(plain, max_size=4).map(lambda parts: b"".join(gzip.compress(part) for part in parts))
GZIP_BITS = [b"\x00", b"\xff", b"\x1f\x8b", b"\x08", gzip.compress(b""), gzip.compress(b"x")]


def inflated(pieces: list[bytes], encoding: bytes) -> tuple[bytes, bool]:
    inflater = Inflater(encoding)
    return b"".join(part for piece in pieces for part in inflater.feed(piece)), inflater.is_whole


@given(cut_up(faulty(compressed, GZIP_BITS)), st.sampled_from([b"gzip", b"deflate", b"", b"br"]))
def test_compressed_bytes_read_the_same_at_any_cut(pieces: list[bytes], encoding: bytes) -> None:
    whole, is_whole = inflated([b"".join(pieces)], encoding)
    found, is_found = inflated(pieces, encoding)
    # Where the data break off, a read that ends before the fault gives out what one that holds it does not.
    assert is_whole == is_found
    assert found == whole if is_whole else found.startswith(whole) or whole.startswith(found)


@given(plain, st.lists(plain, max_size=2))
def test_what_was_compressed_is_read(first: bytes, more: list[bytes]) -> None:
    body = b"".join(gzip.compress(part) for part in (first, *more))
    assert inflated([body], b"gzip") == (first + b"".join(more), True)
    assert inflated([zlib.compress(first)], b"deflate") == (first, True)


@given(faulty(compressed, GZIP_BITS))
def test_a_compressed_request_is_what_gzip_makes_of_it_or_refused(body: bytes) -> None:
    receiver = BodyReceiver(None, BodyBudget(100_000), limit=20_000)  # type: ignore[arg-type]
    try:
        found = receiver.inflate(body)
    except Refusal:
        return
    assert receiver.held == len(found)
    assert found == gzip.decompress(body)


# --- Addresses --------------------------------------------------------------------------------------------------------

ADDRESS = "https://api.anthropic.com/v1/messages/batches/b1/results"
results = st.recursive(
    st.sampled_from([ADDRESS, "results_url", '"results_url":"', "\\", None, 1, ADDRESS + "?a=b"]) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["results_url", "a"]), inner, max_size=2)
    ),
    max_leaves=8,
)


def led_back(value: Any) -> Any:
    """The same with the addresses that stand under their name leading to us."""
    if isinstance(value, list):
        return [led_back(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: led_back(item) for name, item in value.items()}
    address = found.get("results_url")
    if isinstance(address, str) and address.startswith(ADDRESS):
        found["results_url"] = address.replace("https://api.anthropic.com", "http://costs.example/anthropic")
    return found


@given(results, st.sampled_from([None, 1]), st.data())
def test_addresses_lead_back_at_any_cut(value: Any, indent: int | None, data: st.DataObject) -> None:
    pieces = data.draw(cut_up(st.just(json.dumps(value, indent=indent).encode())))
    rewriter = AddressRewriter("http://costs.example/anthropic")
    rewritten = b"".join(map(rewriter.feed, pieces)) + rewriter.finish()
    assert json.loads(rewritten) == led_back(value)
