"""A usual completion is read by a shorter way, and says what the careful one says, whatever it holds."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading
from proxy.providers.openai import chat

CHAT = PROVIDERS["openai"].find_route("POST", "chat/completions")

# What is and what is not a count, and what may be in its place.
COUNTS: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 50),
    st.sampled_from([None, True, False, -1, 1.0, 2.5, "3", [], {}, MAX_TOKENS, MAX_TOKENS + 1, 2**63, 10**30, 1e300]),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["stop", "gpt-4o", "gpt-4o-search-preview", "priority", "", None, 7, ["a"], "a\nb", "\x00", "é", "x" * 200]
    ),
    st.text(max_size=5),
)
DETAILS = st.one_of(
    st.sampled_from([None, [], "x", 5]),
    st.dictionaries(
        st.sampled_from(
            ["cached_tokens", "cache_write_tokens", "audio_tokens", "reasoning_tokens", "text_tokens", "image_tokens"]
        ),
        COUNTS,
    ),
)
USAGES = st.one_of(
    st.sampled_from([None, [], "x", {}]),
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": COUNTS,
            "completion_tokens": COUNTS,
            "total_tokens": COUNTS,
            "prompt_tokens_details": DETAILS,
            "completion_tokens_details": DETAILS,
        },
    ),
)
CHOICES = st.one_of(
    st.sampled_from([None, "x", [None], [5], {}]),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "finish_reason": TEXTS,
                "index": COUNTS,
                "message": st.sampled_from([None, {"content": "hello"}, 5]),
            },
        ),
        max_size=3,
    ),
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "model": TEXTS,
        "service_tier": TEXTS,
        "choices": CHOICES,
        "usage": USAGES,
        "error": st.sampled_from([None, {}, {"type": "server_error"}, "x"]),
        "object": TEXTS,
    },
)


def told(reading: Reading) -> dict[str, Any]:
    """What goes into the record. (The text's length does only where the usage is not complete.)"""
    found = {name: getattr(reading, name) for name in Reading.__struct_fields__}
    if reading.is_usage_complete:
        del found["text_bytes"]
    return found


@example({"usage": {"prompt_tokens": 5, "completion_tokens": 3}}, "")
@example({"usage": {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}}}, "")
@given(ANSWERS, st.sampled_from(["", "usage", "model", "error", "choices", "cut", "after"]))
def test_both_ways_agree(answer: dict[str, Any], twist: str) -> None:
    body = json.dumps(answer).encode()
    if twist == "cut":
        body = body[:-1]
    elif twist == "after":
        body += b" x"
    elif twist in answer:  # twice: JSON has no rule for that, but both ways must have the same
        body = b'{"%b": {"prompt_tokens": 1, "completion_tokens": 1}, %b' % (twist.encode(), body[1:])
    assert told(chat.read_answer(CHAT, body, Asked())) == told(chat._read_unusual(body))
