"""Anthropic's usage objects and events, bucket by bucket. Each rule names its page of Anthropic's documentation."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS, OtherModelUsage, TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.anthropic.messages import read_usage
from proxy.providers.base import Asked

NO_COUNT = True  # JSON's true
BUCKETS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "web_searches")


def usage(sent: object = 10, received: object = 5, **more: Any) -> dict[str, Any]:
    return {"input_tokens": sent, "output_tokens": received, **more}


def split(five_minutes: object, one_hour: object) -> dict[str, Any]:
    return {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": one_hour}


# --- The buckets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "buckets"),
    [
        # API reference, "Messages", `usage`.
        (usage(2_095, 503), TokenUsage(input=2_095, output=503)),
        # "Prompt caching", "Tracking cache performance": input_tokens are those after the last breakpoint only.
        (
            usage(50, 503, cache_read_input_tokens=100_000, cache_creation_input_tokens=248),
            TokenUsage(input=50, cache_read=100_000, cache_write_5m=248, output=503),
        ),
        # "Prompt caching", "1-hour cache duration": 456 + 100 = 556.
        (
            usage(2_048, 503, cache_creation_input_tokens=556, cache_creation=split(456, 100)),
            TokenUsage(input=2_048, cache_write_5m=456, cache_write_1h=100, output=503),
        ),
        # The split alone, and a split that explains only a part: the rest took five minutes.
        (usage(cache_creation=split(1, 2)), TokenUsage(input=10, cache_write_5m=1, cache_write_1h=2, output=5)),
        (
            usage(cache_creation_input_tokens=10, cache_creation=split(1, 2)),
            TokenUsage(input=10, cache_write_5m=8, cache_write_1h=2, output=5),
        ),
        (usage(cache_creation_input_tokens=None, cache_creation=None), TokenUsage(input=10, output=5)),
        # "Extended thinking": thinking is billed as output, and is among it.
        (
            usage(10, 900, output_tokens_details={"thinking_tokens": 800}),
            TokenUsage(input=10, output=900, reasoning=800),
        ),
        # "Web search tool", "Usage and pricing".
        (
            usage(server_tool_use={"web_search_requests": 3, "web_fetch_requests": 9}),
            TokenUsage(input=10, output=5, web_searches=3),
        ),
        # "Service tiers", "Fast mode", "Data residency": as the answer says.
        (
            usage(service_tier="priority", speed="fast", inference_geo="us"),
            TokenUsage(input=10, output=5, service_tier="priority", speed="fast", inference_geo="us"),
        ),
        (usage(service_tier=None, speed=5, inference_geo=["us"]), TokenUsage(input=10, output=5)),
        (usage(10.0, 5.0), TokenUsage(input=10, output=5)),
    ],
)
def test_the_buckets_do_not_overlap(reported: dict[str, Any], buckets: TokenUsage) -> None:
    assert read_usage(reported) == buckets


def test_a_compaction_comes_on_top() -> None:
    """ "Compaction", "Understanding usage": the top level leaves the compaction's own call out; it is billed, and its
    prompt is not the message's, so that each is a long one or not for itself.
    """
    iterations = [
        {"type": "compaction", **usage(180_000, 3_500, cache_read_input_tokens=40, cache_creation=split(7, 8))},
        {"type": "message", **usage(23_000, 1_000)},
        {"type": "message", **usage(23_000, 1_000)},
    ]
    assert read_usage(usage(23_000, 1_000, iterations=iterations), model="claude") == TokenUsage(
        input=203_000,
        cache_read=40,
        cache_write_5m=7,
        cache_write_1h=8,
        output=4_500,
        other_models=(
            OtherModelUsage(
                model="claude",
                input=180_000,
                cache_read=40,
                cache_write_5m=7,
                cache_write_1h=8,
                output=3_500,
                longest_prompt=180_055,
            ),
        ),
    )


def test_an_advisor_comes_on_top_under_its_own_model() -> None:
    """ "Advisor tool", "Usage and billing": the advisor's tokens are billed at the advisor model's rates."""
    advisor = {"type": "advisor_message", "model": "claude-opus-4-6", **usage(823, 1_612, cache_read_input_tokens=100)}
    iterations = [{"type": "message", **usage(412, 89)}, advisor, {"type": "message", **usage(1_348, 442)}]
    assert read_usage(usage(412, 531, iterations=iterations)) == TokenUsage(
        input=412 + 823,
        cache_read=100,
        output=531 + 1_612,
        other_models=(
            OtherModelUsage(model="claude-opus-4-6", input=823, cache_read=100, output=1_612, longest_prompt=923),
        ),
    )


@pytest.mark.parametrize(
    ("more", "is_partial"),
    [
        ({"iterations": [{"type": "message", "model": "a"}, {"type": "fallback_message", "model": "b"}]}, True),
        ({"iterations": [{"type": "fallback_message", "model": "b"}]}, False),
        ({"fallback_credit": {"status": {"type": "redeemed"}}}, True),
        ({"fallback_credit": {"status": {"type": "not_applied", "reason": "x"}}}, False),
    ],
)
def test_what_a_declined_model_costs_is_not_told(more: dict[str, Any], is_partial: bool) -> None:
    """SDK, `BetaFallbackMessageIterationUsage` and `BetaFallbackCreditUsage`."""
    assert read_usage(usage(**more)) == TokenUsage(input=10, output=5, is_partial=is_partial)


@pytest.mark.parametrize("iterations", [None, [], {}, "x", [None, 5, "x", {}, {"type": None}, {"type": "other"}]])
def test_other_iterations_add_nothing(iterations: object) -> None:
    assert read_usage(usage(iterations=iterations)) == TokenUsage(input=10, output=5)


def test_the_advisors_of_one_record_are_bounded() -> None:
    advisor = {"type": "advisor_message", "model": "m", **usage(1, 1)}
    read = read_usage(usage(iterations=[advisor] * 25))
    assert (read.input, read.output, len(read.other_models), read.is_partial) == (35, 30, 20, True)


def test_sums_of_iterations_are_clamped_too() -> None:
    read = read_usage(usage(iterations=[{"type": "compaction", **usage(MAX_TOKENS, 1)}] * 10))
    assert (read.input, read.output, read.is_partial) == (MAX_TOKENS, 15, True)


@pytest.mark.parametrize(
    ("reported", "buckets"),
    [
        # The split says more than the sum.
        (
            usage(cache_creation_input_tokens=2, cache_creation=split(2, 3)),
            TokenUsage(input=10, cache_write_5m=2, cache_write_1h=3, output=5, is_partial=True),
        ),
        (
            usage(cache_creation_input_tokens=0, cache_creation=split(0, 3)),
            TokenUsage(input=10, cache_write_1h=3, output=5, is_partial=True),
        ),
        (
            usage(10, 5, output_tokens_details={"thinking_tokens": 6}),
            TokenUsage(input=10, output=5, reasoning=5, is_partial=True),
        ),
        (usage(-1, 5), TokenUsage(output=5, is_partial=True)),
        (usage(10, -5), TokenUsage(input=10, is_partial=True)),
        (usage(cache_read_input_tokens=-5), TokenUsage(input=10, output=5, is_partial=True)),
        (usage(10**40, 5), TokenUsage(input=MAX_TOKENS, output=5, is_partial=True)),
        (usage("10", 5), TokenUsage(output=5, is_partial=True)),
        (usage(NO_COUNT, 5), TokenUsage(output=5, is_partial=True)),
        (usage(0.5, 5), TokenUsage(output=5, is_partial=True)),
        (usage([], {}), TokenUsage(is_partial=True)),
        (usage(server_tool_use={"web_search_requests": "3"}), TokenUsage(input=10, output=5, is_partial=True)),
        (usage(cache_creation=split("1", 2)), TokenUsage(input=10, cache_write_1h=2, output=5, is_partial=True)),
        ({}, TokenUsage(is_partial=True)),
        ({"input_tokens": 10}, TokenUsage(input=10, is_partial=True)),
        (usage(None, 5), TokenUsage(output=5, is_partial=True)),
        (usage(cache_creation=[1], server_tool_use="x", output_tokens_details=5), TokenUsage(input=10, output=5)),
    ],
)
def test_contradictory_numbers_are_clamped_and_marked(reported: dict[str, Any], buckets: TokenUsage) -> None:
    assert read_usage(reported) == buckets


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
MESSAGES = PROVIDERS["anthropic"].find_route("POST", "messages")
counts = st.none() | st.booleans() | numbers | st.text(max_size=2) | st.integers(0, 3_000)
COUNTED = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
objects = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(COUNTED, counts),
        "cache_creation": counts
        | st.dictionaries(st.sampled_from(["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]), counts),
        "server_tool_use": st.dictionaries(st.just("web_search_requests"), counts),
        "output_tokens_details": st.dictionaries(st.just("thinking_tokens"), counts),
        "type": st.sampled_from(["compaction", "advisor_message", "message"]),
        "model": counts,
    },
)


def details(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Sound numbers, which may contradict each other or the totals."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.integers(0, 900)))


sound = st.fixed_dictionaries(
    {},
    optional={
        "cache_read_input_tokens": st.integers(0, 900),
        "cache_creation_input_tokens": st.integers(0, 900),
        "cache_creation": details("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
        "server_tool_use": details("web_search_requests"),
        "output_tokens_details": details("thinking_tokens"),
    },
)


@given(
    st.fixed_dictionaries({name: st.integers(0, 900) for name in COUNTED[:2]}),
    sound | objects,
    st.just({}) | st.sampled_from([{"iterations": []}, {"iterations": [{"type": "compaction", "input_tokens": 7}]}]),
)
def test_a_whole_answer_is_read_as_its_usage_object_is(
    totals: dict[str, Any], odd: dict[str, Any], iterations: dict[str, Any]
) -> None:
    told = {**odd, **totals, **iterations, "service_tier": "standard"}
    answer = {"model": "claude-sonnet-4-5", "stop_reason": "end_turn", "content": [], "usage": told}
    reading = PROVIDERS["anthropic"].read_answer(MESSAGES, json.dumps(answer).encode(), Asked())
    assert reading.usage == read_usage(told, model="claude-sonnet-4-5")
    assert (reading.model, reading.finish_reason) == ("claude-sonnet-4-5", "end_turn")


@given(objects, st.lists(objects, max_size=3))
def test_no_bucket_is_ever_negative(reported: dict[str, Any], iterations: list[dict[str, Any]]) -> None:
    read = read_usage({**reported, "iterations": iterations})
    assert all(0 <= getattr(read, bucket) <= MAX_TOKENS for bucket in BUCKETS)
    for other in read.other_models:
        assert 0 <= other.input <= read.input
        assert 0 <= other.output <= read.output
        assert 0 <= other.cache_read <= read.cache_read
    if not read.is_partial and not iterations:
        written = reported.get("cache_creation_input_tokens")
        assert read.input == reported["input_tokens"]
        assert read.output == reported["output_tokens"]
        assert written is None or read.cache_write_5m + read.cache_write_1h == written
