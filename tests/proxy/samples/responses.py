"""A response in the documented format, and reading one."""

import json
from typing import Any

from analytics.usage import TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading, Route

OPENAI = PROVIDERS["openai"]
CREATE = OPENAI.find_route("POST", "responses")
GET = OPENAI.find_route("GET", "responses/resp_1")
CANCEL = OPENAI.find_route("POST", "responses/resp_1/cancel")
MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": 'Say "usage".', "annotations": []}]}
# 36 - 10 - 6 = 20 uncached.
USAGE = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 6},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 123,
}
READ = TokenUsage(input=20, cache_read=10, cache_write_5m=6, output=87, reasoning=64, service_tier="default")


def response(**more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5-2025-08-07",
        "output": [MESSAGE],
        "service_tier": "default",
        "tools": [],
        "usage": USAGE,
        **more,
    }


def read(route: Route = CREATE, **more: Any) -> Reading:
    return OPENAI.read_answer(route, json.dumps(response(**more)).encode(), Asked())


def usage_of(**more: Any) -> TokenUsage:
    usage = read(**more).usage
    assert usage is not None
    return usage
