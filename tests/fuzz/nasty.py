"""What fuzzing is made of: bytes that mean something to the reader under test, well-formed ones with a few faults."""

import itertools
import json
import random
from typing import Any

from hypothesis import strategies as st

NAMES = ["usage", "model", "_aipromptcost", "stream", "messages", "choices", 'o"dd\\', "é", "\ud800", "", "a"]
JSON_BITS = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"',
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\udc00",
        b"\\ud83d\\ude00",
        b"\\\\",
        b"\n",
    ),
    *(b"null", b"true", b"1e9", b"-0", b"01", b"NaN", b"\xff", b"\xc3\xa9", b"\x00", b" ", b"\\n", b"\xef\xbb\xbf"),
    *(b'"_aipromptcost":', b'"\\u005faipromptcost":', b'"usage":{"prompt_tokens":7}', b"~", b"\\x", b"u12"),
]

names = st.sampled_from(NAMES) | st.text(max_size=4)
texts = st.text(max_size=12) | st.sampled_from(["\ud800", "a\udfff", "\\ud800", "\\", '"', "\u2028", "~\n"])
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
objects = st.lists(st.tuples(names, values), max_size=6)


@st.composite
def json_objects(draw: st.DrawFn) -> bytes:
    """A well-formed object in any spelling: duplicate names, white space anywhere, escapes where none is needed."""
    spelling = random.Random(draw(st.integers(0, 2**32)))
    pairs = draw(objects)
    is_ascii = spelling.random() < 0.5

    def space() -> str:
        return spelling.choice(["", "", "", " ", "\n", "\t\r\n "])

    def spell(value: Any) -> str:
        if isinstance(value, str):
            escaped = "".join(
                f"\\u{ord(c):04x}"
                if spelling.random() < 0.1 and ord(c) < 0x10000
                else json.dumps(c)[1:-1]
                if is_ascii or 0xD800 <= ord(c) < 0xE000
                else json.dumps(c, ensure_ascii=False)[1:-1]
                for c in value
            )
            return f'"{escaped}"'
        if isinstance(value, list):
            return "[" + ",".join(space() + spell(item) + space() for item in value) + "]"
        if isinstance(value, dict):
            return spell_pairs(list(value.items()))
        return json.dumps(value)

    def spell_pairs(members: list[tuple[str, Any]]) -> str:
        spelled = (f"{space()}{spell(name)}{space()}:{space()}{spell(value)}{space()}" for name, value in members)
        return "{" + ",".join(spelled) + (space() if not members else "") + "}"

    return f"{space()}{spell_pairs(pairs)}{space()}".encode()


@st.composite
def faulty(draw: st.DrawFn, sound: st.SearchStrategy[bytes], bits: list[bytes]) -> bytes:
    """`sound` with up to four faults: something put in, cut out, or doubled."""
    text = draw(sound)
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 6))
        kind = draw(st.sampled_from(["insert", "cut", "double", "replace"]))
        piece = text[at : at + length] if kind == "double" else draw(st.sampled_from(bits))
        end = at if kind in {"insert", "double"} else at + length
        text = text[:at] + (b"" if kind == "cut" else piece) + text[end:]
    return text


@st.composite
def cut_up(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> list[bytes]:
    """The bytes in pieces: as they may come from a network."""
    text = draw(whole)
    if draw(st.integers(0, 9)) == 0:
        return [text[at : at + 1] for at in range(len(text))]
    cuts = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=8))})
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


def some_of(bits: list[bytes], most: int = 25) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(bits), max_size=most).map(b"".join)
