"""Heads that are laid out like one before mean what they would mean alone: compared with a plain reading of each."""

import gc
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.heads import BadFraming, Head
from proxy.http1.layouts import MAX_HEADERS, MAX_LAYOUTS, Fields, Layouts, media_of
from proxy.http1.reader import AnswerReader

KNOWN_FROM = 3  # reads: the second one shows that the layout comes again
USUAL = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 00:00:0%d GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\nx-request-id:req_%d\r\nSet-Cookie: a=%d; Path=/\r\n\r\n"
)
Meaning = tuple[int, list[tuple[bytes, bytes]], bool, int | None, bool, int | None] | None


def usual(number: int) -> bytes:
    return USUAL % ((number,) * 4)


def is_known(head: Head) -> bool:
    return isinstance(head.headers, Fields)


def meaning_of(head: Head) -> Meaning:
    return head.status, list(head.headers), head.keeps_alive, head.length, head.is_chunked, head.idle_seconds


def plain_meaning(raw: bytes) -> Meaning:
    """RFC 9112, line by line and without a memory. None: refused."""
    first, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    started = re.fullmatch(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(| [^\x00-\x08\x0a-\x1f\x7f]*)", first)
    fields = [
        re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)", line) for line in lines
    ]
    if started is None or None in fields:
        return None
    headers = [(found[1].lower(), found[2]) for found in fields if found is not None]
    told = {wanted: [value.rstrip(b" \t") for name, value in headers if name == wanted] for wanted, _ in headers}
    lengths, codings = told.get(b"content-length", []), told.get(b"transfer-encoding", [])
    is_old = started[1] == b"0"
    if len(lengths) > 1 or any(not re.fullmatch(rb"[0-9]{1,18}", length) for length in lengths):
        return None
    if [coding.lower() for coding in codings] not in ([], [b"chunked"]) or (codings and (is_old or lengths)):
        return None
    options = [option.strip() for value in told.get(b"connection", []) for option in value.lower().split(b",")]
    idle = [
        re.search(rb"(?i)(?<![^,; \t])timeout=([0-9]{1,6})(?![^,; \t])", value) for value in told.get(b"keep-alive", [])
    ]
    seconds = [int(found[1]) for found in idle if found is not None]
    length = int(lengths[0]) if lengths else None
    keeps_alive = not is_old and b"close" not in options
    return int(started[2]), headers, keeps_alive, length, bool(codings), seconds[-1] if seconds else None


# --- The same as alone ------------------------------------------------------------------------------------------------

STATUS_LINES = st.sampled_from(
    b"HTTP/1.1 200 OK,HTTP/1.1 200,HTTP/1.0 200 OK,HTTP/1.1 204 No: Content,HTTP/1.1 404 ,HTTP/1.1 200 O\nK,"
    b"HTTP/2 200 OK,HTTP/1.1 200 OK: a\r\nb".split(b",")
)
NAMES = st.sampled_from(
    b"Content-Length content-length Transfer-Encoding Connection CONNECTION Keep-Alive Content-Type content-encoding "
    b"X-A x-a %d Set-Cookie x-request-id X-Hop".split()
)
VALUES = st.sampled_from(
    b"5|007|5 ||6\t|9999999999999999999|+5|chunked|gzip|keep-alive|x-hop, Close|a: b|timeout=5|max=1, timeout=7|"
    b"application/json; q=1|Text/Event-Stream|caf\xe9\xff|100%d %%|::".split(b"|")
)
GAPS = st.sampled_from([b": "] * 12 + [b":", b":\t ", b" : ", b":\r\n ", b"", b":\x00", b": \x7f"])
ENDS = st.sampled_from([b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n"])
FIELDS = st.lists(st.tuples(NAMES, GAPS, VALUES, ENDS).map(b"".join), max_size=6).map(b"".join)
ANY_HEADS = st.tuples(STATUS_LINES, st.just(b"\r\n"), FIELDS, st.just(b"\r\n")).map(b"".join)
SOUND_FIELDS = st.lists(st.tuples(NAMES, st.just(b": "), VALUES, st.just(b"\r\n")).map(b"".join), max_size=4).map(
    b"".join
)
SOUND_HEADS = SOUND_FIELDS.map(b"HTTP/1.1 200 OK\r\n%b\r\n".__mod__)
KNOWING = Layouts()  # one for all examples, so that most heads come after others that they resemble
MATCHING = Layouts(usual_after=1)  # whatever it cuts a second time it has a pattern for


def begun_by(layouts: Layouts, data: bytes) -> tuple[Meaning, int] | None:
    begun = layouts.begins(data)
    return None if begun is None else (meaning_of(begun[0].head()), begun[1])


def read_by(layouts: Layouts, raw: bytes) -> Meaning:
    try:
        return meaning_of(layouts.read(raw))
    except BadFraming:
        return None


@given(raws=st.lists(ANY_HEADS | SOUND_HEADS, min_size=1, max_size=6), data=st.data())
def test_heads_mean_the_same_whichever_came_before(raws: list[bytes], data: st.DataObject) -> None:
    for raw in data.draw(st.permutations(raws * KNOWN_FROM)):
        if raw.find(b"\r\n\r\n") == len(raw) - 4:  # Else the reader finds another end.
            assert read_by(KNOWING, raw) == plain_meaning(raw)
            assert read_by(MATCHING, raw) == plain_meaning(raw)


@given(raws=st.lists(SOUND_HEADS, min_size=1, max_size=3), others=st.lists(ANY_HEADS, max_size=3), behind=st.binary())
def test_a_head_is_matched_only_for_what_it_is(raws: list[bytes], others: list[bytes], behind: bytes) -> None:
    """Also in data that goes on, and without an end."""
    for raw in raws * KNOWN_FROM:
        read_by(MATCHING, raw)
    for raw in [*raws, *others]:
        end = raw.find(b"\r\n\r\n") + 4
        assert begun_by(MATCHING, raw + behind) in (None, (plain_meaning(raw[:end]), end))
        assert begun_by(MATCHING, raw[: end - 1]) is None


def test_the_usual_layouts_are_matched_and_few_of_them() -> None:
    layouts = Layouts(usual_after=3)
    raws = [usual(3).replace(b"200 OK", b"%d X" % status) for status in range(200, 210)]
    for raw in raws * 9:
        layouts.read(raw)
        assert len([each for each in raws if layouts.begins(each)]) <= 4
    matched = [each for each in raws if layouts.begins(each)]
    assert len(matched) == 4
    for raw in [*matched, *reversed(matched)]:
        assert begun_by(layouts, raw + b"abc") == (plain_meaning(raw), len(raw))
        assert begun_by(layouts, raw.replace(b"req_3", b"x" * 9_000)) is None, "long"


@given(numbers=st.lists(st.integers(0, 9), min_size=KNOWN_FROM, max_size=6), place=st.floats(0, 1))
def test_a_known_head_is_the_same_cut_anywhere(numbers: list[int], place: float) -> None:
    for number in numbers:
        raw = usual(number) + b"x" * number
        reader, cut = AnswerReader("POST"), int(place * len(raw))
        body = b"".join([reader.feed(part) for part in (raw[:cut], raw[cut:]) if part])
        assert (reader.fault, reader.is_complete, reader.has_surplus, body) == ("", True, False, b"x" * number)
        assert reader.head is not None
        assert meaning_of(reader.head) == plain_meaning(usual(number))
        known = reader.head.headers
    assert isinstance(known, Fields), "the last one was read by the shorter way"


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"HTTP/1.1", b"HTTP/1:1"),
        (b"HTTP/1.1", b"HTTP/1x1"),
        (b"Content-Length: 3", b"Content-Length: 3\r\nContent-Length: 3"),
        (b"Content-Length: 3", b"Content-Length: -3"),
        (b"Content-Length: 3", b"Content-Length: "),
        (b"Content-Length: 3", b"Transfer-Encoding: chunked\r\nContent-Length: 3"),
        (b"Date: Mon", b"Date: \x00Mon"),
        (b"Date: Mon", b"Date: \nMon"),
        (b"Date: Mon", b"Date: \rMon"),
        (b"Date: Mon", b"Date : Mon"),
        (b"Date: Mon", b" Date: Mon"),
        (b"Date: Mon", b"Date\r\n: Mon"),
        (b"GMT\r\n", b"GMT\r\n folded\r\n"),
        (b"GMT\r\n", b"GMT\n"),
        (b"GMT\r\n", b"GMT\r"),
        (b"GMT\r\n", b"GMT\r\r\n"),
        (b"GMT\r\n", b"GMT\r\nno colon\r\n"),
        (b"Connection: keep-alive", b"Connection: keep-alive\x7f"),
    ],
)
@pytest.mark.parametrize("usual_after", [1, 1_000])
def test_a_known_layout_lets_nothing_pass(there: bytes, instead: bytes, usual_after: int) -> None:
    layouts = Layouts(usual_after=usual_after)
    for _ in range(KNOWN_FROM):
        known = layouts.read(usual(3))
    assert is_known(known)
    assert (layouts.begins(usual(3)) is not None) == (usual_after == 1)
    bad = usual(3).replace(there, instead)
    assert bad != usual(3)
    for _ in range(KNOWN_FROM):
        assert layouts.begins(bad) is None
        with pytest.raises(BadFraming):
            layouts.read(bad)
    assert is_known(layouts.read(usual(4)))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (b"Connection", [b"keep-alive", b"close", b"x-hop"]),
        (b"Keep-Alive", [b"timeout=5", b"timeout=60", b""]),
        (b"Transfer-Encoding", [b"chunked", b"Chunked", b"gzip", b"chunked, chunked"]),
        (b"Content-Type", [b"application/json", b"text/event-stream", b""]),
        (b"Content-Encoding", [b"gzip", b"br", b""]),
    ],
)
def test_what_rules_is_looked_at_each_time(name: bytes, values: list[bytes]) -> None:
    layouts = Layouts(usual_after=1)
    for value in values * KNOWN_FROM:
        raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n%b: %b\r\n\r\n" % (name, value)
        assert read_by(layouts, raw) == plain_meaning(raw)
        if plain_meaning(raw) is not None:
            headers = layouts.read(raw).headers
            assert media_of(headers) == media_of(list(headers))
    assert len(layouts) >= 2, "each value that is accepted is known by itself"


def test_of_many_values_that_rule_few_are_kept() -> None:
    layouts = Layouts()
    for number in range(100):
        assert layouts.read(usual(3).replace(b"json", b"x-%d" % number)).length == 3
    assert len(layouts) < 10
    assert is_known(layouts.read(usual(3).replace(b"json", b"x-5")))


@given(raw=SOUND_HEADS)
def test_types_of_known_headers_are_found_as_of_any(raw: bytes) -> None:
    for _ in range(KNOWN_FROM):
        try:
            head = KNOWING.read(raw)
        except BadFraming:
            return
        assert media_of(head.headers) == media_of(list(head.headers))


# --- What is kept -----------------------------------------------------------------------------------------------------


def kept_by(root: object) -> Iterator[object]:
    """All that it holds, classes and functions left out."""
    seen, left = set(), [root]
    while left:
        found = left.pop()
        if id(found) in seen or isinstance(found, type) or callable(found):
            continue
        seen.add(id(found))
        yield found
        left += gc.get_referents(found)


def test_no_value_is_kept_but_those_that_rule() -> None:
    layouts = Layouts(usual_after=3)
    for number in range(9):
        head = layouts.read(usual(number).replace(b"req_", b"req_secret").replace(b"a=", b"a=secret"))
    assert is_known(head)
    assert layouts.begins(usual(3)) is not None
    del head
    matches = [match for _, match in layouts._usual]
    texts = [found for found in kept_by(layouts) if isinstance(found, bytes)]
    texts += [match.__self__.pattern for match in matches]  # type: ignore[attr-defined]
    assert b"application/json" in texts
    assert not [text for text in texts if b"secret" in text or b"2026" in text]


def test_what_is_kept_is_bounded() -> None:
    layouts = Layouts(usual_after=4)
    sizes = []
    for number in range(4 * MAX_LAYOUTS):
        for _ in range(KNOWN_FROM):
            layouts.read(usual(3).replace(b"Date", b"Date-%d" % number))
            layouts.read(usual(3).replace(b"json", b"x-%d" % number))
        sizes.append(len(layouts))
    assert MAX_LAYOUTS // 2 < max(sizes) <= MAX_LAYOUTS
    assert sum(isinstance(found, bytes) for found in kept_by(layouts)) < 50 * MAX_LAYOUTS


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"HTTP/1.1 200 OK\r\n%b: y\r\n\r\n" % (b"x" * 3_000),
        b"HTTP/1.1 200 %b\r\nx: y\r\n\r\n" % (b"x" * 3_000),
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n\r\n" % (b"x" * 300),
        b"HTTP/1.1 200 OK\r\nx: %b\r\n\r\n" % (b"x" * 9_000),
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_large_heads_and_those_that_are_no_answers_are_not_kept(raw: bytes) -> None:
    layouts = Layouts(usual_after=1)
    for _ in range(KNOWN_FROM):
        assert read_by(layouts, raw) == plain_meaning(raw)
        assert layouts.begins(raw) is None
    assert len(layouts) == 0
