"""Which keys a call carries, what passes to the provider and what comes back."""

import pytest

from proxy import headers as heads
from proxy.errors import Refusal
from proxy.providers import PROVIDERS
from proxy.providers.base import Header

OPENAI, ANTHROPIC = PROVIDERS["openai"], PROVIDERS["anthropic"]
PLATFORM = b"apc_platform"
CREDENTIALS = {b"authorization", b"x-api-key", b"api-key", b"cookie", b"x-provider-key", b"proxy-authorization"}


def upstream(
    *sent: Header, provider: str = "openai", key: bytes = b"sk-1", decoded: bool = False, identity: bool = False
) -> heads.Headers:
    return heads.upstream_headers(list(sent), PROVIDERS[provider], key, decoded=decoded, identity=identity)


def back(*answered: Header, status: int = 200, drop_length: bool = False) -> heads.Headers:
    headers = heads.client_headers(list(answered), status=status, call_id="id", drop_length=drop_length)
    assert headers.pop() == (b"x-aipc-request-id", b"id")
    return headers


# --- Keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        [(b"authorization", b"Bearer apc_platform")],
        [(b"authorization", b"bearer apc_platform")],
        [(b"authorization", b"  BEARER   apc_platform  ")],
        [(b"x-api-key", b" apc_platform ")],
        [(b"authorization", b"Bearer sk-provider"), (b"x-api-key", b"apc_platform")],
        [(b"authorization", b"Basic dXNlcjpwYXNz"), (b"x-api-key", b"apc_platform")],
        [(b"authorization", b"Bearer apc_platform"), (b"x-api-key", b"sk-ant-provider")],
        [(b"authorization", b"Bearer apc_platform"), (b"x-api-key", b"apc_other")],
    ],
)
def test_the_platform_key_is_the_bearer_token_else_the_api_key(sent: heads.Headers) -> None:
    assert heads.platform_key(sent) == "apc_platform"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([], "The Authorization header is missing."),
        ([(b"authorization", b"")], "The Authorization header is missing."),
        ([(b"authorization", b"apc_platform")], "'Bearer <key>'"),
        ([(b"authorization", b"Bearer sk-provider")], "carries no AI Prompt Cost key"),
        ([(b"authorization", b"Basic apc_platform")], "carries no AI Prompt Cost key"),
        ([(b"authorization", b"Bearer")], "carries no AI Prompt Cost key"),
        ([(b"authorization", b"Bearer \xff\xfe")], "carries no AI Prompt Cost key"),
        ([(b"x-api-key", b"sk-ant-provider")], "carries no AI Prompt Cost key"),
        ([(b"x-provider-key", b"apc_platform")], "The Authorization header is missing."),
    ],
)
def test_a_call_without_a_platform_key_is_refused(sent: heads.Headers, told: str) -> None:
    with pytest.raises(Refusal) as raised:
        heads.platform_key(sent)
    assert (raised.value.status, raised.value.code) == (401, "platform_key_missing")
    assert told in raised.value.message
    assert "sk-" not in raised.value.message


def test_the_provider_key_is_trimmed() -> None:
    assert heads.provider_key([(b"x-provider-key", b" \tsk-1 ")], OPENAI) == b"sk-1"


@pytest.mark.parametrize("sent", [[], [(b"x-provider-key", b"  ")], [(b"x-provider-key", PLATFORM)]])
def test_a_call_without_a_provider_key_is_refused(sent: heads.Headers) -> None:
    with pytest.raises(Refusal) as raised:
        heads.provider_key(sent, ANTHROPIC)
    assert (raised.value.status, raised.value.code) == (401, "provider_key_missing")
    assert "Anthropic" in raised.value.message


@pytest.mark.parametrize(
    ("provider", "key", "credential"),
    [
        ("openai", b"sk-1", (b"authorization", b"Bearer sk-1")),
        ("anthropic", b"sk-ant-api03-1", (b"x-api-key", b"sk-ant-api03-1")),
        ("anthropic", b"sk-ant-oat01-1", (b"authorization", b"Bearer sk-ant-oat01-1")),
    ],
)
def test_exactly_one_credential_goes_upstream(provider: str, key: bytes, credential: Header) -> None:
    sent = [(name, PLATFORM) for name in sorted(CREDENTIALS)] * 2
    found = upstream(*sent, (b"x-kept", b"1"), provider=provider, key=key)
    assert [header for header in found if header[0] in CREDENTIALS] == [credential]
    assert all(PLATFORM not in value for _, value in found)
    assert (b"x-kept", b"1") in found


# --- To the provider --------------------------------------------------------------------------------------------------

PASSED = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"anthropic-beta", b"a,b"),
    (b"anthropic-beta", b"c"),
    (b"openai-organization", b"org-1"),
    (b"openai-project", b"proj_1"),
    (b"idempotency-key", b"k"),
    (b"x-stainless-retry-count", b"1"),
    (b"user-agent", b"OpenAI/Python 3.54"),
    (b"accept", b"text/event-stream"),
    (b"traceparent", b"00-1-2-01"),
    (b"x-request-id", b"mine"),
    (b"x-odd", b" caf\xc3\xa9 \xff "),
    (b"x-empty", b""),
)


def test_end_to_end_headers_pass_as_they_came_and_in_order() -> None:
    assert upstream(*PASSED) == [*PASSED, (b"authorization", b"Bearer sk-1")]


@pytest.mark.parametrize(
    "name",
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade host content-length cookie x-provider-key x-sandbox forwarded x-forwarded-for x-forwarded-host "
    b"x-forwarded-proto x-real-ip expect x-aipc-prompt-key x-aipc-tags x-aipc-version x-aipc-anything".split(),
)
def test_headers_that_end_here_do_not_go_upstream(name: bytes) -> None:
    assert upstream((name, b"1"), (b"x-kept", b"2")) == [(b"x-kept", b"2"), (b"authorization", b"Bearer sk-1")]


def test_headers_named_by_connection_end_here() -> None:
    """RFC 9110, section 7.6.1. What the body needs cannot be named away."""
    sent = (
        (b"connection", b"close, X-Hop ,"),
        (b"connection", b"x-hop-2,Content-Type,content-encoding"),
        (b"x-hop", b"1"),
        (b"x-hop-2", b"1"),
        (b"x-hop-3", b"1"),
        (b"content-type", b"application/json"),
        (b"content-encoding", b"br"),
    )
    assert upstream(*sent) == [*sent[4:], (b"authorization", b"Bearer sk-1")]


def test_a_credential_cannot_be_named_away() -> None:
    assert (b"authorization", b"Bearer sk-1") in upstream((b"connection", b"authorization"))


@pytest.mark.parametrize(
    ("sent", "reduced"),
    [
        ([], None),
        ([b"gzip, deflate"], b"gzip, deflate"),
        ([b"gzip, deflate, br, zstd"], b"gzip, deflate"),
        ([b"br;q=1.0, GZIP;q=0.5 ,*;q=0"], b"GZIP;q=0.5"),
        ([b"br", b"gzip"], b"gzip"),
        ([b"identity;q=0, gzip"], b"identity;q=0, gzip"),
        ([b"br"], b"identity"),
        ([b"*"], b"identity"),
        ([b""], b"identity"),
        ([b"xgzip"], b"identity"),
    ],
)
def test_encodings_are_reduced_to_what_can_be_read(sent: list[bytes], reduced: bytes | None) -> None:
    found = [
        value
        for name, value in upstream(*((b"accept-encoding", value) for value in sent))
        if name == b"accept-encoding"
    ]
    assert found == ([] if reduced is None else [reduced])


def test_identity_is_asked_for_where_the_answer_is_changed() -> None:
    found = upstream((b"accept-encoding", b"gzip"), identity=True)
    assert [value for name, value in found if name == b"accept-encoding"] == [b"identity"]


def test_the_encoding_of_a_decoded_body_is_not_claimed() -> None:
    sent = ((b"content-encoding", b"gzip"), (b"content-type", b"application/json"))
    assert sent[0] in upstream(*sent)
    assert sent[0] not in upstream(*sent, decoded=True)
    assert sent[1] in upstream(*sent, decoded=True)


def test_a_providers_defaults_fill_gaps_only() -> None:
    def versions(*sent: Header) -> list[bytes]:
        return [value for name, value in upstream(*sent, provider="anthropic") if name == b"anthropic-version"]

    assert versions() == [b"2023-06-01"]
    assert versions((b"anthropic-version", b"2026-10-21")) == [b"2026-10-21"]
    assert b"anthropic-version" not in dict(upstream())


# --- Back to the client -----------------------------------------------------------------------------------------------


def test_the_providers_headers_come_back_as_they_are() -> None:
    answered = (
        (b"content-type", b"text/event-stream"),
        (b"content-encoding", b"gzip"),
        (b"content-length", b"12"),
        (b"request-id", b"req_1"),
        (b"x-ratelimit-remaining-tokens", b"1"),
        (b"x-ratelimit-remaining-tokens", b"2"),
        (b"retry-after", b"3"),
        (b"x-should-retry", b"true"),
        (b"location", b"/elsewhere"),
        (b"x-odd", b"caf\xc3\xa9\xff"),
    )
    assert back(*answered) == list(answered)


@pytest.mark.parametrize(
    "name",
    b"connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade set-cookie set-cookie2 "
    b"x-aipc-request-id x-aipc-error strict-transport-security alt-svc clear-site-data nel report-to".split(),
)
def test_headers_that_end_here_do_not_come_back(name: bytes) -> None:
    assert back((name, b"1"), (b"x-kept", b"2")) == [(b"x-kept", b"2")]


def test_headers_named_by_the_providers_connection_end_here() -> None:
    answered = ((b"connection", b"X-Hop, Content-Length"), (b"x-hop", b"1"), (b"content-length", b"2"))
    assert back(*answered) == [(b"content-length", b"2")]


def test_the_length_is_dropped_where_it_may_change_or_cannot_be() -> None:
    length = (b"content-length", b"12")
    assert back(length, drop_length=True) == []
    assert back(length, status=204) == []
    assert back(length, status=304) == [length]


# --- Reading headers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "is_json"),
    [
        (b"application/json", True),
        (b" Application/JSON ; charset=utf-8", True),
        (b"application/json;", True),
        (b"application/jsonl", False),
        (b"application/merge-patch+json", True),
        (b"application/json-seq", False),
        (b"text/plain", False),
        (b"", False),
        (None, False),
    ],
)
def test_a_body_is_json_by_its_content_type(value: bytes | None, is_json: bool) -> None:
    kind = heads.content_type([] if value is None else [(b"content-type", value)])
    assert heads.is_json(kind) is is_json


def test_a_header_is_found_first_trimmed_and_as_text() -> None:
    headers = [(b"a", b" caf\xc3\xa9 "), (b"a", b"2"), (b"b", b"caf\xe9")]
    assert heads.find_header(headers, b"a") == "café".encode()
    assert heads.find_header(headers, b"A") is None
    assert heads.find_text(headers, b"a") == heads.find_text(headers, b"b") == "café"
    assert heads.find_text(headers, b"c") is None


def test_warnings_are_one_short_line_of_ascii() -> None:
    assert heads.warning(("one", "café")) == b"one; caf?"
    assert len(heads.warning(("x" * 5_000,))) == 1_000
