"""What all of OpenAI's answers share: headers, errors, models' dated names, events (API reference, "Error codes")."""

from collections.abc import Mapping
from typing import Any

from tests.fake_provider.answer import Answer, Refused, Request, compact, indented
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import Scenario

DATED = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
}
ERRORS = {
    400: ("invalid_request_error", None, "The request was not understood."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    413: ("invalid_request_error", "request_too_large", "The request is too large."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 2s."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


def refusal(request: Request, refused: Refused, scenario: Scenario) -> Answer:
    error = {
        "message": refused.message,
        "type": refused.kind or "invalid_request_error",
        "param": refused.param,
        "code": refused.code,
    }
    extra = [("x-should-retry", "false")] if refused.code == "insufficient_quota" else []
    if scenario.retry_after:
        extra += [("retry-after", scenario.retry_after)]
    return Answer(refused.status, headers(request) + extra, [indented({"error": error}, 4)])


def headers(request: Request) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "acme-research"),
        ("openai-processing-ms", "274"),
        ("openai-project", "proj_" + "A1b2" * 6),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "30000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "29999984"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("x-request-id", request.token("req_", 32)),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", f"__cf_bm={request.token('')}; path=/; HttpOnly; Secure; SameSite=None"),
        ("set-cookie", f"_cfuvid={request.token('u')}; path=/; HttpOnly; Secure; SameSite=None"),
        ("Server", "cloudflare"),
    ]


def check_key(authorization: str) -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "You didn't provide an API key. Use an Authorization header with Bearer auth.")
    if not key.startswith("sk-") or key.startswith("sk-invalid"):
        shown = f"{key[:8]}*****{key[-4:]}"
        message = f"Incorrect API key provided: {shown}. Find yours at https://platform.openai.com/account/api-keys."
        raise Refused(401, message, code="invalid_api_key")


def dated(model: str, scenario: Scenario) -> str:
    """The answering model: a request for an alias is answered by the dated one."""
    name = model.partition("@")[0]
    return scenario.model or DATED.get(name, name)


def json_answer(call: Call, value: Any, *, id_: str = "", **more: Any) -> Answer:
    """`more` are what an `Answer` tells of its billing: usage, model, tool_calls."""
    return Answer(200, headers(call.request), [indented(value, 2)], id=id_, **more)


def stream_answer(call: Call, events: list[bytes], *, id_: str = "", **more: Any) -> Answer:
    found = headers(call.request)
    found[0] = ("Content-Type", "text/event-stream; charset=utf-8")
    return Answer(200, found, events, is_stream=True, id=id_, **more)


def binary_answer(call: Call, content: list[bytes], content_type: str, **more: Any) -> Answer:
    found = headers(call.request)
    found[0] = ("Content-Type", content_type)
    return Answer(200, found, content, **more)


def event(value: Mapping[str, Any]) -> bytes:
    """A named event, as all streams but those of completions have them."""
    return f"event: {value['type']}\ndata: {compact(value)}\n\n".encode()


def refuse_missing(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not body.get(name):
            raise Refused(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def refuse_unknown_model(model: Any) -> None:
    if not isinstance(model, str) or model.startswith("no-such-model"):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(404, message, code="model_not_found")
