"""Simulated chat completions, in the format of real ones."""

from typing import Any

import msgspec

from proxy.providers.base import SimulatedCall, Simulation


def simulate(call: SimulatedCall) -> Simulation:
    usage = {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    head = {"id": f"chatcmpl-sandbox{call.id}", "created": call.created, "model": call.model}
    if not call.is_streamed:
        message = {"role": "assistant", "content": call.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        answer = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        return Simulation(b"application/json", (msgspec.json.encode(answer),))
    words = call.text.split(" ")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word if position == 0 else f" {word}"} for position, word in enumerate(words)]
    chunks = [_simulated_chunk(head, delta, None) for delta in deltas]
    chunks.append(_simulated_chunk(head, {}, "stop"))
    if call.wants_usage:
        chunks.append(_event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return Simulation(b"text/event-stream; charset=utf-8", (*chunks, b"data: [DONE]\n\n"))


def _simulated_chunk(head: dict[str, Any], delta: dict[str, Any], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
