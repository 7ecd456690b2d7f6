"""Reading a JSON answer while it passes: kept whole up to a size, scanned above it."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scanning import TopLevelScanner
from tests.proxy.samples import anthropic, openai
from tests.proxy.samples.feeding import feed, pieces
from tests.proxy.samples.meters import ANSWERS, ROUTES, USAGES, json_meter, stream_meter


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("encoding", [b"", b"gzip"])
def test_a_json_answer_cut_at_any_byte_passes_unchanged_and_is_read_alike(provider: str, encoding: bytes) -> None:
    sent = ANSWERS[provider]
    sent = gzip.compress(sent) if encoding else sent
    for cut in range(len(sent) + 1):
        meter = json_meter(provider, encoding)
        assert feed(meter, sent[:cut], sent[cut:]) == sent
        assert meter.reading.usage == USAGES[provider]
        assert meter.reading.is_finished


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_stream_and_a_json_answer_tell_the_same_usage(provider: str) -> None:
    sample = {"openai": openai, "anthropic": anthropic}[provider]
    stream, whole = stream_meter(provider), json_meter(provider)
    feed(stream, sample.text_stream())
    feed(whole, sample.answer())
    for name in ("usage", "model", "finish_reason", "error_code", "is_finished", "is_usage_complete"):
        assert getattr(stream.reading, name) == getattr(whole.reading, name), name


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_an_answer_too_large_to_keep_tells_the_same_usage(provider: str) -> None:
    sample = {"openai": openai, "anthropic": anthropic}[provider]
    text = '"}],"usage":{"input_tokens":999,"prompt_tokens":999},"model":"other",{[' * 40_000
    small, large = json_meter(provider), json_meter(provider)
    feed(small, sample.answer())
    sent = sample.answer(text=text)
    assert len(sent) > 2_000_000
    assert feed(large, *pieces(sent, list(range(0, len(sent), 65_521)))) == sent
    assert large.reading.usage == small.reading.usage == USAGES[provider]
    for name in ("model", "finish_reason", "error_code"):
        assert getattr(large.reading, name) == getattr(small.reading, name), name
    assert large.reading.finish_reason


def test_usage_inside_a_tools_input_is_not_the_answers() -> None:
    inner = {"usage": {"input_tokens": 9, "output_tokens": 9}, "model": "x"}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {**inner, "padding": "x" * 1_100_000}}
    for content in ([{**tool, "input": inner}], [tool]):
        meter = json_meter("anthropic")
        feed(meter, anthropic.answer(content=content))
        assert meter.reading.usage == USAGES["anthropic"]
        assert meter.reading.model == anthropic.MODEL


def test_what_is_no_json_object_is_passed_and_tells_nothing() -> None:
    for body in (b"", b"null", b"[]", b'"usage"', b"<html>502</html>", b"\xff\xfe\x00", b'{"usage":', b"[" * 100_000):
        for provider in ROUTES:
            meter = json_meter(provider)
            assert feed(meter, body) == body
            assert meter.reading.usage is None


# --- The scanner of large answers -------------------------------------------------------------------------------------

WANTED = frozenset({"usage", "model", 'o"dd\\', "é"})
names = st.sampled_from(["usage", "model", 'o"dd\\', "é", "x", ""]) | st.text(max_size=5)
documents = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


@given(
    document=documents,
    cuts=st.lists(st.integers(0, 300), max_size=8),
    indent=st.sampled_from([None, 1]),
    is_ascii=st.booleans(),
)
def test_the_scanner_finds_what_a_parser_finds(
    document: dict[str, object], cuts: list[int], indent: int | None, is_ascii: bool
) -> None:
    # Lone surrogates cannot be encoded; hypothesis makes none with its default alphabet.
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()
    scanner = TopLevelScanner(WANTED)
    for piece in pieces(text, [min(cut, len(text)) for cut in cuts]):
        scanner.feed(piece)
    assert json.loads(scanner.result()) == {name: value for name, value in document.items() if name in WANTED}


def test_the_scanner_takes_the_last_of_duplicates_and_escaped_names() -> None:
    scanner = TopLevelScanner(WANTED)
    scanner.feed(b' {"usage" : 1 , "us\\u0061ge" : {"usage":[1,{"model":2}]} , "model":null}')
    assert json.loads(scanner.result()) == {"usage": {"usage": [1, {"model": 2}]}, "model": None}


def test_the_scanner_leaves_a_member_that_is_too_large() -> None:
    scanner = TopLevelScanner(WANTED)
    for piece in (b'{"usage":"', *[b"x" * 65_536] * 5, b'","model":"m"}'):
        scanner.feed(piece)
    assert json.loads(scanner.result()) == {"model": "m"}


LISTS = {"choices": frozenset({"finish_reason", "index"}), "usage": frozenset({"x"})}


@given(
    items=st.lists(st.none() | documents | st.lists(documents, max_size=2), max_size=4),
    document=documents,
    cuts=st.lists(st.integers(0, 300), max_size=8),
    indent=st.sampled_from([None, 1]),
)
def test_the_scanner_finds_the_wanted_members_of_the_objects_in_a_list(
    items: list[object], document: dict[str, object], cuts: list[int], indent: int | None
) -> None:
    numbered = {"index": [1, {"index": 9}]}
    items = [numbered | item if isinstance(item, dict) else item for item in items]
    text = json.dumps({"choices": items, **document, "model": "m"}, indent=indent).encode()
    scanner = TopLevelScanner(frozenset({"model"}), LISTS)
    for piece in pieces(text, [min(cut, len(text)) for cut in cuts]):
        scanner.feed(piece)
    found = json.loads(scanner.result())
    assert found.pop("model") == "m"
    assert found.pop("choices") == [{"index": item["index"]} for item in items if isinstance(item, dict)]
    used = document.get("usage")
    if isinstance(used, list):
        objects = [item for item in used if isinstance(item, dict)]
        assert found.pop("usage") == [{"x": item["x"]} if "x" in item else {} for item in objects]
    assert found == {}


def test_the_scanner_passes_over_megabytes_of_numbers_in_a_few_steps() -> None:
    """One step for each bracket and text, none for a number: counted, since time would tell of the machine."""
    vectors = [[index / 7 for index in range(1_000)]] * 50
    text = json.dumps({"data": [{"embedding": vector} for vector in vectors], "usage": {"prompt_tokens": 5}}).encode()

    class Counting(TopLevelScanner):
        steps = 0

        def _outside(self, chunk: bytes, at: int) -> int:
            self.steps += 1
            return super()._outside(chunk, at)

    scanner = Counting(frozenset({"usage"}))
    scanner.feed(text)
    assert json.loads(scanner.result()) == {"usage": {"prompt_tokens": 5}}
    assert scanner.steps < 500


@pytest.mark.parametrize("busy", [b"{},", b'"",', b"[["])
def test_the_scanner_gives_up_on_what_is_made_to_keep_it_busy(busy: bytes) -> None:
    scanner = TopLevelScanner(WANTED)
    scanner.feed(b'{"usage":{"prompt_tokens":5},"x":[' + busy * 300_000 + b"1]}")
    assert json.loads(scanner.result()) == {}


def test_the_scanner_keeps_four_megabytes_at_most() -> None:
    item = b'{"finish_reason":"' + b"x" * 200_000 + b'"}'
    scanner = TopLevelScanner(frozenset(), LISTS)
    scanner.feed(b'{"choices":[' + b",".join([item] * 100) + b"]}")
    assert len(scanner.result()) < 4_300_000
