"""Chat completions as OpenAI's API reference shows them ("The chat completion object", "The chat completion chunk
object", "Streaming"), as JSON and as server-sent events.
"""

import json
from typing import Any

MODEL = "gpt-4.1-2025-04-14"
# 1,200 prompt tokens, of which 1,024 were cached; 300 completion tokens, of which 256 are reasoning.
USAGE: dict[str, Any] = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 256,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
WORDS = ("Grüße", " from", " the", ' "usage"', ": {}\n\n", "data: [DONE]", " 😀")
DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any) -> bytes:
    """One chunk with one choice. Each one is padded by `obfuscation`, as they are by default."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event({**_head("chat.completion.chunk"), "choices": [choice], "obfuscation": "Xq7Z", **more})


def usage_chunk(usage: object = None, **more: Any) -> bytes:
    """The chunk that `stream_options.include_usage` adds at the end."""
    head = _head("chat.completion.chunk")
    return event({**head, "choices": [], "usage": USAGE if usage is None else usage, **more})


def text_events() -> list[bytes]:
    """The events of an answer of `WORDS` up to its finish reason, each with the `usage` of null that comes when
    usage was asked for.
    """
    events = [chunk({"role": "assistant", "content": "", "refusal": None}, usage=None)]
    events += [chunk({"content": word}, usage=None) for word in WORDS]
    return [*events, chunk({}, finish_reason="stop", usage=None)]


def text_stream() -> bytes:
    return b"".join((*text_events(), usage_chunk(), DONE))


def answer(usage: object = None, *, text: str = "".join(WORDS), **more: Any) -> bytes:
    """The same as one JSON object, indented as OpenAI sends it."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    value = {**_head("chat.completion"), "choices": [choice], "usage": USAGE if usage is None else usage, **more}
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def error(code: str | None, kind: str = "invalid_request_error") -> bytes:
    return json.dumps({"error": {"message": "No.", "type": kind, "param": None, "code": code}}, indent=4).encode()


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": kind,
        "created": 1741570283,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_50cad350e4",
    }
