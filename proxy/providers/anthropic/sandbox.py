"""Simulated messages, in the format of real ones."""

from typing import Any

import msgspec

from proxy.providers.base import SimulatedCall, Simulation


def simulate(call: SimulatedCall) -> Simulation:
    usage = {
        "input_tokens": call.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": call.output_tokens,
        "service_tier": "standard",
    }
    head = {"id": f"msg_sandbox{call.id}", "type": "message", "role": "assistant", "model": call.model}
    if not call.is_streamed:
        content = [{"type": "text", "text": call.text}]
        answer = {**head, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        return Simulation(b"application/json", (msgspec.json.encode(answer),))
    start: dict[str, Any] = {
        **head,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    for position, word in enumerate(call.text.split(" ")):
        delta = {"type": "text_delta", "text": word if position == 0 else f" {word}"}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": call.output_tokens}},
        {"type": "message_stop"},
    ]
    return Simulation(b"text/event-stream; charset=utf-8", tuple(_event(event) for event in events))


def _event(value: dict[str, Any]) -> bytes:
    return b"event: " + str(value["type"]).encode() + b"\ndata: " + msgspec.json.encode(value) + b"\n\n"
