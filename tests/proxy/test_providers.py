"""What each provider's module says of itself: errors of ours in its shape, refused keys, asking for usage."""

import json

import msgspec
import pytest

from proxy import body
from proxy.errors import Refusal, render, unavailable
from proxy.providers import PROVIDERS
from proxy.providers.base import Provider
from tests.proxy.samples import anthropic, openai

OPENAI, ANTHROPIC = PROVIDERS["openai"], PROVIDERS["anthropic"]


def asked(request: bytes) -> tuple[bool, bytes]:
    """Whether usage was asked for on the client's behalf, and the request that goes out."""
    members = body.split(request)
    assert members is not None
    return OPENAI.ask_for_usage(members), body.join(members)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_provider_is_registered_under_its_name(name: str) -> None:
    assert PROVIDERS[name].name == name


# --- Asking for usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (b"", b'"stream_options":{"include_usage":true}'),
        (b',"stream_options":null', b'"stream_options":{"include_usage":true}'),
        (b',"stream_options":{}', b'"stream_options":{"include_usage":true}'),
        (b',"stream_options":{"include_usage":false}', b'"stream_options":{"include_usage":true}'),
        (b',"stream_options":{"include_usage":null}', b'"stream_options":{"include_usage":true}'),
        (
            b',"stream_options" : { "include_obfuscation":  1e400, "include_usage": false }',
            b'"stream_options":{"include_obfuscation":1e400,"include_usage":true}',
        ),
    ],
)
def test_a_stream_that_does_not_ask_for_usage_is_made_to(options: bytes, sent: bytes) -> None:
    request = b'{"seed":12345678901234567890,"stream":true' + options + b',"a":[ 1 ]}'
    is_ours, changed = asked(request)
    assert is_ours
    assert sent in changed
    for kept in (b'"seed":12345678901234567890', b'"stream":true', b'"a":[ 1 ]'):
        assert kept in changed


@pytest.mark.parametrize(
    "options", [b'{"include_usage":true}', b'{ "include_usage" : true , "x":1}', b'"yes"', b"[]", b"5", b"true"]
)
def test_a_stream_that_asks_for_usage_or_asks_oddly_is_left_alone(options: bytes) -> None:
    request = b'{"stream":true,"stream_options":' + options + b"}"
    assert asked(request) == (False, request)


def test_anthropic_reports_usage_by_itself() -> None:
    members = {"stream": msgspec.Raw(b"true")}
    assert not ANTHROPIC.ask_for_usage(members)
    assert list(members) == ["stream"]


# --- Refused keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "key", "answer", "is_refusal"),
    [
        (OPENAI, b"sk-1", openai.error("invalid_api_key"), True),
        (OPENAI, b"sk-1", openai.error("insufficient_quota"), False),
        (OPENAI, b"sk-1", openai.error(None), False),
        (OPENAI, b"sk-1", b'{"error":"invalid_api_key"}', False),
        (OPENAI, b"sk-1", b"<html>", False),
        (OPENAI, b"sk-1", b"", False),
        (ANTHROPIC, b"sk-ant-api03-1", anthropic.error("authentication_error"), True),
        (ANTHROPIC, b"sk-ant-api03-1", anthropic.error("permission_error"), False),
        (ANTHROPIC, b"sk-ant-oat01-1", anthropic.error("authentication_error"), False),
        (ANTHROPIC, b"sk-ant-api03-1", b'{"error":{"type":["authentication_error"]}}', False),
        (ANTHROPIC, b"sk-ant-api03-1", b'{"error":', False),
    ],
)
def test_a_refused_key_is_known_by_the_error(provider: Provider, key: bytes, answer: bytes, is_refusal: bool) -> None:
    assert provider.refuses_key(key, answer) is is_refusal


# --- Errors of ours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "invalid_request_error"),
        (404, "invalid_request_error"),
        (413, "invalid_request_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_errors_have_openais_shape(status: int, kind: str) -> None:
    content = OPENAI.error_body(status=status, code="a_code", message='Say "no".', request_id="id")
    assert json.loads(content) == {"error": {"message": 'Say "no".', "type": kind, "param": None, "code": "a_code"}}


@pytest.mark.parametrize(
    ("status", "kind"),
    # API reference, "Errors".
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_errors_have_anthropics_shape(status: int, kind: str) -> None:
    content = ANTHROPIC.error_body(status=status, code="a_code", message="No.", request_id="id")
    assert json.loads(content) == {"type": "error", "error": {"type": kind, "message": "No."}, "request_id": "id"}


def test_an_error_tells_its_code_its_call_and_that_a_retry_is_useless() -> None:
    headers, content = render(Refusal(404, "unknown_provider", "No."), None, "id")
    found = dict(headers)
    assert json.loads(content)["error"]["code"] == "unknown_provider"
    assert found[b"content-length"] == str(len(content)).encode()
    assert found[b"x-aipc-error"] == b"unknown_provider"
    assert found[b"x-aipc-request-id"] == b"id"
    assert found[b"x-should-retry"] == b"false"


def test_a_passing_trouble_asks_for_a_retry() -> None:
    found = dict(render(unavailable("journal_full", "Wait."), ANTHROPIC, "id")[0])
    assert found[b"retry-after"] == b"1"
    assert b"x-should-retry" not in found
