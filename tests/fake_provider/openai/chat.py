"""Chat completions and the older completions, as JSON and as server-sent events (API reference, "Chat",
"Chat streaming", "Completions").
"""

import time
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused, Request, compact
from tests.fake_provider.openai.wire import (
    ERRORS,
    dated,
    json_answer,
    refuse_missing,
    refuse_unknown_model,
    stream_answer,
)
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import Scenario


def chat(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "model", "messages")
    _refuse_options(body)
    refuse_unknown_model(body["model"])
    completion = _Completion(call.request, body, call.scenario)
    billed: Any = {"usage": completion.usage, "model": completion.model, "id_": str(completion.base["id"])}
    if body.get("stream") is True:
        return stream_answer(call, completion.as_events(), **billed)
    return json_answer(call, completion.as_value(), **billed)


def _refuse_options(body: dict[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, message, param="stream_options")


class _Completion:
    """One chat answer, before it takes the shape of JSON or of a stream."""

    def __init__(self, request: Request, body: dict[str, Any], scenario: Scenario) -> None:
        self.request, self.body, self.scenario = request, body, scenario
        self.model = dated(body["model"], scenario)
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

    def as_value(self) -> dict[str, Any]:
        text = None if self.scenario.tools or self.scenario.refusal else "".join(self.pieces)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.scenario.tools:
            message["tool_calls"] = self.tool_calls()
        message |= {"refusal": self.scenario.refusal or None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        value = self.base | {"choices": [choice]} | ({"usage": self.usage} if self.scenario.has_usage else {})
        return value | {"service_tier": self.tier, "system_fingerprint": "fp_44709d6fcb"}

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
            error = {"message": ERRORS[503][2], "type": "server_error", "param": None, "code": None}
            at = self.scenario.at_event
            return [
                *events[: len(events) // 2 if at is None else at],
                f"data: {compact({'error': error})}\n\n".encode(),
            ]
        events.append(chunk(choice({}, self.finish), None, len(events)))
        if has_usage and self.scenario.has_usage:
            events.append(chunk([], self.usage, len(events)))
        return [*events, b"data: [DONE]\n\n"]


def completions(call: Call) -> Answer:
    """The older ones: a prompt (or a list of them) in, text out; JSON and chunks have the same shape."""
    body = call.json()
    refuse_missing(body, "model", "prompt")
    _refuse_options(body)
    refuse_unknown_model(body["model"])
    scenario, prompts = call.scenario, body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
    model, id_ = dated(body["model"], scenario), call.request.token("cmpl-", 29)
    counted = sum(counting.count_text(text) if isinstance(text, str) else 1 for text in prompts)
    prompt = counted if scenario.prompt_tokens is None else scenario.prompt_tokens
    pieces = counting.words(min(counting.natural_length(prompt), body.get("max_tokens") or 16))
    count = len(prompts) * (body.get("n") or 1)
    output = len(pieces) * count if scenario.output_tokens is None else scenario.output_tokens
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output, **scenario.usage}
    base = {"id": id_, "object": "text_completion", "created": int(time.time()), "model": model}

    def choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
        return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}

    billed: Any = {"usage": usage, "model": model, "id_": id_}
    if not body.get("stream"):
        shown = {"usage": usage} if scenario.has_usage else {}
        choices = [choice(index, "".join(pieces), "stop") for index in range(count)]
        return json_answer(call, base | {"choices": choices} | shown, **billed)
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    null = {"usage": None} if wants_usage else {}
    chunks = [base | {"choices": [choice(index, piece, None)]} | null for piece in pieces for index in range(count)] + [
        base | {"choices": [choice(index, "", "stop")]} | null for index in range(count)
    ]
    if wants_usage and scenario.has_usage:
        chunks.append(base | {"choices": [], "usage": usage})
    events = [f"data: {compact(chunk)}\n\n".encode() for chunk in chunks]
    return stream_answer(call, [*events, b"data: [DONE]\n\n"], **billed)
