"""Responses: tools with fees of their own. Each rule names its page of OpenAI's documentation or SDK type."""

import json
from typing import Any

import pytest

from analytics.usage import OtherModelUsage, TokenUsage
from proxy.providers.base import Asked
from tests.proxy.samples.responses import CREATE, MESSAGE, OPENAI, response, usage_of


def search(action: object, status: str = "completed") -> dict[str, Any]:
    return {"type": "web_search_call", "id": "ws_1", "status": status, "action": action}


SEARCHES = [
    search({"type": "search", "query": "usage", "queries": ["a", "b"]}),
    search({"type": "open_page", "url": "https://example.com"}),
    search({"type": "find_in_page", "url": "https://example.com", "pattern": "x"}),
    search({"type": "search", "query": "x"}, status="failed"),
    search(None),  # as answers of 2025 had them
]


def test_a_search_costs_a_fee_and_opening_a_page_does_not() -> None:
    """ "Web search", "Output and citations"."""
    assert usage_of(output=SEARCHES) == TokenUsage(
        input=20, cache_read=10, cache_write_5m=6, output=87, reasoning=64, service_tier="default", web_searches=2
    )


@pytest.mark.parametrize(("told", "searches"), [(5, 5), (0, 0), (None, 2)])
def test_the_billable_searches_are_the_providers_own_count(told: int | None, searches: int) -> None:
    """SDK, `ToolUsageWebSearch.num_requests`: discounted searches are excluded."""
    used = {"web_search": {"num_requests": told}, "image_gen": {"input_tokens": 0, "total_tokens": 0}}
    assert usage_of(output=SEARCHES, tool_usage=used).web_searches == searches


def test_file_searches_are_counted() -> None:
    """ "Pricing", built-in tools: a fee for each call of the file search tool."""
    items = [{"type": "file_search_call", "status": status, "results": None} for status in ("completed", "failed")]
    found = usage_of(output=[*items, MESSAGE])
    assert (found.file_searches, found.is_partial) == (1, False)


@pytest.mark.parametrize(
    ("item", "is_partial"),
    [
        ({"type": "code_interpreter_call", "code": "1", "container_id": "cntr_1"}, True),
        ({"type": "shell_call", "environment": {"type": "container_reference", "container_id": "cntr_1"}}, True),
        ({"type": "shell_call", "environment": {"type": "local"}}, False),
        ({"type": "image_generation_call", "status": "completed", "result": "aGk="}, True),
        ({"type": "image_generation_call", "status": "failed"}, False),
        ({"type": "mcp_call", "arguments": '{"usage":1}'}, False),
        ({"type": "function_call", "arguments": '{"type":"code_interpreter_call"}'}, False),
        ({"type": "computer_call", "action": {"type": "click", "x": 1}}, False),
    ],
)
def test_a_tool_whose_fee_cannot_be_read_makes_the_usage_partial(item: dict[str, Any], is_partial: bool) -> None:
    assert usage_of(output=[item]).is_partial is is_partial


IMAGES = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 30, "text_tokens": 20},
    "output_tokens": 1_056,
    "output_tokens_details": {"image_tokens": 1_056, "text_tokens": 0},
    "total_tokens": 1_106,
}
DRAWN = {"type": "image_generation_call", "status": "completed"}


def test_images_are_a_share_at_the_image_models_prices() -> None:
    """SDK, `ToolUsageImageGen`, and `ImageGeneration.model` of the tool."""
    tool = {"type": "image_generation", "model": "gpt-image-1.5"}
    found = usage_of(output=[DRAWN], tools=[tool], tool_usage={"image_gen": IMAGES})
    share = OtherModelUsage(model="gpt-image-1.5", input=20, input_image=30, output_image=1_056)
    assert found.other_models == (share,)
    assert (found.input, found.input_image, found.output, found.output_image) == (40, 30, 87, 1_056)
    assert not found.is_partial


@pytest.mark.parametrize("tools", [[], [{"type": "image_generation"}], None, "x"])
def test_images_of_an_unnamed_model_make_the_usage_partial(tools: object) -> None:
    found = usage_of(output=[DRAWN], tools=tools, tool_usage={"image_gen": IMAGES})
    assert (found.other_models, found.output_image, found.is_partial) == ((), 0, True)


def test_drawings_are_by_a_model_of_their_own() -> None:
    """SDK, `ImageGenerationCallSvgUsage`."""
    drawn = {"model": "gpt-6-sol", "input_tokens": 7, "output_tokens": 9, "reasoning_tokens": 4, "total_tokens": 16}
    found = usage_of(output=[{"type": "image_generation_call", "status": "failed", "svg_usage": drawn}])
    assert found.other_models == (OtherModelUsage(model="gpt-6-sol", input=7, output=9),)
    assert (found.input, found.output) == (27, 96)


def test_the_output_of_an_answer_too_large_to_keep_may_hide_a_tool() -> None:
    value = response()
    del value["output"]
    reading = OPENAI.read_answer(CREATE, json.dumps(value).encode(), Asked())
    assert reading.usage is not None
    assert reading.usage.is_partial
