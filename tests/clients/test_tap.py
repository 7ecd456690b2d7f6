"""What the tap holds back of an answer until the rest has come, at every byte where the rest may be late."""

import itertools

import pytest

from tests.clients.tap import Link

pytestmark = pytest.mark.clients

POST = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\n"
HEAD = GOOD + b"transfer-encoding: chunked\r\n\r\n"
DONE = b"e\r\ndata: [DONE]\n\n\r\n"
END = b"0\r\n\r\n"
FULL = b"HTTP/1.1 429 Too Many\r\ncontent-length: 5\r\n\r\nlater"
CHUNKED = b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n" + END
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def shown(came: bytes, asked: bytes = POST) -> list[bytes]:
    """What the client has after each byte that came."""
    link = Link(1, itertools.count())
    link.sent += asked
    seen = []
    for byte in came:
        link.received.append(byte)
        seen.append(bytes(link.received[: link.ripe()]))
    return seen


@pytest.mark.parametrize("failure", [FULL, CHUNKED])
def test_a_failure_comes_whole(failure: bytes) -> None:
    assert set(shown(failure)) == {b"", failure}
    assert set(shown(CONTINUE + failure)) == {b"", CONTINUE, CONTINUE + failure}
    assert shown(HEAD + END + failure, POST * 2)[-2:] == [HEAD + END, HEAD + END + failure]


def test_a_failure_that_ends_with_its_connection_is_held_to_its_end() -> None:
    assert set(shown(b"HTTP/1.1 502 No\r\n\r\nsorry")) == {b""}


def test_a_stream_comes_as_it_does_but_for_what_may_be_its_end() -> None:
    seen = shown(HEAD + DONE + DONE + END)
    assert HEAD in seen
    assert HEAD + DONE in seen
    assert {one for one in seen if one.count(b"[DONE]\n\n") == 2} == {HEAD + DONE + DONE + END}


def test_what_has_a_length_and_what_has_no_body_come_as_they_do() -> None:
    body = GOOD + b"content-length: 3\r\n\r\nyes"
    assert shown(body)[-3:] == [body[:-2], body[:-1], body]
    head = b"HTTP/1.1 404 None\r\ncontent-length: 9\r\n\r\n"
    assert set(shown(head, POST.replace(b"POST", b"HEAD"))) == {b"", head}
