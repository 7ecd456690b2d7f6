"""What goes over the wire on both sides: methods, targets, headers and bodies as the client and the provider sent
them, but for what the proxy must take away or add.
"""

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, PROVIDER_KEYS, Caller, chat, message, sent_bytes
from tests.proxy.records import Records

# --- The target -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("openai/models", "/openai/v1/models"),
        ("openai/v1/models", "/openai/v1/models"),
        ("openai/v1/v1/models", "/openai/v1/v1/models"),
        ("openai/v1beta/models", "/openai/v1/v1beta/models"),
        ("openai/models/", "/openai/v1/models/"),
        ("openai/models?limit=2&after=a%2Fb+c%20d&empty=", "/openai/v1/models?limit=2&after=a%2Fb+c%20d&empty="),
        ("openai/files/a%2Fb%3F/content", "/openai/v1/files/a%2Fb%3F/content"),
        ("openai/models/ft:gpt-4o:acme::AbC,x;y=1@2", "/openai/v1/models/ft:gpt-4o:acme::AbC,x;y=1@2"),
        ("openai/models/caf%c3%A9?q=%7e~!$'()*", "/openai/v1/models/caf%c3%A9?q=%7e~!$'()*"),
        ("openai/models?url=https://example.com/../x//y", "/openai/v1/models?url=https://example.com/../x//y"),
        ("openai/a//b", "/openai/v1/a//b"),
        ('openai/models?a[]=1&b={2}|3&c="4"&d=<5>&e=`^', '/openai/v1/models?a[]=1&b={2}|3&c="4"&d=<5>&e=`^'),
        ("anthropic/v1/messages/count_tokens?beta=true", "/anthropic/v1/messages/count_tokens?beta=true"),
    ],
)
def test_the_target_arrives_as_it_was_sent(proxy: Caller, provider: FakeProvider, path: str, target: str) -> None:
    proxy.call("GET", path)
    assert provider.log[0].target == target


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_the_method_arrives_as_it_was_sent(proxy: Caller, provider: FakeProvider, method: str) -> None:
    body = b'{"name": "x"}' if method in {"POST", "PUT", "PATCH"} else None
    proxy.call(method, "openai/files/file-1", body)
    (seen,) = provider.log
    assert (seen.method, seen.body) == (method, body or b"")


@pytest.mark.parametrize(
    ("method", "length"), [("POST", "0"), ("POST", None), ("PUT", "0"), ("DELETE", None), ("GET", None)]
)
def test_a_request_without_a_body_arrives_without_one(
    proxy: Caller, provider: FakeProvider, method: str, length: str | None
) -> None:
    proxy.call(method, "openai/batches/b1/cancel", None, {"content-length": length})
    (seen,) = provider.log
    assert seen.body == b""
    assert seen.header("transfer-encoding") == ""
    assert seen.header("content-type") == ""


# --- Headers to the provider ------------------------------------------------------------------------------------------

PASSED = [
    ("Accept", "application/json"),
    ("User-Agent", "OpenAI/Python 3.54.0"),
    ("OpenAI-Organization", "org-1"),
    ("OpenAI-Project", "proj-1"),
    ("OpenAI-Beta", "assistants=v2"),
    ("Idempotency-Key", "stainless-python-retry-1"),
    ("X-Stainless-Retry-Count", "1"),
    ("X-Stainless-Lang", "python"),
    ("X-Request-Id", "mine"),
    ("Traceparent", "00-1-2-01"),
    ("X-Custom", "one"),
    ("X-Custom", "two"),
    ("X-Utf8", "café €".encode().decode("latin-1")),
    ("X-Empty", ""),
    ("Referer", "https://app.example.com/"),
    ("Origin", "https://app.example.com"),
]
TAKEN_AWAY = [
    ("Cookie", "session=1"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Anything", "1"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("X-Aipc-Prompt-Key", "greeting"),
    ("X-Aipc-Tags", "a, b"),
    ("X-Aipc-Version", "2"),
    ("X-Aipc-Anything", "1"),
    ("X-Sandbox", "false"),
    ("Api-Key", "apc_no"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"),
    ("Trailer", "x-late"),
    ("X-Hop", "named by Connection"),
    ("Connection", "keep-alive, X-Hop"),
]


def test_all_end_to_end_headers_go_to_the_provider_and_no_others(proxy: Caller, provider: FakeProvider) -> None:
    body = chat()
    proxy.call("POST", CHAT, body, more=[*PASSED, *TAKEN_AWAY])
    (seen,) = provider.log
    added = [
        ("host", f"127.0.0.1:{provider.port}"),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("authorization", f"Bearer {PROVIDER_KEYS['openai']}"),
    ]
    assert sorted((name.lower(), value) for name, value in seen.headers) == sorted(
        [*((name.lower(), value) for name, value in PASSED), *added]
    )
    customs = [value for name, value in seen.headers if name.lower() == "x-custom"]
    assert customs == ["one", "two"]


def test_connection_cannot_name_away_what_the_body_needs(proxy: Caller, provider: FakeProvider) -> None:
    proxy.call("POST", CHAT, chat(), {"connection": "content-type, content-length, authorization"})
    (seen,) = provider.log
    assert seen.header("content-type") == "application/json"
    assert seen.header("authorization") == f"Bearer {PROVIDER_KEYS['openai']}"
    assert seen.json()["model"] == "gpt-4o"


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (None, ""),
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("gzip;q=0.5, br;q=1.0", "gzip;q=0.5"),
        ("GZIP", "GZIP"),
        ("br", "identity"),
        ("*", "identity"),
        ("identity", "identity"),
    ],
)
def test_the_accepted_encodings_are_those_that_the_proxy_can_read(
    proxy: Caller, provider: FakeProvider, sent: str | None, arrived: str
) -> None:
    proxy.post(CHAT, chat(), {"accept-encoding": sent})
    assert provider.log[0].header("accept-encoding") == arrived


@pytest.mark.parametrize(("sent", "arrived"), [(None, "2023-06-01"), ("2026-10-21", "2026-10-21")])
def test_the_anthropic_version_passes_and_has_a_default(
    proxy: Caller, provider: FakeProvider, sent: str | None, arrived: str
) -> None:
    reply = proxy.post(MESSAGES, message(), {"anthropic-version": sent, "anthropic-beta": "context-1m-2025-08-07"})
    assert reply.status == 200
    (seen,) = provider.log
    assert seen.all_headers("anthropic-version") == [arrived]
    assert seen.all_headers("anthropic-beta") == ["context-1m-2025-08-07"]


def test_openai_gets_no_anthropic_version(proxy: Caller, provider: FakeProvider) -> None:
    proxy.post(CHAT, chat())
    assert provider.log[0].all_headers("anthropic-version") == []


# --- Credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "key", "name", "value"),
    [
        (CHAT, "sk-1", "authorization", "Bearer sk-1"),
        (CHAT, "  sk-1\t", "authorization", "Bearer sk-1"),
        (MESSAGES, "sk-ant-api03-1", "x-api-key", "sk-ant-api03-1"),
        (MESSAGES, " sk-ant-api03-1 ", "x-api-key", "sk-ant-api03-1"),
        (MESSAGES, "sk-ant-oat01-1", "authorization", "Bearer sk-ant-oat01-1"),
    ],
)
@pytest.mark.parametrize("platform", ["authorization", "x-api-key", "both"])
def test_exactly_one_credential_goes_upstream_and_never_the_platform_key(
    proxy: Caller, provider: FakeProvider, path: str, key: str, name: str, value: str, platform: str
) -> None:
    bearer = f"Bearer {proxy.platform_key}"
    given: dict[str, str | None] = {"x-provider-key": key}
    if platform == "x-api-key":
        given |= {"authorization": "Bearer something-else", "x-api-key": proxy.platform_key}
    elif platform == "both":
        given |= {"authorization": bearer, "x-api-key": proxy.platform_key}
    body = chat() if path == CHAT else message()

    assert proxy.post(path, body, given).status == 200

    (seen,) = provider.log
    named = {"authorization", "x-api-key", "api-key", "x-provider-key", "proxy-authorization"}
    found = [(key.lower(), text) for key, text in seen.headers if key.lower() in named]
    assert found == [(name, value)]
    assert proxy.platform_key not in f"{seen.target}{seen.headers}{seen.body!r}"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_of_the_platform_key_may_be_written_in_any_case(proxy: Caller, scheme: str) -> None:
    assert proxy.post(CHAT, chat(), {"authorization": f"{scheme}  {proxy.platform_key} "}).status == 200


# --- Answers ----------------------------------------------------------------------------------------------------------

ODD = '{ "id":1.50, "big": 12345678901234567890123, "text":"\\u00e9 caf\xe9 \\/", "usage" : null,\r\n\t"choices":[] }\n'


def test_an_answer_comes_back_as_the_provider_sent_it(proxy: Caller, provider: FakeProvider) -> None:
    extra = (("X-Twice", "1"), ("X-Twice", "2"), ("X-Ratelimit-Reset-Tokens", "6ms"), ("Retry-After-Ms", "5"))
    hidden = (("X-Aipc-Error", "not ours"), ("Keep-Alive", "timeout=9"), ("Proxy-Authenticate", "Basic"))
    provider.script(Scenario(raw_body=ODD, headers=(*extra, *hidden)))

    reply = proxy.post(CHAT, chat())

    assert (reply.status, reply.body) == (200, ODD.encode())
    (seen,) = provider.log
    expected = {
        "content-type": ["application/json"],
        "content-length": [str(len(ODD.encode()))],
        "x-twice": ["1", "2"],
        "x-ratelimit-reset-tokens": ["6ms"],
        "retry-after-ms": ["5"],
        "x-request-id": [seen.request_id],
        "openai-organization": ["acme-research"],
        "openai-processing-ms": ["274"],
        "openai-version": ["2020-10-01"],
        "access-control-expose-headers": ["X-Request-ID"],
        "server": ["cloudflare"],
        "set-cookie": [],
        "x-aipc-error": [],
        "keep-alive": [],
        "proxy-authenticate": [],
    }
    assert {name: reply.all_headers(name) for name in expected} == expected
    assert len(reply.all_headers("date")) == 1
    assert len(reply.call_id) == 32


def test_every_answer_has_a_request_id_of_ours(proxy: Caller, records: Records) -> None:
    ids = [proxy.post(CHAT, chat()).call_id for _ in range(3)]
    assert len(set(ids)) == 3
    assert [record.id for record in records.all()] == ids
    milliseconds = [id_[:12] for id_ in ids]
    assert milliseconds == sorted(milliseconds)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_passed_back_and_not_followed(
    proxy: Caller, provider: FakeProvider, records: Records, status: int
) -> None:
    location = f"{provider.openai_url}/elsewhere"
    provider.script(Scenario(status=status, location=location))
    reply = proxy.post(CHAT, chat())
    assert (reply.status, reply.header("location")) == (status, location)
    assert len(provider.log) == 1
    assert records.of(reply.call_id).usage_source == "none"


def test_informational_answers_and_trailers_of_the_provider_are_dropped(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(informational=(103, 102), has_trailers=True, framing="chunked", raw_body='{"id": "x"}'))
    with proxy.sent("POST", CHAT, chat(), {"connection": "close"}) as connection:
        raw = b""
        while part := connection.socket.recv(65536):
            raw += part
    assert raw.startswith(b"HTTP/1.1 200 ")
    assert b" 103 " not in raw
    assert b"x-trailer" not in raw
    assert raw.endswith(b'{"id": "x"}\r\n0\r\n\r\n')


@pytest.mark.parametrize("framing", ["content-length", "chunked", "close"])
@pytest.mark.parametrize("split", [0, 1])
def test_an_answer_in_any_framing_comes_whole(
    proxy: Caller, provider: FakeProvider, records: Records, framing: str, split: int
) -> None:
    provider.script(f"framing={framing},split={split}")
    reply = proxy.post(CHAT, chat())
    assert reply.json()["usage"] == provider.log[0].usage
    assert len(reply.body) == sent_bytes(provider)
    assert records.of(reply.call_id).usage.input == 9


def test_a_large_answer_comes_whole_and_is_metered(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script(*["huge, prompt_tokens=77, output_tokens=88"] * 2)
    for path, body in ((CHAT, chat()), (MESSAGES, message())):
        reply = proxy.post(path, body)
        assert len(reply.body) > 4 * 1024 * 1024
        assert reply.json()["usage"]
        record = records.of(reply.call_id)
        assert (record.usage.input, record.usage.output, record.usage_source) == (77, 88, "provider")
