"""What the hosted tools of a response cost beside its tokens ("Pricing", built-in tools)."""

from typing import Any

import msgspec

from analytics.usage import OtherModelUsage
from proxy.providers.base import Counts, Members, generic, label, member, text_in

_MAX_SHARES = 20
_FREE = frozenset({"message", "reasoning", "function_call"})
_NOT_REASONING = ("gpt-4o", "gpt-4.1")


class _Item(msgspec.Struct):
    """One item of a response's output. Its text and its images are not looked at."""

    type: str = ""
    status: str | None = None
    action: Any = None
    environment: Any = None
    svg_usage: Any = None


_items_decoder = msgspec.json.Decoder(list[_Item])


class ToolFees(msgspec.Struct):
    web_searches: int = 0
    file_searches: int = 0
    shares: tuple[OtherModelUsage, ...] = ()


def read_fees(members: Members, counts: Counts) -> ToolFees:
    """The fees of a response's tools. `counts` is marked when some of them cannot be read."""
    items = _read_items(members, counts)
    if "tool_usage" not in members and all(item.type in _FREE and item.svg_usage is None for item in items):
        return ToolFees()
    used = generic(members.get("tool_usage"))
    shares = [*_image_share(members, items, member(used, "image_gen"), counts), *_svg_shares(items, counts)]
    if any(_runs_container(item) for item in items):
        counts.is_partial = True  # sold by the container and its size, which the answer does not tell
    if len(shares) > _MAX_SHARES:
        counts.is_partial = True
    web_searches = _count_web_searches(items, member(used, "web_search"), counts)
    if web_searches and _costs_more_to_search(members):
        counts.is_partial = True
    return ToolFees(
        web_searches=web_searches,
        file_searches=sum(item.type == "file_search_call" and item.status != "failed" for item in items),
        shares=tuple(shares[:_MAX_SHARES]),
    )


def _read_items(members: Members, counts: Counts) -> list[_Item]:
    raw = members.get("output")
    if raw is None:
        counts.is_partial = True  # always there, so it was too large to be kept
        return []
    try:
        return _items_decoder.decode(raw)
    except (ValueError, RecursionError):
        output = generic(raw)
    items = []
    for value in output if isinstance(output, list) else ():
        kind, status = member(value, "type"), member(value, "status")
        if isinstance(kind, str):
            known = {name: member(value, name) for name in ("action", "environment", "svg_usage")}
            items.append(_Item(kind, status if isinstance(status, str) else None, **known))
    return items


def _count_web_searches(items: list[_Item], used: Any, counts: Counts) -> int:
    """SDK, `ToolUsageWebSearch.num_requests`: "the number of billable web search requests". Where it is missing, the
    calls themselves: only the action "search" costs a fee, not "open_page" and "find_in_page" ("Web search",
    "Output and citations").
    """
    if member(used, "num_requests") is not None:
        return counts.read(used, "num_requests")
    return sum(
        item.type == "web_search_call" and item.status != "failed" and member(item.action, "type") in {None, "search"}
        for item in items
    )


def _costs_more_to_search(members: Members) -> bool:
    """The preview of the web search has another fee with models that do not reason ("Pricing", built-in tools)."""
    if not (text_in(members, "model") or "").startswith(_NOT_REASONING):
        return False
    tools = generic(members.get("tools"))
    kinds = [member(tool, "type") for tool in tools] if isinstance(tools, list) else []
    return any(isinstance(kind, str) and kind.startswith("web_search_preview") for kind in kinds)


def _runs_container(item: _Item) -> bool:
    """Code interpreter and hosted shell ("Pricing", containers); a local shell is the caller's own."""
    is_hosted_shell = item.type == "shell_call" and member(item.environment, "type") == "container_reference"
    return item.type == "code_interpreter_call" or is_hosted_shell


def _image_share(members: Members, items: list[_Item], used: Any, counts: Counts) -> list[OtherModelUsage]:
    """SDK, `ToolUsageImageGen`: the tokens of all image generations, at the image model's own prices."""
    is_called = any(item.type == "image_generation_call" and item.status != "failed" for item in items)
    if not counts.read(used, "total_tokens") and not counts.read(used, "input_tokens"):
        counts.is_partial = counts.is_partial or is_called
        return []
    cached = member(used, "cached_tokens_details")
    cached_text, cached_images = counts.read(cached, "cached_text_tokens"), counts.read(cached, "cached_image_tokens")
    sent, made = member(used, "input_tokens_details"), member(used, "output_tokens_details")
    output, text_out = counts.require(used, "output_tokens"), counts.read(made, "text_tokens")
    images_in = counts.read(sent, "image_tokens")
    if cached_images or counts.read(used, "cached_tokens") != cached_text + cached_images:
        counts.is_partial = True  # cached images have a price of their own, and no bucket
    model = _image_model(members)
    if not model:
        counts.is_partial = True
        return []
    return [
        OtherModelUsage(
            model=model,
            input=counts.clamp(counts.require(used, "input_tokens") - images_in - cached_text),
            cache_read=cached_text + cached_images,
            input_image=counts.clamp(images_in - cached_images),
            output=text_out,
            output_image=counts.clamp(output - text_out),
        )
    ]


def _image_model(members: Members) -> str:
    """The model that the image generation tool was told to use; "" where it took its default, which changes."""
    tools = generic(members.get("tools"))
    for tool in tools if isinstance(tools, list) else ():
        if member(tool, "type") == "image_generation":
            return label(member(tool, "model"), 128)
    return ""


def _svg_shares(items: list[_Item], counts: Counts) -> list[OtherModelUsage]:
    return [share for item in items for share in svg_share(item.svg_usage, counts)]


def svg_share(used: Any, counts: Counts) -> list[OtherModelUsage]:
    """SDK, `SvgUsage`: "token usage for SVG authoring, separate from image rendering usage", by a model of its own."""
    model = label(member(used, "model"), 128)
    if not model:
        counts.is_partial = counts.is_partial or used is not None
        return []
    return [
        OtherModelUsage(
            model=model,
            input=counts.require(used, "input_tokens"),
            output=counts.require(used, "output_tokens"),
        )
    ]
