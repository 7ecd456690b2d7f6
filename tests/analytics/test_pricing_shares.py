"""The lines of a receipt, the shares of a usage that are priced apart, and their sum."""

from datetime import date

import msgspec
import pytest

from analytics.price_book import bundled
from analytics.pricing import BUCKETS, UNPRICED, Cost, Rates, Share, add, amount_of, complete_rates, price, split
from analytics.quantities import COLUMNS
from analytics.usage import OtherModelUsage, TokenUsage

pytestmark = pytest.mark.trial


def cost_of(provider: str, model: str, usage: TokenUsage) -> Cost:
    day = (date(2026, 11, 1) - date(1970, 1, 1)).days
    return price(usage, bundled.find_rates(provider, model, day, "", "", ""), model)


def test_every_quantity_but_the_reasoning_is_billed() -> None:
    assert set(COLUMNS) - set(BUCKETS) == {"reasoning"}
    assert set(BUCKETS) <= set(COLUMNS)
    one_each = msgspec.convert(dict.fromkeys(COLUMNS, 1), TokenUsage)
    rates = Rates(**{bucket: 10**number for number, bucket in enumerate(BUCKETS[:-1])}, audio_ms=3_600_000)
    assert price(one_each, rates).pico_usd == sum(10**number for number in range(len(BUCKETS) - 1)) + 1
    assert all(msgspec.convert({bucket: 1}, TokenUsage).is_billable for bucket in BUCKETS)


def test_a_receipt_lists_what_was_used_and_adds_up() -> None:
    cost = cost_of("anthropic", "claude-sonnet-5", TokenUsage(input=10, cache_read=300, output=7, web_searches=1))
    assert [(line.bucket, line.quantity, line.rate, line.amount) for line in cost.lines] == [
        ("input", 10, 2_000_000, 20_000_000),
        ("cache_read", 300, 200_000, 60_000_000),
        ("output", 7, 10_000_000, 70_000_000),
        ("web_searches", 1, 10_000_000_000, 10_000_000_000),
    ]
    assert sum(line.amount for line in cost.lines) == cost.pico_usd
    assert {line.model for line in cost.lines} == {"claude-sonnet-5"}


def test_a_receipt_of_a_recording_adds_up_although_its_rate_is_for_an_hour() -> None:
    cost = cost_of("openai", "gpt-realtime-whisper", TokenUsage(audio_ms=1))
    (line,) = cost.lines
    assert (line.bucket, line.quantity, line.rate, line.amount) == ("audio_ms", 1, 1_020_000_000_000, cost.pico_usd)


def test_half_a_pico_usd_is_rounded_up() -> None:
    assert [amount_of("audio_ms", 1, rate) for rate in (1_799_999, 1_800_000, 5_399_999, 5_400_000)] == [0, 1, 1, 2]


def test_a_receipt_of_a_long_prompt_shows_the_rates_that_were_charged() -> None:
    cost = cost_of("openai", "gpt-5.5", TokenUsage(input=272_001))
    assert [(line.quantity, line.rate) for line in cost.lines] == [(272_001, 10_000_000)]


def test_the_share_of_another_model_is_taken_out_of_the_whole() -> None:
    usage = TokenUsage(
        input=100,
        cache_read=50,
        output=30,
        web_searches=2,
        speed="fast",
        other_models=(OtherModelUsage(model="claude-opus-5", input=40, output=10),),
    )
    main, others = split(usage)
    assert main == TokenUsage(input=60, cache_read=50, output=20, web_searches=2, speed="fast")
    assert others == (Share("claude-opus-5", TokenUsage(input=40, output=10, speed="fast"), longest_prompt=40),)


def test_every_quantity_that_is_priced_apart_is_taken_out_of_the_whole() -> None:
    shared = [name for name in OtherModelUsage.__struct_fields__ if name not in {"model", "longest_prompt"}]
    assert set(BUCKETS) - set(shared) == {"characters", "audio_ms"}
    part = {name: 10 + number for number, name in enumerate(shared)}
    usage = msgspec.convert(
        dict.fromkeys(BUCKETS, 100) | {"other_models": [{"model": "x", "longest_prompt": 7, **part}]}, TokenUsage
    )
    main, (share,) = split(usage)
    assert {name: getattr(share.usage, name) for name in BUCKETS} == dict.fromkeys(BUCKETS, 0) | part
    assert {name: getattr(main, name) for name in BUCKETS} == {name: 100 - part.get(name, 0) for name in BUCKETS}
    assert share.longest_prompt == 7


def test_shares_larger_than_the_whole_are_clamped_and_make_it_partial() -> None:
    main, (share,) = split(TokenUsage(input=5, output=9, other_models=(OtherModelUsage(model="x", input=6, output=2),)))
    assert main == TokenUsage(input=0, output=7, is_partial=True)
    assert share.usage.is_partial


@pytest.mark.parametrize(
    ("longest_prompt", "rate"),
    [(0, 2), (10, 1), (11, 2)],  # 0: the share is one prompt, of 15 tokens
)
def test_the_longest_prompt_of_a_share_decides_its_rates(longest_prompt: int, rate: int) -> None:
    rates = complete_rates({"input": 1, "output": 1}, long_context=[(10, {"input": 2, "output": 2})])
    part = OtherModelUsage(model="x", input=12, cache_read=3, longest_prompt=longest_prompt)
    _, (share,) = split(TokenUsage(input=12, cache_read=3, other_models=(part,)))
    cost = price(TokenUsage(input=15), rates, longest_prompt=share.longest_prompt)
    assert (cost.pico_usd, [line.rate for line in cost.lines]) == (15 * rate, [rate])


def test_a_sum_is_as_sure_as_its_least_sure_share() -> None:
    rates = Rates(input=3)
    sure = price(TokenUsage(input=1), rates, "a")
    unsure = price(TokenUsage(input=2, is_partial=True), rates, "b")
    assert (add([sure, sure]).pico_usd, add([sure, sure]).status) == (6, "priced")
    assert (add([sure, unsure]).pico_usd, add([sure, unsure]).status) == (9, "partial")
    assert [line.model for line in add([sure, unsure]).lines] == ["a", "b"]
    assert add([sure, UNPRICED]) == UNPRICED


def test_the_highest_of_several_thresholds_holds() -> None:
    rates = complete_rates(
        {"input": 1, "output": 1}, long_context=[(10, {"input": 2, "output": 2}), (20, {"input": 3, "output": 3})]
    )
    amounts = [price(TokenUsage(input=tokens), rates).pico_usd for tokens in (10, 11, 20, 21)]
    assert amounts == [10, 22, 40, 63]
