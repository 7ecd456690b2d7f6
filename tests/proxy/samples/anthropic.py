"""Messages as Anthropic's API reference shows them ("Messages", "Streaming messages"), as JSON and as server-sent
events.
"""

import json
from typing import Any

MODEL = "claude-sonnet-4-5-20250929"
# What `message_start` knows: the input, and the one token with which the output begins.
START_USAGE: dict[str, Any] = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 3_000,
    "cache_read_input_tokens": 18_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
    "output_tokens": 1,
    "service_tier": "standard",
    "inference_geo": "global",
}
# What `message_delta` adds: cumulative counts, the input's too.
END_USAGE: dict[str, Any] = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 3_000,
    "cache_read_input_tokens": 18_000,
    "output_tokens": 310,
    "server_tool_use": {"web_search_requests": 2},
}
WORDS = ("Grüße", " from", ' {"type":"message_stop"}', "\n\nevent: message_stop", " 😀")
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def event(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"event: {value['type']}\ndata: {text}\n\n".encode()


def start(usage: object = None, **more: Any) -> bytes:
    usage = START_USAGE if usage is None else usage
    message = {**_head(), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage, **more}
    return event({"type": "message_start", "message": message})


def content(delta: dict[str, Any]) -> bytes:
    return event({"type": "content_block_delta", "index": 0, "delta": delta})


def delta(usage: object = None, *, stop_reason: str | None = "end_turn", stop_sequence: str | None = None) -> bytes:
    usage = END_USAGE if usage is None else usage
    reasons = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    return event({"type": "message_delta", "delta": reasons, "usage": usage})


def failure(kind: str = "overloaded_error") -> bytes:
    return event({"type": "error", "error": {"type": kind, "message": "Overloaded"}, "request_id": "req_1"})


def text_events() -> list[bytes]:
    """The events of an answer of `WORDS` before its `message_delta`."""
    block = {"type": "text", "text": ""}
    events = [start(), event({"type": "content_block_start", "index": 0, "content_block": block}), PING]
    events += [content({"type": "text_delta", "text": word}) for word in WORDS]
    return [*events, event({"type": "content_block_stop", "index": 0})]


def text_stream() -> bytes:
    return b"".join((*text_events(), delta(), STOP))


def answer(usage: object = None, *, text: str = "".join(WORDS), **more: Any) -> bytes:
    """The same as one JSON object."""
    usage = {**START_USAGE, **END_USAGE} if usage is None else usage
    content = [{"type": "text", "text": text}]
    value = {**_head(), "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage, **more}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def error(kind: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": "No."}, "request_id": "req_1"}).encode()


def _head() -> dict[str, Any]:
    return {"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": MODEL}
