"""Forms: any cut tells the same, whatever stands in them, and what Python's own parser finds is found."""

import email.parser
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from proxy.body import text_of
from proxy.multipart import FormReader, find_boundary
from tests.fuzz.nasty import cut_up, faulty, some_of
from tests.proxy.forms import BOUNDARY, CONTENT_TYPE, form

EDGE = BOUNDARY.encode()
BITS = [
    *(
        b"--" + EDGE,
        b"\r\n--" + EDGE,
        b"\r\n--" + EDGE + b"\r\n",
        b"\r\n--" + EDGE + b"--",
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
    ),
    *(b'Content-Disposition: form-data; name="model"', b'; filename="x"', b'name="stream"', b"true", b":", b'"', b"\\"),
    *(b"\r\n\r\n", b"x", b"\x00", b"\xff", b"; name*=utf-8''m", b"X" * 5000, b"Content-Type: text/plain\r\n", EDGE),
]
fields = st.dictionaries(st.from_regex(r"[a-z_\[\]]{1,8}", fullmatch=True), st.text(max_size=12), max_size=4)
forms = st.builds(form, fields, st.binary(max_size=40), file_first=st.booleans())


def read(pieces: list[bytes]) -> tuple[dict[str, str | None], bool, bool]:
    reader = FormReader(EDGE)
    for piece in pieces:
        reader.feed(piece)
    members = reader.members
    return {name: text_of(members, name) for name in members}, reader.is_streamed, reader.has_metadata


@given(cut_up(faulty(forms, BITS) | some_of(BITS)))
def test_a_form_tells_the_same_at_any_cut(pieces: list[bytes]) -> None:
    assert read(pieces) == read([b"".join(pieces)])


@given(fields, st.binary(max_size=40))
def test_a_form_tells_what_a_parser_of_mail_finds(fields: dict[str, str], file: bytes) -> None:
    body = form(fields, file)
    head = f"Content-Type: {CONTENT_TYPE}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found = {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True)).decode()
        for part in message.iter_parts()
        if part.get_filename() is None
    }
    told, _, has_metadata = read([body])
    assert told == {name: text for name, text in found.items() if not name.startswith("_aipromptcost")}
    assert has_metadata == any(name.partition("[")[0] == "_aipromptcost" for name in found)


@given(
    some_of([b"multipart/form-data", b";", b" ", b"boundary", b"=", b'"', b"\\", b"x", b"\xff", b"*", b"=?utf-8?q?"])
)
def test_any_content_type_has_a_boundary_or_none(content_type: bytes) -> None:
    FormReader(find_boundary(content_type) or b"x").feed(b"--x\r\n")
