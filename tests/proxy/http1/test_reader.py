"""What the bytes of an answer mean: every framing of RFC 9112, everything that two readers could take in two ways, and
all of it cut anywhere.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.http1.heads import MAX_HEAD_BYTES
from proxy.http1.reader import AnswerReader

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"
Seen = tuple[int, list[tuple[bytes, bytes]], bytes, str]


def read(raw: bytes, *cuts: int, method: str = "POST", ends: bool = False) -> tuple[AnswerReader, bytes]:
    """The reader after these bytes, cut at these places, and the body that it gave."""
    reader, body = AnswerReader(method), b""
    for start, end in zip((0, *cuts), (*cuts, len(raw)), strict=True):
        if not (reader.fault or reader.is_complete) and start < end:
            body += reader.feed(raw[start:end])
    if ends and not (reader.fault or reader.is_complete):
        reader.end()
    return reader, body


def whole(raw: bytes, *, method: str = "POST", ends: bool = False) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection may be used again. The answer must be whole."""
    reader, body = read(raw, method=method, ends=ends)
    assert reader.fault == ""
    assert reader.is_complete
    assert reader.head is not None
    return reader.head.status, body, reader.head.keeps_alive and not reader.has_surplus


# --- Framings ---------------------------------------------------------------------------------------------------------

WHOLE = {
    "length": (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "length-zero": (HEAD + b"content-length:0\r\n\r\n", b"", True),
    "length-padded": (HEAD + b"content-length: \t 5 \t\r\n\r\nhello", b"hello", True),
    "length-leading-zeros": (HEAD + b"content-length: 0005\r\n\r\nhello", b"hello", True),
    "chunked": (CHUNKED + CHUNKS, b"hello world", True),
    "chunked-other-case": (HEAD + b"transfer-ENCODING: Chunked\r\n\r\n" + CHUNKS, b"hello world", True),
    "chunked-empty": (CHUNKED + b"0\r\n\r\n", b"", True),
    "chunked-zeros": (CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", b"hello", True),
    "chunked-hex": (CHUNKED + b"A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a", True),
    "chunked-quoted-extension": (CHUNKED + b'5;n="v;w";x\r\nhello\r\n0;last\r\n\r\n', b"hello", True),
    "chunked-trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Late: 1\r\nExpires: 0\r\n\r\n", b"hello", True),
    "chunked-hostile-trailers": (
        CHUNKED + b"5\r\nhello\r\n0\r\ntransfer-encoding: gzip\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"hello",
        True,
    ),
    "surplus": (HEAD + b"content-length: 5\r\n\r\nhello" + HEAD, b"hello", False),
    "surplus-byte": (HEAD + b"content-length: 0\r\n\r\n\n", b"", False),
    "chunked-surplus": (CHUNKED + CHUNKS + HEAD + b"content-length: 3\r\n\r\nbad", b"hello world", False),
    "close": (HEAD + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", b"hello", False),
    "close-among-others": (HEAD + b"connection: x, Close\r\ncontent-length: 5\r\n\r\nhello", b"hello", False),
    "close-twice": (HEAD + b"connection: x\r\nConnection: CLOSE\r\ncontent-length: 0\r\n\r\n", b"", False),
    "keep-alive": (HEAD + b"connection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", b"hello", True),
    "1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello", False),
    "1.0-keep-alive": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", b"", False),
    "no-reason": (b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", b"", True),
    "no-reason-nor-space": (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b"", True),
    "odd-reason": (b"HTTP/1.1 200 All's \xe9 \t~\r\ncontent-length: 0\r\n\r\n", b"", True),
    "informational": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + CHUNKED + CHUNKS,
        b"hello world",
        True,
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_in_every_framing(name: str) -> None:
    raw, body, is_reusable = WHOLE[name]
    assert whole(raw) == (200, body, is_reusable)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_the_same_whatever_its_pieces(name: str) -> None:
    raw, body, _ = WHOLE[name]
    for pieces in (tuple(range(1, len(raw))), *((cut,) for cut in range(1, len(raw)))):
        reader, got = read(raw, *pieces)
        assert (reader.fault, reader.is_complete, got) == ("", True, body)


@pytest.mark.parametrize("raw", [HEAD + b"\r\n", HEAD + b"connection: keep-alive\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_an_answer_without_a_length_ends_with_the_connection(raw: bytes) -> None:
    reader, body = read(raw + b"hel" + b"lo", len(raw) + 3)
    assert (reader.is_complete, body) == (False, b"hello")
    assert whole(raw + b"hello", ends=True) == (200, b"hello", False)


@pytest.mark.parametrize(
    ("method", "status", "field", "is_reusable"),
    [
        ("HEAD", 200, b"content-length: 500\r\n", True),
        ("HEAD", 200, b"transfer-encoding: chunked\r\n", True),
        ("HEAD", 200, b"", True),
        ("HEAD", 404, b"content-length: 9\r\n", True),
        ("GET", 304, b"content-length: 500\r\n", True),
        ("GET", 304, b"", True),
        ("DELETE", 204, b"", True),
        ("DELETE", 204, b"content-length: 0\r\n", True),
        ("DELETE", 204, b"content-length: 5\r\n", False),
        ("DELETE", 204, b"transfer-encoding: chunked\r\n", False),
    ],
)
def test_what_never_has_a_body_ends_with_its_head(method: str, status: int, field: bytes, is_reusable: bool) -> None:
    raw = b"HTTP/1.1 %d X\r\n%b\r\n" % (status, field)
    assert whole(raw, method=method) == (status, b"", is_reusable)
    assert whole(raw + b"5\r\nhello", method=method)[1:] == (b"", False), "what follows is no body, and spoils the rest"


def test_headers_come_in_their_order_with_names_in_lower_case_without_the_space_before_values() -> None:
    reader, _ = read(HEAD + b"X-B:  one\tand two \t\r\nx-a:\r\nX-B:caf\xe9 : 2\r\nContent-Length: 0\r\n\r\n")
    assert reader.head is not None
    assert list(reader.head.headers) == [
        (b"x-b", b"one\tand two \t"),
        (b"x-a", b""),
        (b"x-b", b"caf\xe9 : 2"),
        (b"content-length", b"0"),
    ]


def test_the_server_may_say_how_long_it_keeps_a_connection() -> None:
    reader, _ = read(HEAD + b"keep-alive: max=5, timeout=7\r\ncontent-length: 0\r\n\r\n")
    assert reader.head is not None
    assert reader.head.idle_seconds == 7


def test_a_100_tells_to_go_on_and_is_no_answer() -> None:
    reader, _ = read(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert (reader.is_told_to_go_on, reader.head, reader.fault) == (True, None, "")


# --- Broken framing ---------------------------------------------------------------------------------------------------

BROKEN_HEADS = {
    "lengths-conflict": HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "lengths-agree": HEAD + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "length-list": HEAD + b"content-length: 5, 5\r\n\r\nhello",
    "length-negative": HEAD + b"content-length: -5\r\n\r\nhello",
    "length-signed": HEAD + b"content-length: +5\r\n\r\nhello",
    "length-hex": HEAD + b"content-length: 0x5\r\n\r\nhello",
    "length-empty": HEAD + b"content-length:\r\n\r\nhello",
    "length-spaced": HEAD + b"content-length: 1 0\r\n\r\nhello",
    "length-underscore": HEAD + b"content-length: 1_0\r\n\r\nhello",
    "length-huge": HEAD + b"content-length: 9999999999999999999\r\n\r\nhello",
    "length-not-ascii": HEAD + b"content-length: \xb2\r\n\r\nhello",
    "length-and-chunked": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    "chunked-and-length": HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n" + CHUNKS,
    "codings-gzip": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "codings-twice": HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    "codings-list": HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n" + CHUNKS,
    "codings-identity": HEAD + b"transfer-encoding: identity\r\ncontent-length: 5\r\n\r\nhello",
    "codings-unknown": HEAD + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKS,
    "codings-vertical-tab": HEAD + b"transfer-encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "chunked-1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    "folded": HEAD + b"content-length: 5\r\nx: a\r\n b\r\n\r\nhello",
    "folded-length": HEAD + b"content-length:\r\n 5\r\n\r\nhello",
    "folded-first": HEAD + b" x: a\r\ncontent-length: 5\r\n\r\nhello",
    "space-before-colon": HEAD + b"content-length : 5\r\n\r\nhello",
    "space-in-name": HEAD + b"content length: 5\r\n\r\nhello",
    "no-name": HEAD + b": 5\r\n\r\nhello",
    "no-colon": HEAD + b"content-length\r\n\r\nhello",
    "not-ascii-name": HEAD + b"content-l\xe9ngth: 5\r\n\r\nhello",
    "nul": HEAD + b"x: a\0b\r\n\r\n",
    "delete": HEAD + b"x: a\x7fb\r\n\r\n",
    "bare-lf": HEAD + b"x: a\ncontent-length: 5\r\n\r\nhello",
    "bare-lf-head": b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello",
    "bare-cr": HEAD + b"x: a\rcontent-length: 5\r\n\r\nhello",
    "cr-cr-lf": HEAD + b"x: a\r\r\n\r\n",
    "version-2": b"HTTP/2.0 200 OK\r\n\r\n",
    "version-1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "version-long": b"HTTP/1.10 200 OK\r\n\r\n",
    "version-lower": b"http/1.1 200 OK\r\n\r\n",
    "status-short": b"HTTP/1.1 20 OK\r\n\r\n",
    "status-long": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status-zero": b"HTTP/1.1 000 OK\r\n\r\n",
    "status-signed": b"HTTP/1.1 +20 OK\r\n\r\n",
    "status-spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "status-absent": b"HTTP/1.1\r\n\r\n",
    "empty-line-first": b"\r\n" + HEAD + b"content-length: 0\r\n\r\n",
    "not-http": b"SSH-2.0-OpenSSH_9\r\n",
    "json": b'{"error": 1}',
    "request": b"GET / HTTP/1.1\r\n\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    "informational-with-length": b"HTTP/1.1 103 X\r\ncontent-length: 5\r\n\r\nhello",
    "informational-chunked": b"HTTP/1.1 100 X\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    "informational-for-ever": b"HTTP/1.1 103 X\r\nx: %b\r\n\r\n" % (b"a" * 1000) * 70,
    "too-long": HEAD + b"x: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
    "too-many": HEAD + b"x: y\r\n" * (MAX_HEAD_BYTES // 6) + b"\r\n",
}


@pytest.mark.parametrize("name", BROKEN_HEADS)
def test_a_head_that_could_be_taken_in_two_ways_is_refused(name: str) -> None:
    raw = BROKEN_HEADS[name]
    for pieces in ((), (len(raw) // 2,), tuple(range(1, min(len(raw), 2000)))):
        reader, body = read(raw, *pieces)
        assert (bool(reader.fault), reader.head, body) == (True, None, b"")


@pytest.mark.parametrize(
    "begun",
    [
        b"x",
        b"HTTP/2",
        HEAD + b" ",
        HEAD + b"x y",
        HEAD + b"x: a\n",
        b"HTTP/1.1 200 OK\n\n",
        HEAD + b"a" * MAX_HEAD_BYTES,
    ],
)
def test_a_head_that_cannot_become_one_is_not_waited_for(begun: bytes) -> None:
    reader, _ = read(begun + b"\r\n") if begun == HEAD + b" " or begun == HEAD + b"x y" else read(begun)
    assert reader.fault != ""


BROKEN_CHUNKS = {
    "no-size": b"\r\nhello\r\n0\r\n\r\n",
    "not-hex": b"zz\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "space-before": b" 5\r\nhello\r\n0\r\n\r\n",
    "space-after": b"5 \r\nhello\r\n0\r\n\r\n",
    "tab-after": b"5\t;a\r\nhello\r\n0\r\n\r\n",
    "overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "lf-after-size": b"5\nhello\r\n0\r\n\r\n",
    "cr-after-size": b"5\rhello\r\n0\r\n\r\n",
    "lf-in-extension": b"5;a\nhello\r\n0\r\n\r\n",
    "cr-in-extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "nul-in-extension": b"5;\0\r\nhello\r\n0\r\n\r\n",
    "line-in-quotes": b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
    "too-short": b"4\r\nhello\r\n0\r\n\r\n",
    "too-long": b"6\r\nhello\r\n0\r\n\r\n",
    "lf-after-data": b"5\r\nhello\n0\r\n\r\n",
    "nothing-after-data": b"5\r\nhello0\r\n\r\n",
    "extension-too-long": b"1;a=" + b"x" * 20_000 + b"\r\nh\r\n0\r\n\r\n" + b"x" * 9,
    "folded-trailer": b"5\r\nhello\r\n0\r\n x\r\n\r\n",
    "trailer-without-colon": b"5\r\nhello\r\n0\r\nx y\r\n\r\n",
    "lf-in-trailer": b"5\r\nhello\r\n0\r\nx: y\n\r\n\r\n",
    "length-in-trailer": b"5\r\nhello\r\n0\r\ncontent-length: 3\r\n\r\n",
    "trailers-too-long": b"5\r\nhello\r\n0\r\n" + b"x: y\r\n" * 20_000,
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_broken_chunks_end_the_answer_and_never_make_it_whole(name: str) -> None:
    raw = CHUNKED + BROKEN_CHUNKS[name]
    for pieces in ((len(CHUNKED) + 3,), (), tuple(range(1, len(raw), 7))):
        reader, body = read(raw, *pieces)
        assert (bool(reader.fault), reader.is_complete) == (True, False)
        assert b"hello!".startswith(body[:5])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        HEAD[:9],
        HEAD,
        HEAD + b"content-length: 5\r\n\r\nhell",
        CHUNKED,
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nx: y\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_end_of_the_connection_in_mid_answer_is_a_fault(raw: bytes) -> None:
    reader, _ = read(raw, ends=True)
    assert (bool(reader.fault), reader.is_complete) == (True, False)


# --- Cut anywhere -----------------------------------------------------------------------------------------------------

ALL = [raw for raw, _, _ in WHOLE.values()] + [
    raw if raw.startswith(b"HTTP") else CHUNKED + raw
    for name, raw in {**BROKEN_HEADS, **BROKEN_CHUNKS}.items()
    if len(raw) < 500 and name != "extension-too-long"
]


def outcome(raw: bytes, cuts: list[int]) -> tuple[object, ...]:
    reader, body = read(raw, *cuts, ends=True)
    head = reader.head
    return (bool(reader.fault), reader.is_complete, body, head and (head.status, list(head.headers), head.keeps_alive))


@given(raw=st.sampled_from(ALL), places=st.lists(st.floats(0, 1), max_size=12))
def test_cutting_the_bytes_anywhere_changes_nothing(raw: bytes, places: list[float]) -> None:
    cuts = sorted({int(place * len(raw)) for place in places})
    assert outcome(raw, cuts) == outcome(raw, [])


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    extension=st.sampled_from([b"", b";a", b";a=b", b';a="b c"']),
    places=st.lists(st.floats(0, 1), max_size=12),
)
@example(chunks=[b"0\r\n\r\n", b"\r\n"], extension=b"", places=[0.5])
def test_chunks_of_any_bytes_give_these_bytes(chunks: list[bytes], extension: bytes, places: list[float]) -> None:
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n\r\n"
    raw = CHUNKED + framed
    reader, body = read(raw, *sorted({int(place * len(raw)) for place in places}))
    assert (reader.fault, reader.is_complete, reader.has_surplus, body) == ("", True, False, b"".join(chunks))


@given(raw=st.binary(max_size=200), after=st.sampled_from([b"", HEAD, CHUNKED, CHUNKED + b"5\r\nhello\r\n"]))
def test_no_bytes_make_the_reader_fail(raw: bytes, after: bytes) -> None:
    read(after + raw, ends=True)
