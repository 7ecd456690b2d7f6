"""OpenAI's side: chat completions (JSON and server-sent events), embeddings, models, and errors.

Written from OpenAI's API reference ("Chat", "Chat streaming", "Error codes"). Knows no sockets.
"""

import time
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused, Request, compact, indented, read_json
from tests.fake_provider.scenario import Scenario

_DATED = {
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
_ERRORS = {
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


def answer(request: Request, route: str, scenario: Scenario) -> Answer:
    """`route` is the path after `/v1/`. Raises `Refused` where OpenAI answers with an error."""
    _check_key(request.header("authorization"))
    if scenario.status >= 400:
        kind, code, message = _ERRORS.get(scenario.status, _ERRORS[500])
        kind, code = scenario.error_type or kind, scenario.error_code or code
        raise Refused(scenario.status, message, kind=kind, code=code)
    if request.method == "GET" and route == "models":
        listed = [{"id": model, "object": "model", "created": 1715367049, "owned_by": "system"} for model in _DATED]
        return Answer(200, headers(request), [indented({"object": "list", "data": listed}, 2)])
    if request.method == "POST" and route == "embeddings":
        return _embeddings(request, read_json(request.body), scenario)
    if request.method == "POST" and route == "chat/completions":
        return _chat(request, _checked(read_json(request.body)), scenario)
    raise Refused(404, f"Invalid URL ({request.method} {request.path})")


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


def _check_key(authorization: str) -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "You didn't provide an API key. Use an Authorization header with Bearer auth.")
    if not key.startswith("sk-") or key.startswith("sk-invalid"):
        shown = f"{key[:8]}*****{key[-4:]}"
        message = f"Incorrect API key provided: {shown}. Find yours at https://platform.openai.com/account/api-keys."
        raise Refused(401, message, code="invalid_api_key")


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    for name in ("model", "messages"):
        if not body.get(name):
            raise Refused(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if "_aipromptcost" in body:
        raise Refused(400, "Unknown parameter: '_aipromptcost'.", param="_aipromptcost", code="unknown_parameter")
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, message, param="stream_options")
    model = body["model"]
    if not isinstance(model, str) or model.startswith("no-such-model"):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(404, message, code="model_not_found")
    return body


def _embeddings(request: Request, body: dict[str, Any], scenario: Scenario) -> Answer:
    given = body.get("input") or ""
    inputs = given if isinstance(given, list) else [given]
    count = scenario.prompt_tokens or sum(counting.count_text(str(text)) for text in inputs)
    listed = [{"object": "embedding", "index": i, "embedding": [0.25, -0.5, 0.125]} for i in range(len(inputs))]
    usage = {"prompt_tokens": count, "total_tokens": count}
    model = str(body.get("model", ""))
    value = {"object": "list", "data": listed, "model": model, "usage": usage}
    return Answer(200, headers(request), [indented(value, 2)], usage=usage, model=model)


class _Completion:
    """One chat answer, before it takes the shape of JSON or of a stream."""

    def __init__(self, request: Request, body: dict[str, Any], scenario: Scenario) -> None:
        model = body["model"].partition("@")[0]
        self.request, self.body, self.scenario = request, body, scenario
        self.model = scenario.model or _DATED.get(model, model)
        prompt = scenario.prompt_tokens
        prompt = counting.count_prompt(body) if prompt is None else prompt
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        wanted = counting.natural_length(prompt)
        length = min(wanted, limit) if isinstance(limit, int) else wanted
        self.pieces = counting.words(length) if scenario.text is None else counting.pieces(scenario.text)
        missing = scenario.text_bytes - sum(map(len, self.pieces))
        if missing > 0:
            self.pieces += counting.pieces("All work and no play. " * (missing // 22 + 1), 4096)
        output = scenario.output_tokens
        self.usage = self._usage(prompt, len(self.pieces) if output is None else output)
        self.finish = scenario.finish or ("tool_calls" if scenario.tools else "length" if length < wanted else "stop")
        self.base = {
            "id": request.token("chatcmpl-", 29),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
        }
        tier = body.get("service_tier")
        self.tier = scenario.service_tier or (tier if tier in {"flex", "priority"} else "default")

    def _usage(self, prompt: int, output: int) -> dict[str, Any]:
        scenario = self.scenario
        writes = scenario.cache_write_tokens + scenario.cache_write_5m_tokens + scenario.cache_write_1h_tokens
        prompt_details = {"cached_tokens": scenario.cached_tokens, "audio_tokens": scenario.audio_input_tokens}
        return {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": prompt_details | ({"cache_write_tokens": writes} if writes else {}),
            "completion_tokens_details": {
                "reasoning_tokens": scenario.reasoning_tokens,
                "audio_tokens": scenario.audio_output_tokens,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
            **scenario.usage,
        }

    def tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": self.request.token(f"call_{index}", 20),
                "type": "function",
                "function": {"name": tool.name, "arguments": tool.arguments},
            }
            for index, tool in enumerate(self.scenario.tools)
        ]

    def as_json(self) -> bytes:
        text = None if self.scenario.tools or self.scenario.refusal else "".join(self.pieces)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.scenario.tools:
            message["tool_calls"] = self.tool_calls()
        message |= {"refusal": self.scenario.refusal or None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        value = self.base | {"choices": [choice]} | ({"usage": self.usage} if self.scenario.has_usage else {})
        return indented(value | {"service_tier": self.tier, "system_fingerprint": "fp_44709d6fcb"}, 2)

    def deltas(self) -> list[dict[str, Any]]:
        if self.scenario.refusal:
            parts = counting.pieces(self.scenario.refusal, 6)
            first = {"role": "assistant", "content": None, "refusal": ""}
            return [first, *({"refusal": part} for part in parts)]
        if not self.scenario.tools:
            first = {"role": "assistant", "content": "", "refusal": None}
            return [first, *({"content": piece} for piece in self.pieces)]
        found: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
        for index, call in enumerate(self.tool_calls()):
            arguments = call["function"]["arguments"]
            opening = call | {"index": index, "function": call["function"] | {"arguments": ""}}
            found.append({"tool_calls": [opening]})
            parts = counting.pieces(arguments, 9)
            found += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in parts]
        return found

    def as_events(self) -> list[bytes]:
        options = self.body.get("stream_options") or {}
        has_usage = bool(options.get("include_usage"))
        is_obfuscated = options.get("include_obfuscation") is not False
        base = self.base | {
            "object": "chat.completion.chunk",
            "service_tier": self.tier,
            "system_fingerprint": "fp_44709d6fcb",
        }

        def chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None, number: int) -> bytes:
            value = base | {"choices": choices} | ({"usage": usage} if has_usage else {})
            noise = {"obfuscation": "kT7yQz0RbX4mLpWd"[: 3 + number % 13]} if is_obfuscated else {}
            return f"data: {compact(value | noise)}\n\n".encode()

        def choice(delta: dict[str, Any], finish: str | None) -> list[dict[str, Any]]:
            return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]

        events = [chunk(choice(delta, None), None, number) for number, delta in enumerate(self.deltas())]
        if self.scenario.error_event:
            error = {"message": _ERRORS[503][2], "type": "server_error", "param": None, "code": None}
            at = self.scenario.at_event
            return [
                *events[: len(events) // 2 if at is None else at],
                f"data: {compact({'error': error})}\n\n".encode(),
            ]
        events.append(chunk(choice({}, self.finish), None, len(events)))
        if has_usage and self.scenario.has_usage:
            events.append(chunk([], self.usage, len(events)))
        return [*events, b"data: [DONE]\n\n"]


def _chat(request: Request, body: dict[str, Any], scenario: Scenario) -> Answer:
    completion = _Completion(request, body, scenario)
    is_stream = body.get("stream") is True
    found = headers(request)
    if is_stream:
        found[0] = ("Content-Type", "text/event-stream; charset=utf-8")
    return Answer(
        200,
        found,
        completion.as_events() if is_stream else [completion.as_json()],
        is_stream=is_stream,
        usage=completion.usage,
        model=completion.model,
        id=str(completion.base["id"]),
    )
