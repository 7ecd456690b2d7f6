"""Small fields picked out of a form that passes in any pieces; what cannot be parsed is not read."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.body import text_of
from proxy.multipart import FormReader, find_boundary
from tests.proxy.forms import BOUNDARY, CONTENT_TYPE, form
from tests.proxy.samples.feeding import pieces


def read(*chunks: bytes, boundary: bytes = BOUNDARY.encode()) -> FormReader:
    reader = FormReader(boundary)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def texts(reader: FormReader) -> dict[str, str | None]:
    members = reader.members
    return {name: text_of(members, name) for name in members}


FIELDS = {"model": "whisper-1", "response_format": "verbose_json", "stream": "true", "prompt": "Zürich\r\n--a9f0c\r\n"}
FILE = b"RIFF\r\n--a9f0c\r\n\r\n--\x00\xff" + b'--a9f0c3\r\nContent-Disposition: form-data; name="model"\r\n\r\nno\r\n'


@pytest.mark.parametrize("is_file_first", [False, True])
def test_the_fields_are_found_at_any_cut(is_file_first: bool) -> None:
    body = form(FIELDS, FILE, file_first=is_file_first)
    for cut in range(len(body) + 1):
        reader = read(body[:cut], body[cut:])
        assert texts(reader) == FIELDS, cut
        assert reader.is_streamed


@given(
    fields=st.dictionaries(st.from_regex(r"[a-z_\[\]]{1,12}", fullmatch=True), st.text(max_size=30), max_size=5),
    file=st.binary(max_size=80),
    cuts=st.lists(st.integers(0, 900), max_size=8),
)
def test_any_form_is_read_as_it_was_written(fields: dict[str, str], file: bytes, cuts: list[int]) -> None:
    body = form(fields, file)
    assert texts(read(*pieces(body, [min(cut, len(body)) for cut in cuts]))) == fields


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (CONTENT_TYPE, BOUNDARY),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b:c"', "a b:c"),
        ("multipart/form-data", ""),
        ("multipart/mixed; boundary=x", ""),
        ("application/json; boundary=x", ""),
        ("", ""),
    ],
)
def test_the_boundary_is_that_of_the_content_type(content_type: str, boundary: str) -> None:
    assert find_boundary(content_type.encode()) == boundary.encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"no form", b"--", b"--a9f0c2", b"--a9f0c2\r\n\r\n\r\n", b"--a9f0c2\r\n: x\r\n", b"\xff" * 99, b"--a9f0c2--"],
)
def test_what_is_no_form_is_not_read(body: bytes) -> None:
    assert texts(read(body, body)) == {}


def test_what_came_before_the_fault_is_kept() -> None:
    body = form({"model": "whisper-1"}) + b"\x00 --a9f0c2\r\n"
    assert texts(read(body)) == {"model": "whisper-1"}
    assert texts(read(b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm', boundary=b"x" * 5000)) == {}


def test_a_long_value_and_the_thousandth_part_are_not_kept() -> None:
    assert texts(read(form({"prompt": "x" * 1025, "model": "m" * 1024}))) == {"model": "m" * 1024}
    many = form({f"field{number}": "x" for number in range(5000)})
    assert 200 < len(texts(read(*pieces(many, list(range(0, len(many), 900)))))) < 300


@pytest.mark.parametrize("value", ["true", "True", "1", " true "])
def test_a_form_may_ask_for_a_stream(value: str) -> None:
    assert read(form({"stream": value})).is_streamed
    assert not read(form({"stream": "false", "stream2": value})).is_streamed


@pytest.mark.parametrize("name", ["_aipromptcost", "_aipromptcost[prompt_key]", "_aipromptcost[feature_tags][]"])
def test_metadata_in_a_form_is_noticed_and_not_kept(name: str) -> None:
    reader = read(form({"model": "m", name: "x"}))
    assert reader.has_metadata
    assert texts(reader) == {"model": "m"}
    assert not read(form({"model": "_aipromptcost", "x_aipromptcost": "1"})).has_metadata


def test_a_large_file_costs_no_memory() -> None:
    body = form(FIELDS, b"\r\n--a9f0c" * 2_000_000)
    reader = FormReader(BOUNDARY.encode())
    tracemalloc.start()
    try:
        for start in range(0, len(body), 65_536):
            reader.feed(body[start : start + 65_536])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 500_000
    assert texts(reader) == FIELDS


@pytest.mark.parametrize(
    "endless",
    [
        b"Content-Disposition: form-data; name=" + b"x" * 8_000_000,
        b"X" * 8_000_000,
        b"X: y\r\n" * 1_000_000,
        b"Content-Disposition: form-data" + b"; a=b" * 1_000_000,
    ],
    ids=["value", "name", "headers", "parameters"],
)
def test_the_head_of_a_part_has_limits(endless: bytes) -> None:
    """python-multipart's own: 4 KiB a header, eight headers."""
    reader = FormReader(BOUNDARY.encode())
    reader.feed(b"--" + BOUNDARY.encode() + b"\r\n")
    tracemalloc.start()
    try:
        for start in range(0, len(endless), 65_536):
            reader.feed(endless[start : start + 65_536])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 500_000
    assert texts(reader) == {}


def test_a_file_made_of_what_looks_like_boundaries_is_read_up_to_a_limit() -> None:
    """The parser takes two microseconds for each."""
    for count, expected in ((50_000, FIELDS), (200_000, {})):
        body = form(FIELDS, (b"\r\n--" + BOUNDARY.encode() + b"x") * count, file_first=True)
        assert texts(read(*pieces(body, list(range(0, len(body), 65_536))))) == expected
