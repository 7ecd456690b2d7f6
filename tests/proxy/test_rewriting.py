"""Addresses of results that lead back through the proxy, in answers that are otherwise left byte for byte."""

import asyncio
import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers import PROVIDERS
from proxy.providers.base import Header
from proxy.rewriting import AddressRewriter, RewrittenAnswer, is_needed
from proxy.upstream import UpstreamBroken
from tests.proxy.samples.feeding import pieces

BASE = "https://costs.example.com/api/proxy/v1/anthropic"
THEIRS = "https://api.anthropic.com/v1/messages/batches/msgbatch_01/results"
OURS = f"{BASE}/v1/messages/batches/msgbatch_01/results"


def rewritten(*chunks: bytes) -> bytes:
    rewriter = AddressRewriter(BASE)
    return b"".join([*[rewriter.feed(chunk) for chunk in chunks], rewriter.finish()])


DOCUMENT = json.dumps(
    {
        "text": '"results_url": "https://api.anthropic.com/v1/messages/batches/x/results" \\',
        "data": [
            {"id": "a", "results_url": THEIRS},
            {"results_url": None},
            {"id": "results_url", "results_url": THEIRS},
        ],
        "x": ["results_url", "\\"],
    },
    indent=1,
).encode()


def test_every_address_is_ours_and_nothing_else_is_changed_at_any_cut() -> None:
    expected = DOCUMENT.replace(f'"results_url": "{THEIRS}"'.encode(), f'"results_url": "{OURS}"'.encode())
    assert expected.count(OURS.encode()) == 2
    for cut in range(len(DOCUMENT) + 1):
        assert rewritten(DOCUMENT[:cut], DOCUMENT[cut:]) == expected, cut
    assert rewritten(*pieces(DOCUMENT, list(range(len(DOCUMENT))))) == expected


_PATH = "/v1/messages/batches/b/results"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (f"http://gateway:8080/anthropic{_PATH}?beta=true", f"{BASE}{_PATH}?beta=true"),
        ("https://api.anthropic.com/messages/batches/b/results", f"{BASE}/messages/batches/b/results"),
        (f"https://api.anthropic.com{_PATH}".replace("/", "\\/"), f"{BASE}{_PATH}"),
        ("https://storage.example.com/b/results", "https://storage.example.com/b/results"),
        ("https://[", "https://["),
        (_PATH, _PATH),
        ("", ""),
    ],
)
def test_an_address_is_ours_wherever_the_provider_has_it(address: str, expected: str) -> None:
    body = f'{{"results_url" :\n"{address}"}}'.encode()
    assert json.loads(rewritten(body)) == {"results_url": expected}


@given(
    document=st.recursive(
        st.none() | st.integers() | st.text() | st.just("results_url"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=4) | st.just("results_url"), inner, max_size=3)
        ),
        max_leaves=10,
    ),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_other_documents_pass_as_they_are(document: object, cuts: list[int]) -> None:
    text = json.dumps(document).encode()
    assert rewritten(*pieces(text, [min(cut, len(text)) for cut in cuts])) == text


def test_an_endless_member_is_not_held_for_ever() -> None:
    rewriter = AddressRewriter(BASE)
    passed = rewriter.feed(b'{"results_url": "')
    passed += b"".join(rewriter.feed(b"x" * 1000) for _ in range(40))
    assert len(passed) > 20_000


class _Answer:
    status = 200

    def __init__(self, chunks: list[bytes], headers: list[Header]) -> None:
        self._chunks, self.headers = chunks, headers

    async def read(self) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""

    def abort(self) -> None:
        self._chunks.clear()


@pytest.mark.parametrize(
    ("encoding", "compress"), [(b"", bytes), (b"gzip", gzip.compress), (b"deflate", zlib.compress)]
)
def test_a_compressed_answer_comes_plain_and_without_a_length(encoding: bytes, compress: type[bytes]) -> None:
    sent = compress(DOCUMENT)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(sent)), (b"request-id", b"r")]
    answer = RewrittenAnswer(_Answer([sent[:20], sent[20:]], [*headers, (b"content-encoding", encoding)]), BASE)

    async def whole() -> bytes:
        body = b""
        while part := await answer.read():
            body += part
        return body

    assert asyncio.run(whole()) == rewritten(DOCUMENT)
    assert answer.headers == [headers[0], headers[2]]


@pytest.mark.parametrize("sent", [gzip.compress(DOCUMENT)[:-9], b"\x1f\x8b but no gzip", b""])
def test_compressed_data_that_is_no_whole_breaks_the_answer_off(sent: bytes) -> None:
    answer = RewrittenAnswer(_Answer([sent], [(b"content-encoding", b"gzip")]), BASE)

    async def read_all() -> None:
        while await answer.read():
            pass

    with pytest.raises(UpstreamBroken):
        asyncio.run(read_all())


@pytest.mark.parametrize(
    ("provider", "method", "path", "content_type", "encoding", "expected"),
    [
        ("anthropic", "GET", "messages/batches/b", b"application/json", b"", True),
        ("anthropic", "GET", "messages/batches", b"application/json; charset=utf-8", b"gzip", True),
        ("anthropic", "POST", "messages/batches", b"application/json", b"", True),
        ("anthropic", "POST", "messages/batches/b/cancel", b"application/json", b"deflate", True),
        ("anthropic", "GET", "messages/batches/b/results", b"application/x-jsonl", b"", False),
        ("anthropic", "GET", "messages/batches/b", b"application/json", b"br", False),
        ("anthropic", "GET", "messages/batches/b", b"text/html", b"", False),
        ("anthropic", "POST", "messages", b"application/json", b"", False),
        ("openai", "GET", "batches/b", b"application/json", b"", False),
    ],
)
def test_only_answers_about_message_batches_are_rewritten(
    provider: str, method: str, path: str, content_type: bytes, encoding: bytes, expected: bool
) -> None:
    kind = PROVIDERS[provider].find_route(method, path)
    headers = [(b"content-type", content_type), (b"content-encoding", encoding)]
    assert is_needed(PROVIDERS[provider], kind, headers) is expected


def test_a_name_behind_a_name_is_found_at_any_cut() -> None:
    """No JSON, and passed on all the same."""
    text = b'"results_url""results_url":"https://api.anthropic.com/v1/messages/batches/b/results"'
    for cut in range(len(text)):
        assert rewritten(text[:cut], text[cut:]) == rewritten(text) != text, cut
