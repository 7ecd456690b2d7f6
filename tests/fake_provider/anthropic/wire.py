"""What all of Anthropic's answers share: headers, errors, models' dated names, events (API reference, "Errors")."""

from typing import Any

from tests.fake_provider.answer import Answer, Refused, Request, compact
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import Scenario

DATED = {
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}
ERRORS = {
    400: ("invalid_request_error", "The request was not understood."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def refusal(request: Request, refused: Refused, scenario: Scenario) -> Answer:
    kind = refused.kind or ERRORS.get(refused.status, ERRORS[500])[0]
    error = {
        "type": "error",
        "error": {"type": kind, "message": refused.message},
        "request_id": request.token("req_011C", 20),
    }
    extra = [("x-should-retry", "false")] if refused.status in {400, 401, 403, 404} else []
    if scenario.retry_after:
        extra += [("retry-after", scenario.retry_after)]
    return Answer(refused.status, headers(request) + extra, [compact(error).encode()])


def headers(request: Request) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("anthropic-ratelimit-input-tokens-limit", "2000000"),
        ("anthropic-ratelimit-input-tokens-remaining", "1999000"),
        ("anthropic-ratelimit-output-tokens-limit", "400000"),
        ("anthropic-ratelimit-output-tokens-remaining", "399000"),
        ("anthropic-ratelimit-requests-limit", "20000"),
        ("anthropic-ratelimit-requests-remaining", "19999"),
        ("anthropic-organization-id", "3f6f2b1c-0000-4000-8000-5f2d7c8e9a10"),
        ("request-id", request.token("req_011C", 20)),
        ("vary", "Accept-Encoding"),
        ("x-robots-tag", "none"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", f"_cfuvid={request.token('a')}; HttpOnly; SameSite=None; Secure; Path=/"),
        ("Server", "cloudflare"),
    ]


def check_key(request: Request) -> None:
    key, authorization = request.header("x-api-key"), request.header("authorization")
    if key and authorization:
        raise Refused(400, "Only one of x-api-key and Authorization may be given.", kind="invalid_request_error")
    if not key and not authorization:
        raise Refused(401, "x-api-key header is required", kind="authentication_error")
    secret = key or authorization.removeprefix("Bearer ").strip()
    if not secret.startswith("sk-ant-") or secret.startswith("sk-ant-invalid"):
        message = "invalid x-api-key" if key else "Invalid bearer token"
        raise Refused(401, message, kind="authentication_error")


def json_answer(
    call: Call, value: Any, *, usage: dict[str, Any] | None = None, model: str = "", id_: str = ""
) -> Answer:
    return Answer(200, headers(call.request), [compact(value).encode()], usage=usage, model=model, id=id_)


def event(kind: str, value: dict[str, Any], number: int = 0) -> bytes:
    """Anthropic pads the JSON with blanks before its last brace, so that lengths tell nothing."""
    text = compact({"type": kind} | value)
    return f"event: {kind}\ndata: {text[:-1]}{' ' * (number * 7 % 16)}}}\n\n".encode()


def stream_answer(call: Call, events: list[bytes], **more: Any) -> Answer:
    found = headers(call.request)
    found[0] = ("Content-Type", "text/event-stream; charset=utf-8")
    found.append(("cache-control", "no-cache"))
    return Answer(200, found, events, is_stream=True, **more)


def binary_answer(call: Call, content: list[bytes], content_type: str) -> Answer:
    found = headers(call.request)
    found[0] = ("Content-Type", content_type)
    return Answer(200, found, content)
