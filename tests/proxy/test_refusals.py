"""Calls that the proxy refuses: each in its provider's error shape, with a code of ours, and nothing forwarded."""

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest

from orgs import keys
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, MESSAGES, Caller, Reply, chat, message
from tests.proxy.conftest import Serve
from tests.proxy.records import Records
from tests.servers import ProxyServer

MAX_BODY = 256 * 1024


@pytest.fixture(scope="module")
def limited_server(serve: Serve) -> Iterator[ProxyServer]:
    with serve({"MAX_BODY_BYTES": str(MAX_BODY)}) as server:
        yield server


@pytest.fixture
def server(limited_server: ProxyServer) -> ProxyServer:
    return limited_server


@pytest.fixture(autouse=True)
def _nothing_is_forwarded(provider: FakeProvider, records: Records) -> Iterator[None]:
    yield
    assert provider.log == []
    assert records.all() == []


def assert_refused(reply: Reply, path: str, status: int, code: str, *, is_retryable: bool = False) -> str:
    """Every sign of a refusal of ours; returns its message."""
    assert (reply.status, reply.header("x-aipc-error")) == (status, code), reply
    assert reply.header("content-type") == "application/json"
    assert reply.header("x-should-retry") == ("" if is_retryable else "false")
    assert len(reply.call_id) == 32
    body = reply.json()
    if path.split("/")[0] == "anthropic":
        kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}
        assert body["type"] == "error"
        assert body["error"]["type"] == kinds.get(status, "invalid_request_error")
        assert body["request_id"] == reply.call_id
    else:
        assert body["error"]["code"] == code
        assert body["error"]["type"] == "invalid_request_error"
        assert body["error"]["param"] is None
    return str(body["error"]["message"])


def body_for(path: str, **members: object) -> bytes:
    return message(**members) if path == MESSAGES else chat(**members)


both_providers = pytest.mark.parametrize("path", [CHAT, MESSAGES])


# --- Keys -------------------------------------------------------------------------------------------------------------


@both_providers
def test_a_call_without_a_platform_key_is_told_which_header_to_send(proxy: Caller, path: str) -> None:
    reply = proxy.post(path, body_for(path), {"authorization": None})
    said = assert_refused(reply, path, 401, "platform_key_missing")
    assert "Authorization" in said
    assert "Bearer" in said
    assert "X-Provider-Key" in said


@both_providers
@pytest.mark.parametrize("value", ["Bearer sk-proj-abc", "Basic YXBjXzE6", "Bearer", "Bearer ", "sk-proj-abc", "apc_x"])
def test_another_kind_of_key_is_no_platform_key(proxy: Caller, path: str, value: str) -> None:
    reply = proxy.post(path, body_for(path), {"authorization": value})
    said = assert_refused(reply, path, 401, "platform_key_missing")
    assert "sk-proj-abc" not in said


@both_providers
def test_a_platform_key_without_bearer_is_told_how_to_write_it(proxy: Caller, path: str) -> None:
    reply = proxy.post(path, body_for(path), {"authorization": proxy.platform_key})
    assert "'Bearer <key>'" in assert_refused(reply, path, 401, "platform_key_missing")


@both_providers
@pytest.mark.parametrize("kind", ["unknown", "bad checksum", "too short", "too long", "not ASCII"])
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_an_unknown_platform_key_is_refused(proxy: Caller, path: str, kind: str, header: str) -> None:
    known = proxy.platform_key
    wrong = {
        "unknown": keys.generate(),
        "bad checksum": known[:-1] + ("a" if known[-1] != "a" else "b"),
        "too short": "apc_",
        "too long": known * 100,
        "not ASCII": "apc_\xe9",
    }[kind]
    given = {"authorization": None, header: f"Bearer {wrong}" if header == "authorization" else wrong}
    said = assert_refused(proxy.post(path, body_for(path), given), path, 401, "platform_key_invalid")
    assert wrong not in said


@both_providers
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_call_without_a_provider_key_is_told_so(proxy: Caller, path: str, value: str | None) -> None:
    reply = proxy.post(path, body_for(path), {"x-provider-key": value})
    said = assert_refused(reply, path, 401, "provider_key_missing")
    assert "X-Provider-Key" in said
    assert {CHAT: "OpenAI", MESSAGES: "Anthropic"}[path] in said


@both_providers
def test_a_platform_key_in_the_place_of_the_provider_key_is_not_sent_on(proxy: Caller, path: str) -> None:
    reply = proxy.post(path, body_for(path), {"x-provider-key": proxy.platform_key})
    said = assert_refused(reply, path, 401, "provider_key_missing")
    assert proxy.platform_key not in said


# --- Bodies -----------------------------------------------------------------------------------------------------------


@both_providers
@pytest.mark.parametrize("value", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_two_routes_want_json_and_name_the_header(proxy: Caller, path: str, value: str | None) -> None:
    reply = proxy.post(path, body_for(path), {"content-type": value})
    assert "Content-Type" in assert_refused(reply, path, 400, "content_type_not_json")


@both_providers
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"model": "m", "messages": []',
        b'{"model": "m", "messages": [}',
        b'{"model": "m", "messages": []} trailing',
        b'{"model": "m" "messages": []}',
        b"[]",
        b'"text"',
        b"null",
        b"model=m",
        b'\xff\xfe{"model": "m", "messages": []}',
        b'{"model": "m", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=range(13),
)
def test_what_is_no_json_object_is_refused(proxy: Caller, path: str, body: bytes) -> None:
    assert assert_refused(proxy.post(path, body), path, 400, "malformed_body")


@both_providers
@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"messages": []}, "model_missing", "model"),
        ({"model": None, "messages": []}, "model_missing", "model"),
        ({"model": "", "messages": []}, "model_missing", "model"),
        ({"model": 4, "messages": []}, "model_missing", "model"),
        ({"model": "m"}, "messages_missing", "messages"),
    ],
)
def test_the_two_routes_name_the_field_that_is_missing(
    proxy: Caller, path: str, members: dict[str, object], code: str, named: str
) -> None:
    reply = proxy.post(path, json.dumps(members).encode())
    assert f"'{named}'" in assert_refused(reply, path, 400, code)


@both_providers
@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "nonsense"])
def test_an_encoding_of_the_request_other_than_gzip_is_refused(proxy: Caller, path: str, encoding: str) -> None:
    reply = proxy.post(path, body_for(path), {"content-encoding": encoding})
    assert "gzip" in assert_refused(reply, path, 415, "content_encoding_unsupported")


@both_providers
@pytest.mark.parametrize("packed", [b"no gzip at all", gzip.compress(chat(), mtime=0)[:-9], zlib.compress(chat())])
def test_bad_gzip_data_is_refused(proxy: Caller, path: str, packed: bytes) -> None:
    assert_refused(proxy.post(path, packed, {"content-encoding": "gzip"}), path, 400, "malformed_body")


@both_providers
def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(proxy: Caller, path: str) -> None:
    with proxy.connect() as connection:
        headers = proxy.headers(path, {"content-length": str(MAX_BODY + 1)}, b"")
        connection.send("POST", proxy.target(path), headers)
        assert str(MAX_BODY) in assert_refused(connection.reply(), path, 413, "body_too_large")


@both_providers
def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(proxy: Caller, path: str) -> None:
    with proxy.connect() as connection:
        headers = proxy.headers(path, {"content-length": None, "transfer-encoding": "chunked"}, b"")
        connection.send("POST", proxy.target(path), headers)
        chunk = b"%x\r\n%b\r\n" % (1024, b" " * 1024)
        connection.socket.sendall(chunk * (MAX_BODY // 1024 + 1))
        assert_refused(connection.reply(), path, 413, "body_too_large")


@both_providers
def test_a_gzip_bomb_is_refused_at_the_same_limit(proxy: Caller, path: str) -> None:
    packed = gzip.compress(body_for(path, padding=" " * (8 * 1024 * 1024)))
    assert len(packed) < MAX_BODY
    assert_refused(proxy.post(path, packed, {"content-encoding": "gzip"}), path, 413, "body_too_large")


# --- Places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/api/proxy/v2/openai/models", "/api/proxy/openai/models", "/api/proxy/"])
def test_an_unknown_version_is_told_the_supported_one(proxy: Caller, target: str) -> None:
    reply = proxy.call("GET", target)
    assert "/api/proxy/v1/{provider}/{route}" in assert_refused(reply, "openai", 404, "unknown_proxy_version")


@pytest.mark.parametrize("name", ["mistral", "OpenAI", "openai%20", "", "__class__"])
def test_an_unknown_provider_is_told_the_supported_ones(proxy: Caller, name: str) -> None:
    reply = proxy.call("GET", f"/api/proxy/v1/{name}/models")
    said = assert_refused(reply, "openai", 404, "unknown_provider")
    assert "openai" in said
    assert "anthropic" in said


@pytest.mark.parametrize("path", ["openai", "openai/", "openai/v1/", "anthropic", "anthropic/v1/"])
def test_a_path_without_a_route_is_told_so(proxy: Caller, path: str) -> None:
    assert_refused(proxy.call("GET", path), path, 404, "route_missing")


@pytest.mark.parametrize("provider_name", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "route",
    [
        "../models",
        "v1/../../admin",
        "a/./b",
        "a/..",
        "a/%2e%2e/b",
        "a/.%2E/b",
        "a%2f..%2fb",
        "%2e%2e%2fadmin",
        "/evil.example.com/models",
        "v1//evil.example.com",
        "v1/https://evil.example.com",
        "https://evil.example.com/models",
        "http%3a//evil.example.com",
        "a\\b",
        "..%5cb",
        "a%00b",
        "a%0d%0aHost:%20evil",
        "a%7fb",
        "models?q=a\\b",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(proxy: Caller, provider_name: str, route: str) -> None:
    path = f"{provider_name}/{route}"
    assert_refused(proxy.call("GET", path), path, 400, "unsafe_path")


def test_a_websocket_upgrade_is_refused_in_words(proxy: Caller) -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    reply = proxy.call("GET", "openai/realtime?model=gpt-realtime", None, upgrade | {"sec-websocket-key": "eA=="})
    assert "WebSocket" in assert_refused(reply, CHAT, 400, "websocket_unsupported")


def test_options_is_answered_here_without_any_key(proxy: Caller) -> None:
    reply = proxy.call("OPTIONS", CHAT, None, {"authorization": None, "x-provider-key": None})
    assert (reply.status, reply.body) == (204, b"")
    assert {"GET", "POST", "DELETE", "OPTIONS"} <= {name.strip() for name in reply.header("allow").split(",")}
    assert len(reply.call_id) == 32


# --- What comes first -------------------------------------------------------------------------------------------------


def test_an_unknown_key_learns_nothing_of_what_else_is_wrong(proxy: Caller) -> None:
    reply = proxy.post(CHAT, b"{", {"authorization": f"Bearer {keys.generate()}", "x-provider-key": None})
    assert_refused(reply, CHAT, 401, "platform_key_invalid")


def test_a_head_request_is_refused_without_a_body(proxy: Caller) -> None:
    reply = proxy.call("HEAD", "openai/models", None, {"authorization": None})
    assert (reply.status, reply.header("x-aipc-error"), reply.body) == (401, "platform_key_missing", b"")
