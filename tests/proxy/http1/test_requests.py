"""The head of a request: what goes out is what was given, and nothing that was given can say more than it should."""

import pytest

from proxy.http1.requests import BadRequest, RequestHead, encode
from proxy.providers.base import Header


def head(
    headers: list[Header] | None = None,
    *,
    method: str = "POST",
    target: bytes = b"/v1/x",
    has_body: bool = True,
    length: int | None = 2,
) -> RequestHead:
    return encode(method, target, b"api.example.com:8443", headers or [], has_body=has_body, length=length)


def test_the_head_is_what_was_given_in_its_order_and_what_frames_the_body() -> None:
    given = [(b"X-B", b"caf\xc3\xa9 \x80\t"), (b"x-a", b""), (b"X-B", b"2")]
    assert head(given).raw == (
        b"POST /v1/x HTTP/1.1\r\nhost: api.example.com:8443\r\n"
        b"X-B: caf\xc3\xa9 \x80\t\r\nx-a: \r\nX-B: 2\r\ncontent-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize("target", [b"/", b"/v1/a%2Fb+c%20d?x=[]{}|^`<>\"'&y=%7e~", b"/a//b/../c?u=http://x/"])
def test_the_target_is_not_touched(target: bytes) -> None:
    assert head(target=target).raw.startswith(b"POST " + target + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("headers", "has_body", "length", "framing"),
    [
        ([], False, None, b""),
        ([], True, 0, b"content-length: 0\r\n"),
        ([], True, 7, b"content-length: 7\r\n"),
        ([], True, None, b"transfer-encoding: chunked\r\n"),
        ([(b"Content-Length", b"9")], True, None, b"Content-Length: 9\r\n"),
        ([(b"content-length", b"9")], True, 9, b"content-length: 9\r\n"),
    ],
)
def test_the_body_is_framed_in_one_way(
    headers: list[Header], has_body: bool, length: int | None, framing: bytes
) -> None:
    raw = head(headers, has_body=has_body, length=length).raw
    assert raw == b"POST /v1/x HTTP/1.1\r\nhost: api.example.com:8443\r\n" + framing + b"\r\n"


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nevil: 1"),
        (b"x", b"a\nevil: 1"),
        (b"x", b"a\revil: 1"),
        (b"x", b"a\r\n\r\nGET / HTTP/1.1"),
        (b"x", b"a\0b"),
        (b"x\r\nevil", b"1"),
        (b"x: y\r\nevil", b"1"),
        (b"x ", b"1"),
        (b"x:", b"1"),
        (b"", b"1"),
        (b"caf\xe9", b"1"),
        (b"host", b"evil"),
        (b"Host", b"evil"),
        (b"transfer-encoding", b"chunked"),
        (b"Transfer-Encoding", b"identity"),
        (b"content-length", b"3"),
        (b"content-length", b"x"),
        (b"content-length", b""),
        (b"content-length", b"2, 2"),
        (b"Content-Length", b"+2"),
    ],
)
def test_a_header_that_says_more_than_one_thing_is_refused(header: Header) -> None:
    with pytest.raises(BadRequest):
        head([(b"a", b"b"), header, (b"c", b"d")])


def test_a_length_without_a_body_and_a_length_twice_are_refused() -> None:
    with pytest.raises(BadRequest):
        head([(b"content-length", b"2")], has_body=False, length=None)
    with pytest.raises(BadRequest):
        head([(b"content-length", b"2"), (b"Content-Length", b"2")])


@pytest.mark.parametrize("target", [b"", b"x", b"*", b"/a b", b"/a\r\nx: y", b"/a\nb", b"/a\tb", b"/\x7f", b"/caf\xe9"])
def test_a_target_with_bytes_that_end_it_is_refused(target: bytes) -> None:
    with pytest.raises(BadRequest):
        head(target=target)


@pytest.mark.parametrize("method", ["", "GET ", "G\nT", "GET /", "café"])
def test_a_method_that_is_no_token_is_refused(method: str) -> None:
    with pytest.raises(BadRequest):
        head(method=method)


def test_what_the_caller_says_of_the_connection_is_known() -> None:
    assert head([(b"Connection", b"Close")]).closes
    assert not head([(b"x-connection", b"close")]).closes
    assert head([(b"Expect", b"100-Continue")]).expects
    assert not head([(b"expect", b"100-continue")], has_body=False, length=None).expects
    assert [head(method=method).is_safe for method in ("GET", "HEAD", "POST", "PUT", "DELETE")] == [True] * 2 + [
        False
    ] * 3
