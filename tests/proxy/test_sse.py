"""Cutting server-sent events out of bytes that arrive in any pieces (WHATWG HTML, "Server-sent events")."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.sse import MAX_EVENT_BYTES, EventSplitter, data_of
from tests.proxy.samples import anthropic, feeding, openai

# The same four events with each kind of line end: a comment, fields besides data, data of several lines, the rest.
LINES = [
    ": keep-alive",
    "",
    "id: 7",
    "retry: 10",
    "event: a",
    "data: one",
    "",
    "data: two",
    "data:2",
    "data",
    "",
    "",
    "",
]
MIXED_ENDS = ["\n", "\r\n", "\r", "\r\n", "\n", "\r", "\r\n", "\n", "\r\n", "\r", "\n", "\r\n", "\r"]
STREAMS = {
    "LF": "".join(f"{line}\n" for line in LINES).encode(),
    "CRLF": "".join(f"{line}\r\n" for line in LINES).encode(),
    "CR": "".join(f"{line}\r" for line in LINES).encode(),
    "mixed": "".join(line + end for line, end in zip(LINES, MIXED_ENDS, strict=True)).encode(),
    "OpenAI's": openai.text_stream(),
    "Anthropic's": anthropic.text_stream(),
    "CRLF of Anthropic's": anthropic.text_stream().replace(b"\n", b"\r\n"),
}


def split_in(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    return events, splitter.tail


def data_in(pieces: list[bytes]) -> list[bytes]:
    """The data of the events that have any, as a client would get it at the end of the stream."""
    events, tail = split_in(pieces)
    return [data for event in [*events, tail] if (data := data_of(event))]


@pytest.mark.parametrize("name", ["LF", "CRLF", "CR", "mixed"])
def test_events_are_found_with_every_kind_of_line_end(name: str) -> None:
    assert data_in([STREAMS[name]]) == [b"one", b"two\n2"]


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_at_any_byte_loses_nothing_and_finds_the_same_events(name: str) -> None:
    stream = STREAMS[name]
    whole = data_in([stream])
    assert len(whole) >= 2
    for cut in range(len(stream) + 1):
        pieces = [stream[:cut], stream[cut:]]
        events, tail = split_in(pieces)
        assert b"".join(events) + tail == stream
        assert data_in(pieces) == whole, cut


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_comes_byte_by_byte_has_the_same_events(name: str) -> None:
    stream = STREAMS[name]
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    assert data_in(pieces) == data_in([stream])


@given(
    lines=st.lists(st.sampled_from(["", "data: x", "data:y", ":c", "event: e", "data"]), max_size=20),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=20, max_size=20),
    cuts=st.lists(st.integers(0, 120), max_size=6),
)
@example(["data: x", "", "data:y", ""], ["\n", "\r", "\n", "\n"], [])
@example(["data: x", "", "data:y", ""], ["\r\n", "\r", "\r", "\r\n"], [3, 10])
def test_any_lines_with_any_ends_in_any_pieces_are_read_as_a_line_parser_reads_them(
    lines: list[str], ends: list[str], cuts: list[int]
) -> None:
    # A CR directly followed by the LF of an empty line would be one line end, not two.
    ends = [
        "\r\n" if end == "\r" and following == "\n" else end
        for end, following in zip(ends, [*ends[1:], ""], strict=True)
    ]
    stream = "".join(line + end for line, end in zip(lines, ends, strict=False)).encode()
    expected, data = [], []
    for line in [*lines, ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" ").encode())
        elif not line and data:
            expected.append(b"\n".join(data))
            data = []
    assert data_in(list(feeding.pieces(stream, [min(cut, len(stream)) for cut in cuts]))) == expected


def test_a_carriage_return_at_the_end_of_a_chunk_waits_for_its_line_feed() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: x\r\n\r") == []
    assert splitter.feed(b"\ndata: y\r\n") == [b"data: x\r\n\r\n"]
    assert splitter.tail == b"data: y\r\n"


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x\n\n", b" x"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"event: e\ndata: x\nid: 1\n\n", b"x"),
        (b"\n\ndata: x\n\n", b"x"),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"\xef\xbb\xbfevent: e\ndata: x\n\n", b"x"),
        (b"data: x\r\n\r\n", b"x"),
        (b"data: x\r\n\n", b"x"),
        (b"data: x\r\n\r", b"x"),
        (b"data: x\rdata: y\n\n", b"x\ny"),
        (b": data: x\n\n", b""),
        (b"database: x\n\n", b""),
        (b" data: x\n\n", b""),
        # JSON may hold these unescaped; they end no line of an event stream.
        ("data: a\u2028b\u0085c\n\n".encode(), "a\u2028b\u0085c".encode()),
        (b"data: a\x0bb\x0cc\x1cd\n\n", b"a\x0bb\x0cc\x1cd"),
        (b"", b""),
    ],
)
def test_the_data_of_an_event_is_that_of_its_data_lines(event: bytes, data: bytes) -> None:
    assert data_of(event) == data


def test_an_event_without_end_is_given_out_in_bounded_pieces() -> None:
    splitter = EventSplitter()
    piece = b"data: " + b"x" * 64 * 1024
    given_out = []
    for _ in range(40):
        given_out += splitter.feed(piece)
        assert len(splitter.tail) <= MAX_EVENT_BYTES
    assert b"".join(given_out) + splitter.tail == piece * 40
    assert splitter.feed(b"\n\ndata: next\n\n")[-1] == b"data: next\n\n"


@pytest.mark.parametrize("line", [b"data: x\n", b"data: x\r\n", b":\r", b"x"])
def test_an_event_of_many_lines_is_not_looked_through_for_each_piece(line: bytes) -> None:
    """Which would take time by the square of its length."""

    joins = 0
    whole = EventSplitter.__dict__["tail"]

    def counted(splitter: EventSplitter) -> bytes:
        nonlocal joins
        joins += 1
        return bytes(whole.fget(splitter))

    class Counting(EventSplitter):
        tail = property(counted, whole.fset)

    splitter = Counting()
    for _ in range(2_000):
        assert splitter.feed(line) == []
    assert joins == 0
    assert splitter.feed(b"\n\n") == [line * 2_000 + b"\n\n"] or line.endswith((b"\n", b"\r"))
    assert joins == 1
