"""Which model and which tool decide about a fee."""

import pytest

from tests.proxy.samples.responses import usage_of
from tests.proxy.test_responses_tools import SEARCHES


@pytest.mark.parametrize(
    ("model", "tool", "is_partial"),
    [
        ("gpt-4o-2024-08-06", "web_search_preview", True),
        ("gpt-4.1", "web_search_preview_2025_03_11", True),
        ("gpt-4o-2024-08-06", "web_search", False),
        ("gpt-5-2025-08-07", "web_search_preview", False),
    ],
)
def test_the_preview_of_the_search_has_another_fee_with_models_that_do_not_reason(
    model: str, tool: str, is_partial: bool
) -> None:
    """ "Pricing", built-in tools: $25 for 1,000 calls in place of $10."""
    found = usage_of(model=model, tools=[None, {"type": tool}], output=SEARCHES)
    assert (found.web_searches, found.is_partial) == (2, is_partial)
    assert not usage_of(model=model, tools=[{"type": tool}]).is_partial
