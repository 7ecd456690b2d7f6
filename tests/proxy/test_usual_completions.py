"""A usual completion is read by a shorter way, and says what the careful one says, whatever it holds."""

import json
from typing import Any

from hypothesis import example, given, settings
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


# What may stand in a chunk besides a piece of text: where, under which name, and what.
BESIDES = st.one_of(
    st.tuples(st.just("chunk"), st.just("model"), TEXTS),
    st.tuples(st.just("chunk"), st.just("service_tier"), TEXTS),
    st.tuples(st.just("chunk"), st.just("usage"), USAGES),
    st.tuples(st.just("chunk"), st.just("error"), st.sampled_from([None, {}, {"type": "server_error"}, "x"])),
    st.tuples(st.just("chunk"), st.just("choices"), CHOICES),
    st.tuples(st.just("choice"), st.just("delta"), st.sampled_from([None, {}, {"content": None}, "x"])),
    st.tuples(st.just("choice"), st.just("finish_reason"), st.sampled_from([None, "", "stop", 7])),
    st.tuples(st.just("choice"), st.just("text"), st.sampled_from([None, "", "legacy"])),
    st.tuples(st.just("choice"), st.just("message"), st.sampled_from([None, {"content": "whole"}, 5])),
    st.tuples(st.just("delta"), st.just("content"), TEXTS),
    st.tuples(
        st.just("delta"), st.sampled_from(["refusal", "reasoning_content"]), st.sampled_from([None, "", "no", 5])
    ),
    st.tuples(st.just("delta"), st.just("tool_calls"), st.sampled_from([None, [{"function": {"arguments": "{}"}}], 5])),
    st.tuples(st.just("delta"), st.just("function_call"), st.sampled_from([None, {"arguments": "{}"}])),
)
ENDS = st.sampled_from([b"\n\n"] * 6 + [b"\r\n\r\n", b"\r\n\n", b" \n\n", b"x\n\n", b"\n: note\n\n"])


@settings(max_examples=300)
@given(st.lists(st.tuples(st.lists(BESIDES, max_size=2), ENDS, st.booleans()), max_size=6))
def test_both_ways_agree_on_streams(chunks: list[tuple[list[tuple[str, str, Any]], bytes, bool]]) -> None:
    usual, careful = chat.ChatStreamReader(), chat.ChatStreamReader()
    for besides, end, is_ascii in chunks:
        delta: dict[str, Any] = {"content": "h\u00e9llo"}
        choice: dict[str, Any] = {"delta": delta}
        chunk: dict[str, Any] = {"choices": [choice]}
        for place, name, value in besides:
            {"delta": delta, "choice": choice, "chunk": chunk}[place][name] = value
        event = b"data: " + json.dumps(chunk, ensure_ascii=is_ascii).encode() + end
        usual._tries, careful._tries = 1, 0
        assert usual.read(event) == careful.read(event)
        assert (usual.reading, usual._tier) == (careful.reading, careful._tier)
