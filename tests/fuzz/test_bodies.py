"""Splitting a request's body, with Python's own parser as the oracle; what is read of its metadata."""

import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from proxy import body as bodies
from tests.fuzz.nasty import JSON_BITS, faulty, json_objects, some_of, texts, values


class NoJson(ValueError):
    pass


def _refuse(name: str) -> None:
    raise NoJson(name)


def oracle(body: bytes) -> Any:
    """The value, objects as their last members. Raises `NoJson`; UTF-8 faults are looked at where they matter."""
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NoJson from error


def is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_split(body: bytes) -> None:
    try:
        expected = oracle(body)
    except NoJson:
        expected = NoJson
    try:
        members = bodies.split(body)
    except bodies.MalformedBody:
        is_refused = True
    else:
        is_refused = False
    if is_refused:
        assert expected is NoJson or not is_utf8(body), "refused"
        return
    assert expected is not NoJson, "taken"
    if not isinstance(expected, dict):
        assert members is None
        return
    assert members is not None
    found = {name: oracle(bytes(value)) for name, value in members.items()}
    assert found == expected
    assert all(bytes(value) in body for value in members.values()), "a value is not what was sent"
    bodies.take_metadata(members)
    joined = oracle(bodies.join(members))
    assert joined == {name: value for name, value in expected.items() if name != bodies.METADATA_MEMBER}


@given(faulty(json_objects(), JSON_BITS))
@example(rb'{"a":"\ud800","\\ud800":1,"\ud800":2}')
@example(rb'{"\u005faipromptcost":1,"a":"\ud800","_aipromptcost":2}')
@example(b'{"":"\xff"}')
@example(rb'{"a":"\\\ud8"}')
def test_a_body_is_split_as_a_parser_reads_it(body: bytes) -> None:
    check_split(body)


@given(some_of(JSON_BITS))
@example(b"")
@example(b"\xef\xbb\xbf\xef\xbb\xbf{}")
@example(b'"\\ud800"')
@example(b"[1]")
def test_what_looks_like_json_is_split_as_a_parser_reads_it(body: bytes) -> None:
    check_split(body)


metadata = st.fixed_dictionaries(
    {}, optional={"prompt_key": values, "feature_tags": st.lists(values, max_size=30) | values, "version": values}
)


def check(found: bodies.Metadata) -> None:
    assert len(found.prompt_key) <= bodies.MAX_PROMPT_KEY
    assert len(found.tags) == len(set(found.tags)) <= bodies.MAX_TAGS
    assert all(0 < len(tag) <= bodies.MAX_TAG for tag in found.tags)
    assert 0 <= found.version <= bodies.MAX_VERSION
    assert all(text.isprintable() or text >= "\u00a0" for text in (*found.prompt_key, *"".join(found.tags)))
    assert len(found.warnings) <= 10
    "".join((found.prompt_key, *found.tags)).encode()
    ("; ".join(found.warnings)).encode("ascii")


@given(metadata | values)
def test_any_metadata_is_read_within_its_bounds(value: Any) -> None:
    members = {bodies.METADATA_MEMBER: msgspec.Raw(json.dumps(value).encode())}
    check(bodies.take_metadata(members))
    assert members == {}


@given(some_of(JSON_BITS))
def test_unreadable_metadata_is_left_with_a_warning(raw: bytes) -> None:
    check(bodies.take_metadata({bodies.METADATA_MEMBER: msgspec.Raw(raw)}))


@given(st.none() | texts, st.none() | texts, st.none() | texts)
def test_any_headers_of_ours_are_read_within_their_bounds(
    key: str | None, tags: str | None, version: str | None
) -> None:
    check(bodies.overlay(bodies.metadata_of_headers(key, tags, version), bodies.metadata_of_headers(tags, key, None)))
