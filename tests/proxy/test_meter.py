"""Reading a copy of a stream while it passes, cut anywhere: what goes out, when, and what was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.meter import UnreadMeter
from tests.proxy.samples import anthropic, openai
from tests.proxy.samples.feeding import feed, pieces, told
from tests.proxy.samples.meters import STREAMS, USAGES, stream_meter


def with_line_ends(stream: bytes, end: bytes) -> bytes:
    return stream.replace(b"\n", end)


PLAIN = (
    ("openai", openai.text_stream(), b"data: [DONE]"),
    ("anthropic", anthropic.text_stream(), b"event: message_stop"),
)
VARIANTS: list[tuple[str, bytes, bytes]] = [
    *(
        (provider, with_line_ends(stream, end), terminal)
        for end in (b"\n", b"\r\n", b"\r")
        for provider, stream, terminal in PLAIN
    ),
    ("openai", b": welcome\n\n" + openai.text_stream().replace(b"data: ", b"data:"), b"data:[DONE]"),
    ("openai", openai.text_stream().removesuffix(openai.DONE) + b": the end\nid: 9\n" + openai.DONE, b"data: [DONE]"),
    ("anthropic", b"\xef\xbb\xbf" + anthropic.text_stream().replace(b"event: ", b"event:"), b"event:message_stop"),
]
NAMES = [f"{provider}-{position}" for position, (provider, _, _) in enumerate(VARIANTS)]


# --- Streams that pass ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "stream", "terminal"), VARIANTS, ids=NAMES)
def test_a_stream_cut_at_any_byte_passes_unchanged_and_is_read_alike(
    provider: str, stream: bytes, terminal: bytes
) -> None:
    whole = stream_meter(provider)
    assert feed(whole, stream) == stream
    assert whole.reading.usage == USAGES[provider]
    assert whole.reading.is_finished
    assert whole.reading.is_usage_complete
    for cut in range(len(stream) + 1):
        meter = stream_meter(provider)
        assert feed(meter, stream[:cut], stream[cut:]) == stream
        assert told(meter.reading) == told(whole.reading), cut


@pytest.mark.parametrize(("provider", "stream", "terminal"), VARIANTS, ids=NAMES)
def test_the_terminal_event_never_begins_to_pass_before_it_was_read(
    provider: str, stream: bytes, terminal: bytes
) -> None:
    assert stream.count(b"\r" + terminal) + stream.count(b"\n" + terminal) == 1
    for cut in range(len(stream) + 1):
        meter = stream_meter(provider)
        passed = b""
        for chunk in (stream[:cut], stream[cut:]):
            passed += meter.feed(chunk)
            assert meter.reading.is_finished or b"\n" + terminal not in passed.replace(b"\r", b"\n"), cut


@pytest.mark.parametrize(("provider", "stream", "terminal"), VARIANTS, ids=NAMES)
def test_a_stream_byte_by_byte_passes_without_delay_up_to_its_terminal_event(
    provider: str, stream: bytes, terminal: bytes
) -> None:
    meter = stream_meter(provider)
    passed, longest_wait = 0, 0
    for at in range(len(stream)):
        passed += len(meter.feed(stream[at : at + 1]))
        if at < stream.rindex(terminal):
            longest_wait = max(longest_wait, at + 1 - passed)
    assert passed + len(meter.finish()) == len(stream)
    assert longest_wait < len(b"event: message_stop")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@given(cuts=st.lists(st.integers(0, 1_500), max_size=12))
def test_a_stream_cut_at_several_places_is_read_alike(provider: str, cuts: list[int]) -> None:
    stream = STREAMS[provider]
    meter = stream_meter(provider)
    assert feed(meter, *pieces(stream, cuts)) == stream
    assert meter.reading.usage == USAGES[provider]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_terminal_event_that_the_end_of_the_stream_cuts_off_still_passes(provider: str) -> None:
    stream = STREAMS[provider]
    for cut in range(len(stream) - 40, len(stream)):
        assert feed(stream_meter(provider), stream[:cut]) == stream[:cut]


def test_an_error_event_counts_as_terminal() -> None:
    event = anthropic.failure()
    for cut in range(1, len(event)):
        meter = stream_meter("anthropic")
        passed = meter.feed(anthropic.start()) + meter.feed(event[:cut])
        assert (b"event: error" in passed, meter.reading.error_code) == (False, "")
        assert meter.feed(event[cut:]) == event
        assert (meter.reading.is_finished, meter.reading.error_code) == (True, "overloaded_error")


def test_an_endless_terminal_event_is_not_held_for_ever() -> None:
    meter = stream_meter("anthropic")
    chunk = b"x" * 100_000
    passed = meter.feed(b"event: error\ndata: ")
    for _ in range(170):
        passed += meter.feed(chunk)
    assert len(passed) > 16_000_000


# --- Streams without the event that we asked for ----------------------------------------------------------------------

KEPT = b"".join((*openai.text_events(), openai.DONE))
AZURE_FIRST = openai.event({"choices": [], "created": 0, "model": "", "prompt_filter_results": [{"prompt_index": 0}]})


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_exactly_the_event_that_we_asked_for_vanishes_at_any_cut(end: bytes) -> None:
    stream = with_line_ends(AZURE_FIRST + openai.text_stream(), end)
    kept = with_line_ends(AZURE_FIRST + KEPT, end)
    for cut in range(len(stream) + 1):
        meter = stream_meter("openai", drops_usage=True)
        assert feed(meter, stream[:cut], stream[cut:]) == kept, cut
        assert meter.reading.usage == USAGES["openai"]
        assert meter.reading.is_finished


def test_the_terminal_event_is_not_given_out_before_the_usage_is_dropped() -> None:
    meter = stream_meter("openai", drops_usage=True)
    given_out = b""
    for at in range(len(openai.text_stream())):
        given_out += meter.feed(openai.text_stream()[at : at + 1])
        assert (b"data: [DONE]\n" in given_out) <= (meter.reading.is_finished and meter.reading.is_usage_complete)
    assert given_out == KEPT


@pytest.mark.parametrize(
    "event",
    [
        openai.chunk({"content": "x"}, usage=openai.USAGE),  # usage beside a choice is not only for us
        openai.event({"choices": [], "usage": None}),
        openai.event({"choices": [], "error": {"message": "x"}}),
        openai.event({"usage": openai.USAGE}),
        b": comment\n\n",
        b"\n",
        b"data: not json\n\n",
        b"data: [1]\n\n",
        b"data: \n\n",
        b'event: x\nid: 1\nretry: 5\ndata: {"choices":[{"index":0}]}\n\n',
        b'data: {"choices":[],\ndata: "usage":null}\n\n',
    ],
)
def test_every_other_event_stays(event: bytes) -> None:
    meter = stream_meter("openai", drops_usage=True)
    assert feed(meter, event + openai.text_stream()) == event + KEPT


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[],"usage":{}}\n\n',
        b'data: {"choices" : [ ] ,\ndata: "usage" : { } }\n\n',
        b'id: 4\ndata: {"usage":{"prompt_tokens":1},"choices":[],"x":"\\ud83d"}\n\n',
    ],
)
def test_the_event_that_we_asked_for_is_known_in_any_form(event: bytes) -> None:
    assert feed(stream_meter("openai", drops_usage=True), event + openai.DONE) == openai.DONE


def test_a_usage_event_without_its_blank_line_vanishes_too() -> None:
    stream = b"".join(openai.text_events())
    assert feed(stream_meter("openai", drops_usage=True), stream + openai.usage_chunk().strip()) == stream


def test_an_unread_answer_passes() -> None:
    meter = UnreadMeter()
    assert feed(meter, b"a", b"", b"b") == b"ab"
    assert meter.reading.usage is None
