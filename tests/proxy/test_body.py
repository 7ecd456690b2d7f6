"""Our metadata taken out of any JSON body, and everything else left as it is."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import body
from proxy.body import NO_METADATA, MalformedBody, Metadata

METADATA = b'{"prompt_key":"greeting","feature_tags":["chat"],"version":3}'
READ = Metadata("greeting", ("chat",), 3)
# Values that a careless parser changes: odd numbers, escapes, look-alikes of our member, bytes that are no UTF-8.
VALUES = (
    b"12345678901234567890123456789",
    b"-0.0",
    b"1e400",
    b"1E+2",
    b"0.10000000000000000001",
    rb'"\u00e9\/\u0041\ud83d\ude00 \b\f\n\r\t\"\\"',
    '"é😀\u2028\u2029\u0085\x7f\ufeff"'.encode(),
    rb'"\\ud800 is no surrogate"',
    b'"\xff\xfe\xed\xa0\x80 is no UTF-8"',
    rb'"\u0000"',
    b'{ "_aipromptcost" : {"prompt_key":"inner"}, "b":1,"b" :2 }',
    b'[ {"_aipromptcost":1} ,\t[ ],{ } ]',
    rb'"{\"_aipromptcost\":{\"prompt_key\":\"text\"}}"',
    b"true",
    b"null",
    b"[" * 500 + b"]" * 500,
)
SPACES = (b"", b" ", b"\n\t\r ")


def object_of(members: list[tuple[bytes, bytes]], space: bytes = b"") -> bytes:
    """A JSON object of raw names (without their quotes) and raw values."""
    parts = (b'"' + name + b'"' + space + b":" + space + value for name, value in members)
    return space + b"{" + space + (space + b"," + space).join(parts) + space + b"}" + space


def members_of(content: bytes) -> body.Members:
    members = body.split(content)
    assert members is not None
    return members


def taken(content: bytes) -> tuple[Metadata, bytes]:
    members = members_of(content)
    return body.take_metadata(members), body.join(members)


# --- What stays -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", [b"_aipromptcost", rb"_aip\u0072omptcost", rb"\u005faipromptcost"])
@pytest.mark.parametrize("at", [0, 8, len(VALUES)], ids=["first", "middle", "last"])
def test_the_member_goes_wherever_it_stands_and_every_other_value_stays(at: int, name: bytes, space: bytes) -> None:
    others = [(b"m%d" % position, value) for position, value in enumerate(VALUES)]
    sent = object_of([*others[:at], (name, METADATA), *others[at:]], space)
    assert taken(sent) == (READ, object_of(others))


@pytest.mark.parametrize("space", SPACES)
def test_the_member_alone_leaves_an_empty_object(space: bytes) -> None:
    assert taken(object_of([(b"_aipromptcost", METADATA)], space)) == (READ, b"{}")


def test_of_duplicate_members_the_last_counts_and_none_is_left() -> None:
    sent = object_of([(b"_aipromptcost", b'{"version":1}'), (b"a", b"1"), (rb"_aipromptcos\u0074", METADATA)])
    assert taken(sent) == (READ, b'{"a":1}')


@pytest.mark.parametrize(
    "name", [b"_aipromptcost ", b"_AIPromptCost", b"aipromptcost", rb"_aipromptcost\u0000", b"a._aipromptcost"]
)
def test_look_alikes_of_the_member_stay(name: bytes) -> None:
    sent = object_of([(name, METADATA), (b"nested", object_of([(b"_aipromptcost", METADATA)]))])
    assert taken(sent) == (NO_METADATA, sent)


@pytest.mark.parametrize(
    "other",
    [
        (b"half", rb'"cut \ud83d"'),
        (b"half", rb'"\ude00 and \uD83D\ud83d\ude00"'),
        (rb"half\udead", b'"in a name"'),
        (b"half", rb'{"\ud800":[1e400,12345678901234567890,"\/"]}'),
    ],
)
@pytest.mark.parametrize("space", SPACES)
def test_a_lone_surrogate_is_no_fault(other: tuple[bytes, bytes], space: bytes) -> None:
    """RFC 8259, section 8.2: the grammar allows it, and JavaScript makes it by cutting an emoji in half."""
    others = [*((b"m%d" % position, value) for position, value in enumerate(VALUES)), other]
    assert taken(object_of([(b"_aipromptcost", METADATA), *others], space)) == (READ, object_of(others))


scalars = st.one_of(
    st.sampled_from(VALUES),
    st.integers().map(str),
    st.text().map(json.dumps),
    st.text().map(lambda t: json.dumps(t, ensure_ascii=False)),
).map(lambda value: value if isinstance(value, bytes) else value.encode())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: b"[ " + b" , ".join(items) + b"]"),
        st.lists(inner, max_size=3).map(
            lambda items: object_of([(b"_aipromptcost", item) for item in items], b" ").strip()
        ),
    ),
    max_leaves=6,
)
safe_names = st.text(st.characters(categories=("L", "N", "P", "S", "Z"), exclude_characters='"\\'), max_size=8).map(
    str.encode
)


@given(
    members=st.dictionaries(safe_names, values, max_size=6),
    at=st.integers(0, 6),
    surrogate=st.booleans(),
    spaces=st.sampled_from(SPACES),
)
def test_every_other_member_is_identical_byte_for_byte_and_in_order(
    members: dict[bytes, bytes], at: int, surrogate: bool, spaces: bytes
) -> None:
    others = [(name, value) for name, value in members.items() if name not in {b"_aipromptcost", b"half"}]
    others += [(b"half", rb'"\ud83d"')] if surrogate else []
    sent = object_of([*others[:at], (b"_aipromptcost", METADATA), *others[at:]], spaces)
    assert taken(sent) == (READ, object_of(others))


def test_a_byte_order_mark_is_ignored() -> None:
    assert taken(b"\xef\xbb\xbf" + object_of([(b"a", b"1"), (b"_aipromptcost", METADATA)])) == (READ, b'{"a":1}')


# --- What is no JSON object -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"[1]", b" null ", b'"x"', b"1e400", b"\xef\xbb\xbf[]", b'["\\ud800", {"_aipromptcost":1}]']
)
def test_other_json_is_no_object(content: bytes) -> None:
    assert body.split(content) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{} x",
        b'{"a":1,}',
        b'{"a" 1}',
        b'{"a":}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":"line\nbreak"}',
        b'{"a":"\x00"}',
        rb'{"a":"\x41"}',
        rb'{"a":"\u12"}',
        b'{"a":1}\x00',
        b"\x0c{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-be"),
        b'{"\xff":1}',
        b"model=m&messages=x",
        b"[1",
        b'"\xff"',
        rb'{"a":"\ud800"',
        rb'{"a":"\ud800",}',
        rb'{"a":"\ud800" "b":1}',
        rb'{"a":"\ud800"}}',
        rb'{x":1,"a":"\ud800"}',
        rb'{"a":"\ud800",b":1}',
        rb'{"a":"\ud800\u12"}',
        rb'{"a" "\ud800"}',
        rb'{"a":"\ud800","b":NaN}',
        rb'{"a":"\ud800","b":[-Infinity]}',
        b'{"a":"\\ud800\n"}',
    ],
)
def test_what_is_no_json_is_told_without_quoting_it(content: bytes) -> None:
    with pytest.raises(MalformedBody) as raised:
        body.split(content)
    assert str(raised.value).startswith("The request body is not valid JSON")
    assert "ud800" not in str(raised.value)


@pytest.mark.parametrize("depth", [3_000, 200_000])
@pytest.mark.parametrize("start", [b'{"a":', rb'{"half":"\ud800","a":'])
@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_nesting_thousands_deep_is_told(start: bytes, bracket: bytes, depth: int) -> None:
    """How deep is too deep is Python's to say: 3.12 and later read on to where the text breaks off."""
    told = "nested too deeply" if depth > 100_000 or sys.version_info < (3, 12) else "nested too deeply|not valid JSON"
    with pytest.raises(MalformedBody, match=told):
        body.split(start + bracket * depth)


def test_metadata_nested_too_deeply_costs_no_more_than_itself() -> None:
    metadata, rest = taken(b'{"a":1,"_aipromptcost":' + b"[" * 900 + b"]" * 900 + b"}")
    assert rest == b'{"a":1}'
    assert metadata.warnings == ("_aipromptcost is not an object and was ignored",)


# --- Single members ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'"gpt-4o"', "gpt-4o"),
        (rb'"gpt\u002d4o"', "gpt-4o"),
        (b'""', ""),
        (b"4", None),
        (b"null", None),
        (b'["gpt-4o"]', None),
        (b'"\xff"', None),
        (rb'"\ud800"', None),
    ],
)
def test_a_member_is_text_or_nothing(raw: bytes, text: str | None) -> None:
    assert body.text_of(members_of(object_of([(b"model", raw), (b"half", rb'"\ud800"')], b" ")), "model") == text


def test_an_absent_member_is_no_text() -> None:
    assert body.text_of({}, "model") is None


@pytest.mark.parametrize(
    ("raw", "is_true"), [(b"true", True), (b"false", False), (b"null", False), (b"1", False), (b'"true"', False)]
)
def test_only_true_is_true(raw: bytes, is_true: bool) -> None:
    assert body.is_true(members_of(object_of([(b"stream", raw)], b" ")), "stream") is is_true
    assert not body.is_true({}, "stream")
