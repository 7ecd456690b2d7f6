"""The proxy's metered routes in the schema: what they take beyond the provider's own, and the headers of the answer."""

from typing import Any

from analytics.api.schema.components import Schema, ref

PREFIX = "/api/proxy/v1"
_ERRORS = {
    "400": "the body or the address cannot be used",
    "401": "the platform key is missing, unknown or revoked, or `X-Provider-Key` is missing",
    "403": "the organization is suspended",
    "413": "the body is too large",
    "415": "the body is encoded in another way than gzip",
    "500": "a defect of the proxy",
    "502": "the provider refused its key, or could not be reached",
    "503": "the proxy cannot take the call at the moment; try again",
    "504": "the provider did not answer in time",
}
_ANSWER_HEADERS = {
    "x-aipc-request-id": "the id of the call's record",
    "x-aipc-warning": "metadata that could not be used, and why",
    "x-aipc-sandbox": "`true` where the answer is simulated",
    "x-aipc-error": "on errors of ours: the code",
    "x-aipc-upstream-status": "with `provider_key_rejected`: the provider's own status",
    "x-should-retry": "`false` where a retry cannot help",
}
_METADATA_EXAMPLE = {
    "_aipromptcost": {
        "prompt_key": "document-summarizer",
        "feature_tags": ["summarization", "documents"],
        "version": 2,
    }
}


def _header(name: str, description: str, *, is_required: bool = False, **schema: Any) -> Schema:
    return {
        "in": "header",
        "name": name,
        "required": is_required,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _headers(key_form: str, *further: Schema) -> list[Schema]:
    return [
        _header(
            "X-Provider-Key", f"your key at the provider, `{key_form}`. Not needed in the sandbox", is_required=True
        ),
        _header("Content-Type", "always JSON", is_required=True, enum=["application/json"]),
        *further,
        _header("X-Sandbox", "a simulated answer, without a call to the provider", enum=["true"]),
        _header("x-aipc-prompt-key", "like `prompt_key` of the body's `_aipromptcost`"),
        _header("x-aipc-tags", "like `feature_tags`, with commas between them"),
        _header("x-aipc-version", "like `version`"),
    ]


def _operation(name: str, summary: str, headers: list[Schema], required: dict[str, Schema], examples: Any) -> Schema:
    asked, answered = examples
    own = {**required, "_aipromptcost": {**ref("Metadata"), "description": "taken out before the request goes on"}}
    body = {"type": "object", "required": list(required), "properties": own, "additionalProperties": True}
    answer_headers = {
        header: {"description": text, "schema": {"type": "string"}} for header, text in _ANSWER_HEADERS.items()
    }
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "description": "The body is the provider's own, with `_aipromptcost` beside its members, and so is the "
            "answer, unmodified. With `stream` the answer is a stream of server-sent events. "
            "[Errors](/docs/errors/) has all codes of `x-aipc-error`.",
            "tags": ["Proxy"],
            "security": [{"platformKey": []}, {"platformKeyHeader": []}],
            "parameters": headers,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": body, "examples": {"Request": {"value": asked}}}},
            },
            "responses": {
                "200": {
                    "description": "The provider's answer",
                    "headers": answer_headers,
                    "content": {
                        "application/json": {"schema": {"type": "object"}, "examples": {"Answer": {"value": answered}}},
                        "text/event-stream": {"schema": {"type": "string"}},
                    },
                },
                **{status: _error(text, answer_headers) for status, text in _ERRORS.items()},
            },
        }
    }


def _error(text: str, headers: dict[str, Schema]) -> Schema:
    """Of ours in the provider's shape, or the provider's own."""
    return {
        "description": text,
        "headers": headers,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }


_MODEL = {"type": "string", "description": "the provider's name of the model"}
_MESSAGES = {"type": "array", "items": {"type": "object"}, "description": "the conversation"}
_OPENAI_EXAMPLES = (
    {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Summarize this document..."},
        ],
        "temperature": 0.7,
        "max_tokens": 500,
        **_METADATA_EXAMPLE,
    },
    {
        "id": "chatcmpl-abc123",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Here is a summary..."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 42, "completion_tokens": 120, "total_tokens": 162},
    },
)
_ANTHROPIC_EXAMPLES = (
    {
        "model": "claude-sonnet-4-5",
        "max_tokens": 500,
        "system": "You are a helpful assistant.",
        "messages": [{"role": "user", "content": "Summarize this document..."}],
        **_METADATA_EXAMPLE,
    },
    {
        "id": "msg_abc123",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Here is a summary..."}],
        "model": "claude-sonnet-4-5",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 42, "output_tokens": 120},
    },
)
_VERSION = _header("anthropic-version", "passed on; the SDKs send it by themselves", default="2023-06-01")
PATHS: dict[str, Schema] = {
    f"{PREFIX}/openai/chat/completions": _operation(
        "openai-chat-completions",
        "A chat completion of OpenAI, recorded with its cost",
        _headers("sk-..."),
        {"model": _MODEL, "messages": _MESSAGES},
        _OPENAI_EXAMPLES,
    ),
    f"{PREFIX}/anthropic/messages": _operation(
        "anthropic-messages",
        "A message of Anthropic, recorded with its cost",
        _headers("sk-ant-...", _VERSION),
        {
            "model": _MODEL,
            "messages": _MESSAGES,
            "max_tokens": {"type": "integer", "description": "Anthropic's API asks for it in every request"},
        },
        _ANTHROPIC_EXAMPLES,
    ),
}
