"""What a response may consist of: each kind of output item, and the events in which a stream tells of it.

Written from the API reference, "Streaming events" of Responses, and the SDK's types of the items.
"""

import dataclasses
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Request
from tests.fake_provider.scenario import Scenario

Fields = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """`steps` are events between `output_item.added` and `output_item.done`, still without their place."""

    final: Fields
    opening: Fields  # members that are different while it is being made
    steps: list[Fields] = dataclasses.field(default_factory=list)


def items_of(request: Request, scenario: Scenario, pieces: list[str]) -> list[Item]:
    """The output in order: reasoning, the tools' calls, the message or the calls for the client's own tools."""
    found = []
    if scenario.thinking or scenario.reasoning_tokens:
        found.append(_reasoning(request.token("rs_", 48), scenario.thinking))
    found += [_web_search(request.token(f"ws_{n}", 47)) for n in range(scenario.web_searches)]
    found += [_file_search(request.token(f"fs_{n}", 47)) for n in range(scenario.file_searches)]
    if scenario.has_all_events:
        found += _unusual(request)
    for number, tool in enumerate(scenario.tools):
        found.append(_function(request.token(f"fc_{number}", 47), request.token(f"call_{number}", 20), tool))
    if not scenario.tools or scenario.text is not None or scenario.has_all_events:
        found.append(_message(request.token("msg_", 48), scenario, pieces))
    return found


def _event(kind: str, **fields: Any) -> Fields:
    return {"type": f"response.{kind}"} | fields


def _call(kind: str, id_: str, states: tuple[str, ...], more: Fields, between: list[Fields] | None = None) -> Item:
    """A call of one of OpenAI's own tools: it passes through its states."""
    final = {"id": id_, "type": kind, "status": "completed"} | more
    told = [_event(f"{kind}.{state}") for state in states]
    return Item(final, {"status": "in_progress"}, [*told[:-1], *(between or []), told[-1]])


def _reasoning(id_: str, thinking: str) -> Item:
    if not thinking:
        return Item({"id": id_, "type": "reasoning", "summary": []}, {})
    part = {"type": "summary_text", "text": thinking}
    steps = [_event("reasoning_summary_part.added", summary_index=0, part=part | {"text": ""})]
    steps += [
        _event("reasoning_summary_text.delta", summary_index=0, delta=piece, obfuscation="pXz81k")
        for piece in counting.pieces(thinking)
    ]
    steps.append(_event("reasoning_summary_text.done", summary_index=0, text=thinking))
    steps.append(_event("reasoning_summary_part.done", summary_index=0, part=part))
    return Item({"id": id_, "type": "reasoning", "summary": [part]}, {"summary": []}, steps)


def _web_search(id_: str) -> Item:
    action = {"type": "search", "query": "usage", "queries": ["usage"], "sources": None}
    return _call("web_search_call", id_, ("in_progress", "searching", "completed"), {"action": action})


def _file_search(id_: str) -> Item:
    more = {"queries": ["usage"], "results": None}
    return _call("file_search_call", id_, ("in_progress", "searching", "completed"), more)


def _function(id_: str, call_id: str, tool: Any) -> Item:
    final = {
        "id": id_, "type": "function_call", "status": "completed", "arguments": tool.arguments, "call_id": call_id,
        "name": tool.name,
    }  # fmt: skip
    steps = [
        _event("function_call_arguments.delta", delta=piece, obfuscation="9dKq")
        for piece in counting.pieces(tool.arguments, 9)
    ]
    steps.append(_event("function_call_arguments.done", arguments=tool.arguments))
    return Item(final, {"status": "in_progress", "arguments": ""}, steps)


def _message(id_: str, scenario: Scenario, pieces: list[str]) -> Item:
    text = scenario.refusal or "".join(pieces)
    citation = {"type": "url_citation", "url": "https://example.com/usage", "title": "Usage", "start_index": 0}
    annotations = [citation | {"end_index": 3}] if scenario.web_searches or scenario.has_all_events else []
    steps: list[Fields] = []
    if scenario.refusal:
        part: Fields = {"type": "refusal", "refusal": text}
        empty, parts = part | {"refusal": ""}, counting.pieces(text, 6)
        steps += [_event("refusal.delta", content_index=0, delta=piece, obfuscation="Q1") for piece in parts]
        steps.append(_event("refusal.done", content_index=0, refusal=text))
    else:
        part = {"type": "output_text", "annotations": annotations, "logprobs": [], "text": text}
        empty = part | {"annotations": [], "text": ""}
        steps += [
            _event("output_text.delta", content_index=0, delta=piece, logprobs=[], obfuscation="kT7yQz0R"[: n % 8 + 1])
            for n, piece in enumerate(pieces)
        ]
        for index, annotation in enumerate(annotations):
            told: Fields = {"content_index": 0, "annotation_index": index, "annotation": annotation}
            steps.append(_event("output_text.annotation.added", **told))
        steps.append(_event("output_text.done", content_index=0, text=text, logprobs=[]))
    steps.insert(0, _event("content_part.added", content_index=0, part=empty))
    steps.append(_event("content_part.done", content_index=0, part=part))
    final = {"id": id_, "type": "message", "status": "completed", "content": [part], "role": "assistant"}
    return Item(final, {"status": "in_progress", "content": []}, steps)


def _unusual(request: Request) -> list[Item]:
    """One item of every other kind that has events of its own, also those that few programs ask for."""

    def new(prefix: str) -> str:
        return request.token(prefix, 40)

    code, arguments, patch = "print(1)", '{"q": "usage"}', "*** Begin Patch"
    tools = [{"name": "search", "input_schema": {"type": "object"}, "annotations": None, "description": "Search"}]
    listed = {"id": new("mcpl_"), "type": "mcp_list_tools", "server_label": "docs", "tools": tools, "error": None}
    failed = {"id": new("mcpl_f"), "type": "mcp_list_tools", "server_label": "old", "tools": [], "error": "gone"}
    return [
        _reasoning_in_full(new("rs_f")),
        _call(
            "code_interpreter_call", new("ci_"), ("in_progress", "interpreting", "completed"),
            {"code": code, "container_id": new("cntr_"), "outputs": None},
            [
                _event("code_interpreter_call_code.delta", delta=code),
                _event("code_interpreter_call_code.done", code=code),
            ],
        ),
        _call(
            "image_generation_call", new("ig_"), ("in_progress", "generating", "completed"), {"result": "iVBORw0KGgo="},
            [_event("image_generation_call.partial_image", partial_image_index=0, partial_image_b64="iVBORw0KGgo=")],
        ),
        Item(listed, {"tools": []}, [_event("mcp_list_tools.in_progress"), _event("mcp_list_tools.completed")]),
        Item(failed, {}, [_event("mcp_list_tools.in_progress"), _event("mcp_list_tools.failed")]),
        _mcp(new("mcp_"), arguments, "completed"),
        _mcp(new("mcp_f"), arguments, "failed"),
        Item(
            {"id": new("ctc_"), "type": "custom_tool_call", "call_id": new("call_c"), "name": "patch", "input": patch},
            {"input": ""},
            [_event("custom_tool_call_input.delta", delta=patch), _event("custom_tool_call_input.done", input=patch)],
        ),
        _shell(new("sh_"), new("call_s")),
        Item(
            {"id": new("cmp_"), "type": "compaction", "encrypted_content": "Z0FBQUFB"},
            {},
            [_event("compaction.compacting")],
        ),
    ]  # fmt: skip


def _reasoning_in_full(id_: str) -> Item:
    text = "Two facts are needed."
    steps = [
        _event("reasoning_text.delta", content_index=0, delta=text),
        _event("reasoning_text.done", content_index=0, text=text),
    ]
    content = [{"type": "reasoning_text", "text": text}]
    return Item({"id": id_, "type": "reasoning", "summary": [], "content": content}, {"content": []}, steps)


def _mcp(id_: str, arguments: str, end: str) -> Item:
    output = "42" if end == "completed" else None
    more = {"name": "search", "server_label": "docs", "arguments": arguments, "output": output, "error": None}
    between = [
        _event("mcp_call_arguments.delta", delta=arguments),
        _event("mcp_call_arguments.done", arguments=arguments),
    ]
    return _call("mcp_call", id_, ("in_progress", end), more | {"status": end}, between)


def _shell(id_: str, call_id: str) -> Item:
    command, wrote = "ls", {"stdout": "a.txt\n", "stderr": ""}
    action = {"commands": [command], "max_output_length": None, "timeout_ms": None}
    final = {"id": id_, "type": "shell_call", "call_id": call_id, "status": "completed", "action": action}
    steps = [
        _event("shell_call_command.added", command_index=0, command=""),
        _event("shell_call_command.delta", command_index=0, delta=command),
        _event("shell_call_command.done", command_index=0, command=command),
        _event("shell_call_output_content.delta", command_index=0, delta=wrote),
        _event(
            "shell_call_output_content.done",
            command_index=0,
            output=[wrote | {"outcome": {"type": "exit", "exit_code": 0}}],
        ),
    ]
    return Item(final, {"status": "in_progress"}, steps)
