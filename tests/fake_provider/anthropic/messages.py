"""Messages (JSON and server-sent events) and token counting (API reference, "Messages", "Streaming Messages", "Prompt
caching").
"""

from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused, Request, compact
from tests.fake_provider.anthropic.wire import DATED, ERRORS, event, headers, json_answer, stream_answer
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import Scenario

_SIGNATURE = "EqQBCkYIBRgCKkDq" + "f8Zr2kVx0bTn" * 6 + "=="


def messages(call: Call) -> Answer:
    body = checked(call.request, call.json())
    message = Message(call.request, body, call.scenario)
    billed: Any = {"usage": message.final_usage(), "model": message.model, "id": message.id}
    if body.get("stream") is True:
        return stream_answer(call, _events(message), **billed)
    return Answer(200, headers(call.request), [message.as_json().encode()], **billed)


def count_tokens(call: Call) -> Answer:
    return json_answer(call, {"input_tokens": counting.count_prompt(call.json())})


def checked(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            raise Refused(400, f"{name}: Field required", kind="invalid_request_error")
    if request.header("anthropic-version") >= "2026-10-21":
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                raise Refused(400, f"{name}: Extra inputs are not permitted", kind="invalid_request_error")
    if not isinstance(body["model"], str) or body["model"].startswith("no-such-model"):
        raise Refused(404, f"model: {body['model']}", kind="not_found_error")
    return body


class Message:
    """One answer, before it takes the shape of JSON or of a stream."""

    def __init__(
        self, request: Request, body: dict[str, Any], scenario: Scenario, *, tier: str = "standard", suffix: str = ""
    ) -> None:
        self.request, self.scenario = request, scenario
        model = body["model"].partition("@")[0]
        self.model = scenario.model or DATED.get(model, model)
        self.id, self.tier = request.token(f"msg_01{suffix}", 22), tier
        prompt = scenario.prompt_tokens
        self.prompt = counting.count_prompt(body) if prompt is None else prompt
        wanted = counting.natural_length(self.prompt)
        length = min(wanted, body["max_tokens"])
        self.pieces = counting.words(length) if scenario.text is None else counting.pieces(scenario.text)
        missing = scenario.text_bytes - sum(map(len, self.pieces))
        if missing > 0:
            self.pieces += counting.pieces("All work and no play. " * (missing // 22 + 1), 4096)
        self.output = len(self.pieces) if scenario.output_tokens is None else scenario.output_tokens
        self.stop = {"length": "max_tokens"}.get(scenario.finish, scenario.finish) or (
            "tool_use" if scenario.tools else "refusal" if scenario.refusal else ""
        )
        self.stop = self.stop or ("max_tokens" if length < wanted else "end_turn")

    def usage(self, *, prompt: int, output: int, searches: int) -> dict[str, Any]:
        scenario = self.scenario
        split = scenario.cache_write_5m_tokens + scenario.cache_write_1h_tokens
        found: dict[str, Any] = {
            "input_tokens": prompt,
            "cache_creation_input_tokens": scenario.cache_write_tokens + split,
            "cache_read_input_tokens": scenario.cached_tokens,
        }
        if not scenario.cache_write_tokens:
            found["cache_creation"] = {
                "ephemeral_5m_input_tokens": scenario.cache_write_5m_tokens,
                "ephemeral_1h_input_tokens": scenario.cache_write_1h_tokens,
            }
        found["output_tokens"] = output
        if scenario.reasoning_tokens:
            found["output_tokens_details"] = {"thinking_tokens": scenario.reasoning_tokens}
        if searches:
            found["server_tool_use"] = {"web_search_requests": searches, "web_fetch_requests": 0}
        found["service_tier"] = scenario.service_tier or self.tier
        found["inference_geo"] = scenario.inference_geo or "global"
        return found | ({"speed": scenario.speed} if scenario.speed else {})

    def final_usage(self) -> dict[str, Any]:
        found = self.usage(prompt=self.prompt, output=self.output, searches=self.scenario.web_searches)
        return found | self.scenario.usage

    def blocks(self) -> list[dict[str, Any]]:
        """The content blocks as JSON answers carry them."""
        found: list[dict[str, Any]] = []
        if self.scenario.thinking:
            found.append({"type": "thinking", "thinking": self.scenario.thinking, "signature": _SIGNATURE})
        for index in range(self.scenario.web_searches):
            found += self._search(index)
        text = self.scenario.refusal or "".join(self.pieces)
        if not self.scenario.tools or self.scenario.text:
            found.append({"type": "text", "text": text})
        for index, tool in enumerate(self.scenario.tools):
            id_ = self.request.token(f"toolu_{index}", 20)
            found.append({"type": "tool_use", "id": id_, "name": tool.name, "input": _Raw(tool.arguments)})
        return found

    def _search(self, index: int) -> list[dict[str, Any]]:
        id_ = self.request.token(f"srvtoolu_{index}", 20)
        result = {
            "type": "web_search_result",
            "title": "Usage",
            "url": "https://example.com/usage",
            "encrypted_content": "RXhhbXBsZQ==",
            "page_age": None,
        }
        return [
            {"type": "server_tool_use", "id": id_, "name": "web_search", "input": _Raw('{"query": "usage"}')},
            {"type": "web_search_tool_result", "tool_use_id": id_, "content": [result]},
        ]

    def shell(self) -> dict[str, Any]:
        return {"model": self.model, "id": self.id, "type": "message", "role": "assistant"}

    def as_json(self) -> str:
        usage = {"usage": self.final_usage()} if self.scenario.has_usage else {}
        stop = {"stop_reason": self.stop, "stop_sequence": None, "stop_details": None}
        return _with_raw(self.shell() | {"content": self.blocks()} | stop | usage)

    def start_usage(self) -> dict[str, Any]:
        """What `message_start` says: a first guess of the output, and no web search made yet."""
        prompt = self.prompt // 2 if self.scenario.web_searches else self.prompt
        return self.usage(prompt=prompt, output=min(self.output, 1), searches=0) | self.scenario.start_usage

    def delta_usage(self) -> dict[str, Any]:
        if self.scenario.has_brief_delta_usage:
            return {"output_tokens": self.output}
        final = self.final_usage()
        absent = {"cache_creation", "service_tier", "inference_geo", "speed"} - set(self.scenario.usage)
        return {name: value for name, value in final.items() if name not in absent}


class _Raw(str):
    """JSON text to be put into an answer as it is."""

    __slots__ = ()


def _with_raw(value: dict[str, Any]) -> str:
    raws: list[str] = []

    def hidden(item: Any) -> Any:
        if isinstance(item, _Raw):
            raws.append(item)
            return f"\x00{len(raws) - 1}\x00"
        if isinstance(item, dict):
            return {name: hidden(member) for name, member in item.items()}
        return [hidden(member) for member in item] if isinstance(item, list) else item

    text = compact(hidden(value))
    for index, raw in enumerate(raws):
        text = text.replace(f'"\\u0000{index}\\u0000"', raw)
    return text


def _block_events(index: int, block: dict[str, Any], pieces: list[str]) -> list[bytes]:
    deltas: list[dict[str, Any]]
    match block["type"]:
        case "text":
            start, deltas = block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case "thinking":
            start = block | {"thinking": "", "signature": ""}
            parts = counting.pieces(block["thinking"])
            deltas = [{"type": "thinking_delta", "thinking": part} for part in parts]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use" | "server_tool_use":
            parts = ["", *counting.pieces(block["input"], 9)]
            start, deltas = block | {"input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in parts]
        case _:
            start, deltas = block, []
    events = [event("content_block_start", {"index": index, "content_block": start}, index)]
    events += [event("content_block_delta", {"index": index, "delta": d}, n) for n, d in enumerate(deltas)]
    return [*events, event("content_block_stop", {"index": index}, index + 3)]


def _events(message: Message) -> list[bytes]:
    scenario = message.scenario
    empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    usage = {"usage": message.start_usage()} if scenario.has_usage else {}
    events = [event("message_start", {"message": message.shell() | empty | usage}, 2)]
    for index, block in enumerate(message.blocks()):
        pieces = counting.pieces(scenario.refusal) if scenario.refusal else message.pieces
        events += _block_events(index, block, pieces)
        if index == 0:
            events.insert(2, b'event: ping\ndata: {"type": "ping"}\n\n')
    if scenario.error_event:
        known = dict(ERRORS.values())
        error = {"type": scenario.error_event, "message": known.get(scenario.error_event, "Something failed")}
        at = len(events) // 2 if scenario.at_event is None else scenario.at_event
        return [*events[:at], event("error", {"error": error, "request_id": message.request.token("req_011C", 20)})]
    stop = {"stop_reason": message.stop, "stop_sequence": None, "stop_details": None}
    usage = {"usage": message.delta_usage()} if scenario.has_usage else {}
    return [*events, event("message_delta", {"delta": stop} | usage, 5), event("message_stop", {}, 9)]
