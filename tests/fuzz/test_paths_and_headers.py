"""Where a call may go and which headers go along, whatever is sent: judged by other libraries than ours."""

import posixpath
import re
import unicodedata
from contextlib import nullcontext
from urllib.parse import unquote, urlsplit

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from proxy import headers as heads
from proxy.call import find_target
from proxy.errors import Refusal
from proxy.providers import PROVIDERS
from proxy.providers.base import Header
from tests.fuzz.nasty import some_of

PATH_BITS = [
    *(b"/", b"//", b".", b"..", b"%2e", b"%2E", b"%252e", b"%25", b"%2f", b"%5c", b"\\", b"@", b":", b"evil.example"),
    *(b"http:", b"https://", b"[::1]", b"#", b"?", b";", b"%c0%ae", b"%ef%bc%8e", b"%0d%0a", b"\r\n", b" ", b"%20"),
    *(
        b"chat/completions",
        b"v1",
        b"\x00",
        b"%00",
        b"\xc3\xa9",
        b"%C3%A9",
        b"%",
        b"%u002e",
        b"a",
        b"*",
        b"~",
        b"%e2%80%a5",
    ),
]
ORIGINS = ["https://api.openai.com/v1", "http://127.0.0.1:9/gate/way"]


def decoded_often(path: str) -> list[str]:
    found = [path]
    while len(found) < 12 and unquote(found[-1]) != found[-1]:
        found.append(unquote(found[-1]))
    return found


@given(some_of(PATH_BITS, most=8), some_of(PATH_BITS, most=3), st.sampled_from(ORIGINS))
@example(b"..?", b"", ORIGINS[0])
@example(b"..%3f", b"", ORIGINS[0])
def test_a_call_goes_below_the_configured_address_or_nowhere(route: bytes, query: bytes, origin: str) -> None:
    try:
        target = find_target("POST", b"/api/proxy/v1/openai/" + route, query)
    except Refusal:
        return
    sent = target.path_and_query
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    configured = urlsplit(origin)
    by_yarl = yarl.URL(origin + sent, encoded=True)
    by_python = urlsplit(origin + sent)
    assert (by_yarl.host, by_yarl.port or 443, by_yarl.user) == (configured.hostname, configured.port or 443, None)
    assert (by_python.netloc, by_python.fragment) == (configured.netloc, "")
    assert by_yarl.raw_path_qs == by_python.path + (f"?{by_python.query}" if by_python.query else "")
    for path in decoded_often(by_python.path):
        meant = unicodedata.normalize("NFKC", re.sub(r"[;?#][^/]*", "", path)).replace("\\", "/")
        meant = "/".join(segment.strip() for segment in meant.split("/"))
        assert f"{posixpath.normpath(meant)}/".startswith(configured.path + "/"), path
        assert not re.search(r"[\r\n\x00\ufffd]", path)


NAMES = st.sampled_from(
    b"authorization x-api-key api-key cookie x-provider-key host content-length transfer-encoding connection te "
    b"content-type x-aipc-tags x-forwarded-for x_provider_key content_length transfer_encoding x-sandbox "
    b"upgrade accept-encoding anthropic-version x-kept proxy-authorization x_forwarded_for expect".split()
)
VALUES = st.sampled_from(
    [b"", b"apc_secret", b"Bearer apc_secret", b"x-kept, close", b"chunked", b"9", b"gzip, br", b"k"]
)
lists = st.lists(st.tuples(NAMES, VALUES), max_size=12)


@given(lists, st.sampled_from(["openai", "anthropic"]))
def test_one_credential_leaves_and_nothing_that_frames_or_was_meant_for_us(sent: list[Header], name: str) -> None:
    provider = PROVIDERS[name]
    found = heads.upstream_headers(sent, provider, b"sk-1", decoded=False, identity=False)
    meant = [key.replace(b"_", b"-") for key, _ in found]
    assert not {b"host", b"content-length", b"transfer-encoding", b"connection", b"te", b"upgrade"} & set(meant)
    assert not any(key.startswith((b"x-aipc-", b"x-forwarded-")) for key in meant)
    credentials = {b"authorization", b"x-api-key", b"api-key", b"cookie", b"x-provider-key", b"proxy-authorization"}
    carrying = [header for header, key in zip(found, meant, strict=True) if key in credentials]
    assert carrying == [provider.credential(b"sk-1")]


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=12)), max_size=5), st.integers(200, 599))
def test_what_comes_back_can_be_written_as_headers(answered: list[Header], status: int) -> None:
    answered = [(name.lower(), value) for name, value in answered]
    for name, value in heads.client_headers(answered, status=status, call_id="id", drop_length=False):
        assert re.fullmatch(rb"[!#-'*+.0-9A-Z^-z|~-]+", name)
        assert not re.search(rb"[\x00-\x08\n-\x1f\x7f]", value)


@given(lists)
def test_ambiguous_headers_are_refused_and_others_are_not(sent: list[Header]) -> None:
    once = {b"authorization", b"x-api-key", b"x-provider-key", b"content-type", b"x-sandbox", b"x-aipc-tags"}
    values: dict[bytes, set[bytes]] = {}
    for name, value in sent:
        values.setdefault(name, set()).add(value)
    is_ambiguous = any(len(found) > 1 for name, found in values.items() if name in once)
    with pytest.raises(Refusal) if is_ambiguous else nullcontext():
        heads.refuse_ambiguous(sent)
