"""Estimates of a request's tokens, where the provider reported none: text by its length, images by a constant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.base import IMAGE_TOKENS, estimate_input_tokens

TEXT = "x" * 4_000  # 1,000 tokens
PIXELS = "data:image/png;base64," + "A" * 40_000


def estimated(request: dict[str, Any]) -> int:
    return estimate_input_tokens(json.dumps(request).encode())


def of_user(*parts: object) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    "request_body",
    [
        {"messages": [{"role": "user", "content": TEXT}]},
        {"messages": [{"content": TEXT[:2_000]}, {"content": TEXT[2_000:]}]},
        {"system": TEXT, "messages": []},
        {"system": [{"type": "text", "text": TEXT}]},
        {"tools": [{"type": "function", "function": {"name": "f", "description": TEXT}}]},
        {"input": TEXT},
        {"prompt": TEXT},
        {"messages": [{"content": "é" * 2_000}]},
        {"instructions": TEXT, "input": []},
        {"input": [list(range(500)), list(range(500))]},
        {"prompt": list(range(1_000))},
    ],
)
def test_text_counts_by_its_bytes(request_body: dict[str, Any]) -> None:
    assert 1_000 <= estimated({"model": "m", "metadata": {"user": TEXT}, **request_body}) <= 1_010


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image_url", "image_url": {"url": PIXELS}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}},
        {"type": "input_image", "image_url": PIXELS},
        {"type": "document", "source": {"type": "base64", "data": "A" * 40_000}},
        {"type": "file", "file": {"file_data": PIXELS}},
        {"type": "input_audio", "input_audio": {"data": "A" * 40_000, "format": "wav"}},
    ],
)
def test_an_image_counts_by_a_constant_wherever_it_stands(image: dict[str, Any]) -> None:
    assert IMAGE_TOKENS <= estimated(of_user(image)) <= IMAGE_TOKENS + 10
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image, image]}
    assert 2 * IMAGE_TOKENS <= estimated(of_user(result)) <= 2 * IMAGE_TOKENS + 10


def test_a_tools_schema_may_have_a_list_of_types() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"type": {}}}}
    assert estimated({"tools": [{"name": "f", "description": TEXT, "input_schema": schema}]}) >= 1_000


@pytest.mark.parametrize(
    ("content", "tokens"),
    [(b"", 0), (b"{}", 0), (b"[1]", 0), (b'"x"', 0), (b"null", 0), (b"\xff" * 40, 10), (b"[" * 4_000, 1_000)],
)
def test_other_bodies_have_an_estimate_too(content: bytes, tokens: int) -> None:
    assert estimate_input_tokens(content) == tokens


def test_a_request_of_very_many_values_counts_by_its_length() -> None:
    """Looking at each would keep all other calls waiting for seconds."""
    for value in ("1", "[]", "{}", '""'):
        content = '{{"model":"m","other":[{}]}}'.format(",".join([value] * 600_000))
        assert estimate_input_tokens(content.encode()) == len(content) // 4
    content = '{{"model":"m","other":[{}]}}'.format(",".join(["1"] * 400_000))
    assert estimate_input_tokens(content.encode()) == 0


def test_a_request_with_a_lone_surrogate_counts_by_its_length() -> None:
    assert estimate_input_tokens(rb'{"messages":[{"content":"\ud83d' + b"x" * 4_000 + b'"}]}') >= 1_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["messages", "system", "tools", "input", "prompt"]), anything))
def test_any_request_has_an_estimate(request_body: dict[str, Any]) -> None:
    assert estimated(request_body) >= 0
