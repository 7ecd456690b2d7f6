"""Responses: JSON, streamed, in the background, retrieved (API reference, "Responses", "Background mode")."""

import time
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.openai.response_items import items_of
from tests.fake_provider.openai.wire import (
    dated,
    event,
    json_answer,
    refuse_missing,
    refuse_unknown_model,
    stream_answer,
)
from tests.fake_provider.routing import Call
from tests.fake_provider.store import Store, Used, Work, page_of

_TERMINAL = {"completed": "completed", "incomplete": "incomplete", "failed": "failed"}


class Response(Work):
    def __init__(self, call: Call, body: dict[str, Any]) -> None:
        super().__init__(call.scenario)
        self.body, self.id = body, call.request.token("resp_", 48)
        self.model, self.store = dated(body["model"], self.scenario), call.store
        self.is_background = body.get("background") is True
        self.created_at = int(time.time())
        counted = counting.count_input(body)
        prompt = counted if self.scenario.prompt_tokens is None else self.scenario.prompt_tokens
        wanted, limit = counting.natural_length(prompt), body.get("max_output_tokens")
        length = min(wanted, limit) if isinstance(limit, int) else wanted
        pieces = counting.words(length) if self.scenario.text is None else counting.pieces(self.scenario.text)
        missing = self.scenario.text_bytes - sum(map(len, pieces))
        if missing > 0:
            pieces += counting.pieces("All work and no play. " * (missing // 22 + 1), 4096)
        self.end = self.scenario.ends_as or ("incomplete" if length < wanted else "completed")
        output = len(pieces) if self.scenario.output_tokens is None else self.scenario.output_tokens
        self.usage = self._usage(prompt, output)
        self.items = items_of(call.request, self.scenario, pieces)

    def _usage(self, prompt: int, output: int) -> dict[str, Any]:
        scenario = self.scenario
        writes = scenario.cache_write_tokens + scenario.cache_write_5m_tokens + scenario.cache_write_1h_tokens
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": scenario.cached_tokens, "cache_write_tokens": writes},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": scenario.reasoning_tokens},
            "total_tokens": prompt + output,
            **scenario.usage,
        }

    @property
    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled"
        if not self.is_background or self.has_ended:
            return self.end
        return "in_progress" if self.retrievals else "queued"

    @property
    def tier(self) -> str:
        asked = self.body.get("service_tier")
        return self.scenario.service_tier or (asked if asked in {"flex", "priority"} else "default")

    @property
    def tool_calls(self) -> dict[str, int]:
        """OpenAI's own tools are billed by the call; `usage` does not count them."""
        made = {"web_searches": self.scenario.web_searches, "file_searches": self.scenario.file_searches}
        return {name: count for name, count in made.items() if count}

    def finish(self) -> None:
        """Note what it used, once it has ended. What was cancelled reports nothing."""
        if self.status in _TERMINAL and self.end != "failed":
            self.store.used[self.id] = [Used("responses", self.model, self.usage, "", self.tier, self.tool_calls)]

    def shown(self, status: str) -> dict[str, Any]:
        is_over = status in _TERMINAL
        used: dict[str, Any] = {"usage": self.usage if is_over and status != "failed" else None}
        if is_over and (self.scenario.web_searches or self.scenario.file_searches):
            used["tool_usage"] = {"web_search": {"num_requests": self.scenario.web_searches}}
        error = {"code": "server_error", "message": "The model failed to generate a response."}
        body = self.body
        return {
            "id": self.id, "object": "response", "created_at": self.created_at, "status": status,
            "background": self.is_background, "completed_at": int(time.time()) if status == "completed" else None,
            "error": error if status == "failed" else None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.get("instructions"), "max_output_tokens": body.get("max_output_tokens"),
            "max_tool_calls": None, "model": self.model,
            "output": [item.final for item in self.items] if is_over and status != "failed" else [],
            "parallel_tool_calls": True, "previous_response_id": body.get("previous_response_id"),
            "prompt_cache_key": None, "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
            "service_tier": self.tier if is_over else "auto", "store": body.get("store") is not False,
            "temperature": 1.0, "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": "auto", "tools": body.get("tools") or [], "top_logprobs": 0, "top_p": 1.0,
            "truncation": "disabled", **(used if self.scenario.has_usage else {}), "user": None,
            "metadata": body.get("metadata") or {},
        }  # fmt: skip

    def events(self) -> list[bytes]:
        """All of them, numbered; the one at `starting_after` has that number."""
        begun = ["created", "queued", "in_progress"] if self.is_background else ["created", "in_progress"]
        first = "queued" if self.is_background else "in_progress"
        told: list[dict[str, Any]] = [
            {"type": f"response.{name}", "response": self.shown("in_progress" if name == "in_progress" else first)}
            for name in begun
        ]
        if self.scenario.has_all_events:
            told += [
                {"type": "response.audio.delta", "delta": "UklGRg=="},
                {"type": "response.audio.transcript.delta", "delta": "One"},
                {"type": "response.audio.transcript.done"},
                {"type": "response.audio.done"},
            ]
        for index, item in enumerate(self.items):
            told.append(
                {"type": "response.output_item.added", "output_index": index, "item": item.final | item.opening}
            )
            told += [step | {"item_id": item.final["id"], "output_index": index} for step in item.steps]
            told.append({"type": "response.output_item.done", "output_index": index, "item": item.final})
        if self.scenario.error_event:
            at = len(told) // 2 if self.scenario.at_event is None else self.scenario.at_event
            error = {"type": "error", "code": "server_error", "message": "The server had an error", "param": None}
            told = [*told[:at], error]
        else:
            told.append({"type": f"response.{self.end}", "response": self.shown(self.end)})
        return [event(value | {"sequence_number": number}) for number, value in enumerate(told)]


def create(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "model", "input")
    refuse_unknown_model(body["model"])
    is_background = body.get("background") is True
    if is_background and body.get("store") is False:
        raise Refused(400, "Background mode requires store to be true.", param="background")
    response = Response(call, body)
    if body.get("store") is not False:
        call.store.put("responses", response.id, response)
    # In the background it is billed when it ends, not with this call.
    billed: Any = {"id_": response.id, "model": response.model}
    if not is_background:
        billed["usage"] = None if response.end == "failed" or call.scenario.error_event else response.usage
        billed["tool_calls"] = response.tool_calls
    if body.get("stream"):
        if is_background:
            response.retrievals = call.scenario.polls
            response.finish()
        return stream_answer(call, response.events(), **billed)
    return json_answer(call, response.shown(response.status), **billed)


def retrieve(call: Call) -> Answer:
    response = _find(call.store, call.ids[0])
    if call.request.query("stream") == "true":
        response.retrievals = response.scenario.polls
        response.finish()
        after = int(call.request.query("starting_after", "-1"))
        return stream_answer(call, response.events()[after + 1 :], id_=response.id, model=response.model)
    response.retrieve()
    if response.is_background:
        response.finish()
    return json_answer(call, response.shown(response.status), id_=response.id, model=response.model)


def cancel(call: Call) -> Answer:
    response = _find(call.store, call.ids[0])
    if not response.is_background:
        raise Refused(400, "Only responses created with background=true can be cancelled.")
    if not response.has_ended:
        response.is_cancelled = True
    return json_answer(call, response.shown(response.status), id_=response.id, model=response.model)


def delete(call: Call) -> Answer:
    call.store.remove("responses", call.ids[0])
    return json_answer(call, {"id": call.ids[0], "object": "response", "deleted": True})


def input_items(call: Call) -> Answer:
    response, given = _find(call.store, call.ids[0]), []
    asked = response.body["input"]
    for number, item in enumerate([{"role": "user", "content": asked}] if isinstance(asked, str) else asked):
        content = item.get("content", "")
        parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        id_ = f"msg_{number}{response.id[6:]}"
        given.append({"type": "message", "status": "completed"} | item | {"id": id_, "content": parts})
    data, has_more = page_of(given[::-1], call.request.query("after"), call.limit)
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return json_answer(call, {"object": "list", "data": data, **ends, "has_more": has_more})


def input_tokens(call: Call) -> Answer:
    counted = counting.count_input(call.json())
    return json_answer(call, {"object": "response.input_tokens", "input_tokens": counted})


def compact(call: Call) -> Answer:
    """A billed pass of the model that shortens a conversation."""
    body = call.json()
    refuse_missing(body, "model", "input")
    response = Response(call, body)
    item = {"id": call.request.token("cmp_", 40), "type": "compaction", "encrypted_content": "Z0FBQUFB"}
    value = {
        "id": response.id, "object": "response.compaction", "created_at": response.created_at, "output": [item],
        "usage": response.usage,
    }  # fmt: skip
    return json_answer(call, value, usage=response.usage, model=response.model, id_=response.id)


def _find(store: Store, id_: str) -> Response:
    found = store.get("responses", id_)
    assert isinstance(found, Response)
    return found
