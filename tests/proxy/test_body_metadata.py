"""Reading our metadata: what is taken as it is, what is coerced, and what is dropped with a warning."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import body
from proxy.body import NO_METADATA, Metadata

PROMPT_KEY = "prompt_key dropped: it must be text of at most 128 characters, no control characters"
VERSION = "version dropped: it must be a whole number from 1 to 2147483647"


def read(content: bytes) -> Metadata:
    """The metadata of a request body."""
    members = body.split(content)
    assert members is not None
    return body.take_metadata(members)


def metadata_of(value: object) -> Metadata:
    return read(json.dumps({"model": "m", "_aipromptcost": value}).encode())


def tag_warning(position: int) -> str:
    return f"feature_tags: tag {position} dropped: it must be text of at most 64 characters"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("greeting", "greeting"),
        ("  greeting\n", "greeting"),
        ("grüße 😀", "grüße 😀"),
        ("x" * 128, "x" * 128),
        (12, "12"),
        (1.5, "1.5"),
        ("", ""),
        ("  ", ""),
        (None, ""),
        ("unknown", ""),
        (" unknown ", ""),
        ("Unknown", "Unknown"),
    ],
)
def test_a_prompt_key_is_text(value: object, key: str) -> None:
    assert metadata_of({"prompt_key": value, "version": 1}) == Metadata(key, version=1)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 129,
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x9fb",
        "a\u2028b",
        "a\u2029b",
        "\ud800",
        "a\ude00",
        True,
        False,
        [],
        ["a"],
        {},
        10**200,
    ],
)
def test_a_prompt_key_that_cannot_be_used_is_dropped_alone(value: object) -> None:
    assert metadata_of({"prompt_key": value, "version": 1}) == Metadata(version=1, warnings=(PROMPT_KEY,))


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["a", "b"], ("a", "b")),
        (["b", "a", "b"], ("b", "a")),
        ([" a ", "a", ""], ("a",)),
        ("one", ("one",)),
        ("a,b", ("a,b",)),
        ([1, 2.5], ("1", "2.5")),
        (7, ("7",)),
        ([], ()),
        (None, ()),
        ("", ()),
        (["x" * 64], ("x" * 64,)),
        ([str(number) for number in range(20)] * 3, tuple(str(number) for number in range(20))),
        (["untagged"], ("untagged",)),
    ],
)
def test_tags_are_a_list_of_texts(value: object, tags: tuple[str, ...]) -> None:
    assert metadata_of({"feature_tags": value}) == Metadata(tags=tags)


@pytest.mark.parametrize("bad", ["x" * 65, "a\x00", "a\nb", "\ud83d", True, None, {"a": 1}, ["a"], 10**100])
def test_a_tag_that_cannot_be_used_is_dropped_alone(bad: object) -> None:
    found = metadata_of({"feature_tags": ["a", bad, "b"], "prompt_key": "k"})
    assert found == Metadata("k", ("a", "b"), warnings=(tag_warning(2),))


def test_tags_that_are_no_list_are_dropped() -> None:
    assert metadata_of({"feature_tags": {"a": 1}}) == Metadata(warnings=(tag_warning(1),))


def test_more_than_twenty_tags_are_cut() -> None:
    found = metadata_of({"feature_tags": [f"t{number}" for number in range(30)]})
    assert found.tags == tuple(f"t{number}" for number in range(20))
    assert found.warnings == ("feature_tags: only the first 20 tags are kept",)


def test_warnings_are_few_however_many_tags_are_bad() -> None:
    assert len(metadata_of({"feature_tags": [None] * 10_000}).warnings) == 5


@pytest.mark.parametrize(
    ("value", "version"),
    [(1, 1), (2**31 - 1, 2**31 - 1), ("2", 2), (" 02 ", 2), (3.0, 3), (None, 0), ("", 0)],
)
def test_a_version_is_a_whole_number(value: object, version: int) -> None:
    assert metadata_of({"version": value, "prompt_key": "k"}) == Metadata("k", version=version)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**31,
        1.5,
        "v2",
        "1.0",
        "-1",
        "٣",
        "²",
        "1_0",
        "9" * 30,
        " ",
        True,
        False,
        [1],
        {},
        10**300,
        1e300,
        float("1e22"),
    ],
)
def test_a_version_that_cannot_be_used_is_dropped_alone(value: object) -> None:
    assert metadata_of({"version": value, "prompt_key": "k"}) == Metadata("k", warnings=(VERSION,))


def test_a_number_beyond_all_bounds_costs_its_own_field_only() -> None:
    assert read(b'{"_aipromptcost":{"prompt_key":"k","version":1e400}}') == Metadata("k", warnings=(VERSION,))


@pytest.mark.parametrize(
    ("value", "warnings"),
    [
        (None, ()),
        ({}, ()),
        ([], ("_aipromptcost is not an object and was ignored",)),
        ("greeting", ("_aipromptcost is not an object and was ignored",)),
        ({"promptKey": "x", "tags": []}, ("_aipromptcost has 2 unknown field(s), ignored",)),
        ({"\ud800": 1}, ("_aipromptcost has 1 unknown field(s), ignored",)),
    ],
)
def test_metadata_of_another_shape_are_ignored(value: object, warnings: tuple[str, ...]) -> None:
    assert metadata_of(value) == Metadata(warnings=warnings)


def test_metadata_of_64_kib_are_read_and_larger_ones_are_not() -> None:
    """A list of a million tags is not built to keep twenty of them."""
    rest = body.MAX_METADATA_BYTES - len('{"prompt_key":"a","x":""}')
    for more, expected in ((0, "a"), (1, "")):
        content = f'{{"_aipromptcost":{{"prompt_key":"a","x":"{"y" * (rest + more)}"}}}}'.encode()
        found = read(content)
        assert found.prompt_key == expected
        assert found.warnings == (
            ("_aipromptcost is larger than 65536 bytes and was ignored",)
            if more
            else ("_aipromptcost has 1 unknown field(s), ignored",)
        )


def test_metadata_that_are_no_utf8_are_ignored() -> None:
    found = read(b'{"_aipromptcost":{"prompt_key":"\xff"},"a":1}')
    assert found == Metadata(warnings=("_aipromptcost is unreadable and was ignored",))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=5),
    max_leaves=8,
)


@given(prompt_key=anything, tags=anything, version=anything)
def test_whatever_the_metadata_say_the_call_goes_on_within_the_limits(prompt_key: Any, tags: Any, version: Any) -> None:
    found = metadata_of({"prompt_key": prompt_key, "feature_tags": tags, "version": version})
    assert len(found.prompt_key) <= 128
    assert found.prompt_key != "unknown"
    assert len(found.tags) <= 20
    assert all(0 < len(tag) <= 64 for tag in found.tags)
    assert 0 <= found.version < 2**31
    assert "\x00" not in "".join((found.prompt_key, *found.tags)).encode().decode()  # no lone surrogate, no NUL
    assert all(warning.isascii() and warning.isprintable() for warning in found.warnings)


# --- Metadata of headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ((None, None, None), NO_METADATA),
        (("", "", ""), NO_METADATA),
        (("greeting", "a, b ,,a", "3"), Metadata("greeting", ("a", "b"), 3)),
        (("unknown", ",", None), NO_METADATA),
        (("k" * 129, None, "three"), Metadata(warnings=(PROMPT_KEY, VERSION))),
        ((None, "x" * 65 + ",b", None), Metadata(tags=("b",), warnings=(tag_warning(1),))),
    ],
)
def test_headers_say_the_same(headers: tuple[str | None, str | None, str | None], read: Metadata) -> None:
    assert body.metadata_of_headers(*headers) == read


def test_the_body_wins_field_by_field() -> None:
    of_body = Metadata("body", (), 3, ("of the body",))
    of_headers = Metadata("header", ("a",), 4, ("of the headers",))
    assert body.overlay(of_body, of_headers) == Metadata("body", ("a",), 3, ("of the body", "of the headers"))
