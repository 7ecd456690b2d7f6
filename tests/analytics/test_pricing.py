"""Costs worked out by hand, rule by rule. The prices are those of the providers' pricing pages, named by their titles.

All amounts are in pico-USD: $1 per million tokens is 1,000,000 pico-USD per token, $10 per thousand searches is
10,000,000,000 per search.
"""

from datetime import date

import pytest

from analytics.price_book import bundled
from analytics.pricing import UNPRICED, Cost, price
from analytics.usage import TokenUsage

pytestmark = pytest.mark.trial


def cost_of(provider: str, model: str, usage: TokenUsage, on: date = date(2026, 11, 1)) -> Cost:
    day = (on - date(1970, 1, 1)).days
    rates = bundled.find_rates(provider, model, day, usage.service_tier, usage.speed, usage.inference_geo)
    return price(usage, rates, model)


@pytest.mark.parametrize(
    ("model", "usage", "amount"),
    [
        # OpenAI, "Pricing", text tokens, Standard. GPT-4o: $2.50 input, $10 output.
        # 1,000 x 2,500,000 + 500 x 10,000,000
        ("gpt-4o", TokenUsage(input=1_000, output=500), 7_500_000_000),
        # The dated names are the names in the answers. 2024-08-06 is GPT-4o; 2024-05-13 has a row of its own: $5, $15.
        ("gpt-4o-2024-08-06", TokenUsage(input=1_000, output=500), 7_500_000_000),
        ("gpt-4o-2024-05-13", TokenUsage(input=1_000, output=500), 12_500_000_000),
        # GPT-4o mini: $0.15, $0.60. One token in and out is not rounded away: 150,000 + 600,000.
        ("gpt-4o-mini-2024-07-18", TokenUsage(input=1, output=1), 750_000),
        # OpenAI, "Prompt caching": cached input of GPT-4o is $1.25; 1,536 of 2,000 prompt tokens were cached.
        # 464 x 2,500,000 + 1,536 x 1,250,000 + 10 x 10,000,000
        ("gpt-4o", TokenUsage(input=464, cache_read=1_536, output=10), 3_180_000_000),
        # Reasoning tokens are inside the output tokens. o3 (since 2025-06-10): $2, $8. 10 x 2,000,000 + 200 x 8,000,000
        ("o3-2025-04-16", TokenUsage(input=10, output=200, reasoning=192), 1_620_000_000),
        # OpenAI, "Pricing", Flex. GPT-5: $0.625, cached $0.0625, $5. 100 x 625,000 + 1,000 x 62,500 + 10 x 5,000,000
        ("gpt-5", TokenUsage(input=100, cache_read=1_000, output=10, service_tier="flex"), 175_000_000),
        # Priority. GPT-4.1: $3.50, $14. 100 x 3,500,000 + 10 x 14,000,000
        ("gpt-4.1", TokenUsage(input=100, output=10, service_tier="priority"), 490_000_000),
        # "Fast" is the later name of the same tier.
        ("gpt-4.1", TokenUsage(input=100, output=10, service_tier="fast"), 490_000_000),
        # GPT-4.1 at the default tier: $2, $8. 100 x 2,000,000 + 10 x 8,000,000
        ("gpt-4.1", TokenUsage(input=100, output=10, service_tier="default"), 280_000_000),
        # Batch, half price. GPT-4.1: $1, $4. 100 x 1,000,000 + 10 x 4,000,000
        ("gpt-4.1", TokenUsage(input=100, output=10, service_tier="batch"), 140_000_000),
        # Cache writes of GPT-6 Sol cost 1.25 times the input ($2): $2.50; reads $0.20.
        # 100 x 2,000,000 + 2,000 x 2,500,000 + 300 x 200,000 + 10 x 10,000,000
        ("gpt-6-sol", TokenUsage(input=100, cache_write_5m=2_000, cache_read=300, output=10), 5_360_000_000),
        # OpenAI, "Pricing", audio tokens. gpt-audio: text $2.50 and $10, audio $32 and $64.
        # 50 x 2,500,000 + 100 x 32,000,000 + 20 x 10,000,000 + 300 x 64,000,000
        ("gpt-audio", TokenUsage(input=50, input_audio=100, output=20, output_audio=300), 22_725_000_000),
        # OpenAI, "Pricing", built-in tools: web search $10 per 1,000 calls. GPT-5: $1.25, $10.
        # 100 x 1,250,000 + 10 x 10,000,000 + 2 x 10,000,000,000
        ("gpt-5", TokenUsage(input=100, output=10, web_searches=2), 20_225_000_000),
        # The same page, web search preview: $25 per 1,000 calls without reasoning, $10 with it.
        # 100 x 2,500,000 + 10 x 10,000,000 + 25,000,000,000
        ("gpt-4o-search-preview-2025-03-11", TokenUsage(input=100, output=10, web_searches=1), 25_350_000_000),
        # 100 x 150,000 + 10 x 600,000 + 25,000,000,000
        ("gpt-4o-mini-search-preview", TokenUsage(input=100, output=10, web_searches=1), 25_021_000_000),
        # 100 x 1,250,000 + 10 x 10,000,000 + 10,000,000,000
        ("gpt-5-search-api", TokenUsage(input=100, output=10, web_searches=1), 10_225_000_000),
        # The same page, file search: $2.50 per 1,000 calls. 100 x 1,250,000 + 3 x 2,500,000,000
        ("gpt-5", TokenUsage(input=100, file_searches=3), 7_625_000_000),
        # Tools are no tokens: flex and batch halve the tokens and leave the calls alone.
        # 100 x 625,000 + 10 x 5,000,000 + 10,000,000,000 + 2,500,000,000
        *(
            (
                "gpt-5",
                TokenUsage(input=100, output=10, web_searches=1, file_searches=1, service_tier=tier),
                12_612_500_000,
            )
            for tier in ("flex", "batch")
        ),
        # OpenAI, "Pricing", image tokens. GPT Image 1: text $5, images $10 in, $40 out, whatever the output is called.
        # 20 x 5,000,000 + 300 x 10,000,000 + 1,000 x 40,000,000
        ("gpt-image-1", TokenUsage(input=20, input_image=300, output_image=1000), 43_100_000_000),
        ("gpt-image-1", TokenUsage(input=20, input_image=300, output=1000), 43_100_000_000),
        # GPT Image 1.5: text $5 and $10, images $8 and $32. 20 x 5 + 300 x 8 + 7 x 10 + 1,000 x 32 (millions)
        (
            "gpt-image-1.5-2025-12-16",
            TokenUsage(input=20, input_image=300, output=7, output_image=1000),
            34_570_000_000,
        ),
        # The same in a batch: half of it.
        (
            "gpt-image-1.5",
            TokenUsage(input=20, input_image=300, output=7, output_image=1000, service_tier="batch"),
            17_285_000_000,
        ),
        # OpenAI, "Pricing", transcription and speech. Whisper: $0.006 a minute, that is 100,000 a millisecond.
        ("whisper-1", TokenUsage(audio_ms=60_000), 6_000_000_000),
        ("whisper-1", TokenUsage(audio_ms=1), 100_000),
        # gpt-transcribe: $0.0045 a minute. 12,345 x 75,000
        ("gpt-transcribe", TokenUsage(audio_ms=12_345), 925_875_000),
        # $1.02 an hour is no whole number a millisecond: 1 h is exact, 1 ms is 283,333.3, 2 ms are 566,666.7.
        ("gpt-realtime-whisper", TokenUsage(audio_ms=3_600_000), 1_020_000_000_000),
        ("gpt-realtime-whisper", TokenUsage(audio_ms=1), 283_333),
        ("gpt-realtime-whisper", TokenUsage(audio_ms=2), 566_667),
        # gpt-4o-transcribe by tokens: audio $6, text $2.50 and $10. 100 x 6,000,000 + 5 x 2,500,000 + 20 x 10,000,000
        ("gpt-4o-transcribe", TokenUsage(input=5, input_audio=100, output=20), 812_500_000),
        # TTS: $15 per million characters, TTS HD: $30.
        ("tts-1", TokenUsage(characters=4096), 61_440_000_000),
        ("tts-1-hd", TokenUsage(characters=1), 30_000_000),
    ],
)
def test_openai_prices(model: str, usage: TokenUsage, amount: int) -> None:
    cost = cost_of("openai", model, usage)
    assert (cost.pico_usd, cost.status) == (amount, "priced")


@pytest.mark.parametrize(
    ("model", "usage", "amount"),
    [
        # Anthropic, "Pricing", model pricing. Claude Sonnet 4: $3 input, $15 output.
        # 1,000 x 3,000,000 + 500 x 15,000,000
        ("claude-sonnet-4-20250514", TokenUsage(input=1_000, output=500), 10_500_000_000),
        # Anthropic, "Prompt caching": writes for 5 minutes 1.25 x, for an hour 2 x, reads 0.1 x of the input price.
        # Sonnet 4: 10 x 3,000,000 + 1,000 x 3,750,000 + 200 x 6,000,000 + 5,000 x 300,000 + 20 x 15,000,000
        (
            "claude-sonnet-4-20250514",
            TokenUsage(input=10, cache_write_5m=1_000, cache_write_1h=200, cache_read=5_000, output=20),
            6_780_000_000,
        ),
        # Claude Opus 5.5 reads its cache at 0.05 x ($0.20 of $4). 1,000 x 200,000 + 1 x 20,000,000
        ("claude-opus-5-5", TokenUsage(cache_read=1_000, output=1), 220_000_000),
        # "Batch processing": half of every token price. Claude Haiku 4.5: $0.50, $2.50, reads $0.05.
        # 100 x 500,000 + 40 x 50,000 + 10 x 2,500,000
        ("claude-haiku-4-5", TokenUsage(input=100, cache_read=40, output=10, service_tier="batch"), 77_000_000),
        # "Fast mode pricing": Claude Opus 4.8 $10, $50, and the caching multipliers on top: a 1h write costs $20.
        # 100 x 10,000,000 + 30 x 20,000,000 + 10 x 50,000,000
        ("claude-opus-4-8", TokenUsage(input=100, cache_write_1h=30, output=10, speed="fast"), 2_100_000_000),
        # "Data residency pricing": 1.1 x every token price.
        # Claude Sonnet 4.6: $3.30, writes $4.125, reads $0.33, output $16.50.
        # 100 x 3,300,000 + 20 x 4,125,000 + 30 x 330,000 + 10 x 16,500,000
        (
            "claude-sonnet-4-6",
            TokenUsage(input=100, cache_write_5m=20, cache_read=30, output=10, inference_geo="us"),
            587_400_000,
        ),
        # It stacks with fast mode (Opus 4.8: $11, $55) and leaves the web search fee alone.
        # 100 x 11,000,000 + 10 x 55,000,000 + 1 x 10,000,000,000
        (
            "claude-opus-4-8",
            TokenUsage(input=100, output=10, speed="fast", inference_geo="us", web_searches=1),
            11_650_000_000,
        ),
        # "Web search tool": $10 per 1,000 searches, batch or not.
        # 3 x 10,000,000,000 + 100 x 2,000,000 + 10 x 10,000,000
        ("claude-sonnet-5", TokenUsage(input=100, output=10, web_searches=3), 30_300_000_000),
        ("claude-sonnet-5", TokenUsage(input=100, output=10, web_searches=3, service_tier="batch"), 30_150_000_000),
        # What says nothing special costs the standard price.
        (
            "claude-sonnet-5",
            TokenUsage(input=1, service_tier="standard", speed="standard", inference_geo="not_available"),
            2_000_000,
        ),
        ("claude-sonnet-5", TokenUsage(input=1, inference_geo="global"), 2_000_000),
    ],
)
def test_anthropic_prices(model: str, usage: TokenUsage, amount: int) -> None:
    cost = cost_of("anthropic", model, usage)
    assert (cost.pico_usd, cost.status) == (amount, "priced")


@pytest.mark.parametrize(
    ("provider", "model", "usage", "amount"),
    [
        # OpenAI, "GPT-5.5": prompts of more than 272K input tokens cost 2 x input and cached input and 1.5 x output
        # for the full request. At the threshold: 272,000 x 5,000,000 + 10 x 30,000,000
        ("openai", "gpt-5.5", TokenUsage(input=272_000, output=10), 1_360_300_000_000),
        # One token more: 272,001 x 10,000,000 + 10 x 45,000,000
        ("openai", "gpt-5.5", TokenUsage(input=272_001, output=10), 2_720_460_000_000),
        # The cache counts towards the length. 1 x 10,000,000 + 272,000 x 1,000,000
        ("openai", "gpt-5.5", TokenUsage(input=1, cache_read=272_000), 272_010_000_000),
        # Priority is not dearer for long prompts of GPT-5.5: 300,000 x 12,500,000
        ("openai", "gpt-5.5", TokenUsage(input=300_000, service_tier="priority"), 3_750_000_000_000),
        # Anthropic, "Long context pricing": Claude Haiku 5.5 is five times as dear when the prompt exceeds 100,000.
        # At the threshold: 40,000 x 100,000 + 30,000 x 125,000 + 30,000 x 10,000 + 10 x 500,000
        (
            "anthropic",
            "claude-haiku-5-5",
            TokenUsage(input=40_000, cache_write_5m=30_000, cache_read=30_000, output=10),
            8_055_000_000,
        ),
        # One token more, read from the cache, reprices all of it:
        # 40,000 x 500,000 + 30,000 x 625,000 + 30,001 x 50,000 + 10 x 2,500,000
        (
            "anthropic",
            "claude-haiku-5-5",
            TokenUsage(input=40_000, cache_write_5m=30_000, cache_read=30_001, output=10),
            40_275_050_000,
        ),
        # Writes for an hour count towards the length too. 1 x 500,000 + 100,000 x 1,000,000
        ("anthropic", "claude-haiku-5-5", TokenUsage(input=1, cache_write_1h=100_000), 100_000_500_000),
        # Output does not. 1 x 100,000 + 200,000 x 500,000
        ("anthropic", "claude-haiku-5-5", TokenUsage(input=1, output=200_000), 100_000_100_000),
    ],
)
def test_a_long_prompt_reprices_the_whole_request(provider: str, model: str, usage: TokenUsage, amount: int) -> None:
    cost = cost_of(provider, model, usage)
    assert (cost.pico_usd, cost.status) == (amount, "priced")


@pytest.mark.parametrize(
    ("model", "on", "amount"),
    [
        # OpenAI, "Changelog": o3 went from $10 and $40 to $2 and $8 on 2025-06-10.
        ("o3", date(2025, 6, 9), 50_000_000),
        ("o3", date(2025, 6, 10), 10_000_000),
        # GPT-5.6 Luna went from $1 and $6 to $0.20 and $1.20 on 2026-07-30.
        ("gpt-5.6-luna", date(2026, 7, 29), 7_000_000),
        ("gpt-5.6-luna", date(2026, 7, 30), 1_400_000),
    ],
)
def test_a_dated_change_takes_effect_with_its_day(model: str, on: date, amount: int) -> None:
    assert cost_of("openai", model, TokenUsage(input=1, output=1), on).pico_usd == amount


@pytest.mark.parametrize(
    ("provider", "model", "usage", "amount"),
    [
        # OpenAI's scale tier is bought in advance; Anthropic's priority tier is a commitment: no price per token.
        ("openai", "gpt-4o", TokenUsage(input=1, service_tier="scale"), 2_500_000),
        ("anthropic", "claude-sonnet-5", TokenUsage(input=1, service_tier="priority"), 2_000_000),
        # GPT-4o has no flex price; Claude Sonnet 5 no fast mode.
        ("openai", "gpt-4o", TokenUsage(input=1, service_tier="flex"), 2_500_000),
        ("anthropic", "claude-sonnet-5", TokenUsage(input=1, speed="fast"), 2_000_000),
        # An unheard-of place; a model without data residency; another provider's word.
        ("anthropic", "claude-sonnet-5", TokenUsage(input=1, inference_geo="eu"), 2_000_000),
        ("anthropic", "claude-haiku-4-5", TokenUsage(input=1, inference_geo="us"), 1_000_000),
        ("openai", "gpt-4o", TokenUsage(input=1, inference_geo="us"), 2_500_000),
        # A batch costs half, also of models whose batch price is not in the list; a search in it does not.
        ("openai", "text-embedding-3-small", TokenUsage(input=2, service_tier="batch"), 20_000),
        (
            "anthropic",
            "claude-opus-4-1",
            TokenUsage(input=2, web_searches=1, service_tier="batch"),
            10_015_000_000,
        ),
        # Fast mode is not sold in batches.
        ("anthropic", "claude-opus-4-8", TokenUsage(input=1, service_tier="batch", speed="fast"), 2_500_000),
        # Audio of a model whose audio price is unknown; cached tokens of one without a cached price.
        ("openai", "gpt-4o-audio-preview", TokenUsage(input=1, input_audio=10), 27_500_000),
        ("openai", "gpt-5-pro", TokenUsage(cache_read=2), 30_000_000),
        # A search by a model whose search price is unknown: the tokens alone.
        ("openai", "gpt-3.5-turbo", TokenUsage(input=4, web_searches=1), 2_000_000),
        # What was in the cache may have been text ($1.25) or images ($2.50): the record does not tell them apart.
        ("openai", "gpt-image-1", TokenUsage(cache_read=2), 2_500_000),
        # Images in the prompt of a model without a price for them; characters of one that is sold by the token.
        ("openai", "gpt-4o", TokenUsage(input_image=2), 5_000_000),
        ("openai", "gpt-4o-mini-tts", TokenUsage(input=1, characters=90), 600_000),
        # The same for a search of files.
        ("openai", "gpt-3.5-turbo", TokenUsage(input=4, file_searches=1), 2_000_000),
        # The counts themselves are doubtful.
        ("openai", "gpt-4o", TokenUsage(input=1, is_partial=True), 2_500_000),
    ],
)
def test_what_has_no_price_of_its_own_makes_a_cost_partial(
    provider: str, model: str, usage: TokenUsage, amount: int
) -> None:
    cost = cost_of(provider, model, usage)
    assert (cost.pico_usd, cost.status) == (amount, "partial")


def test_a_tier_is_partial_on_days_before_its_price_is_known() -> None:
    flex = TokenUsage(input=1, service_tier="flex")
    before, after = (cost_of("openai", "gpt-5", flex, date(2026, 10, day)) for day in (11, 12))
    assert (before.pico_usd, before.status) == (1_250_000, "partial")
    assert (after.pico_usd, after.status) == (625_000, "priced")


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("openai", "gpt-99", TokenUsage(input=1)),
        ("anthropic", "claude-next", TokenUsage(input=1)),
        ("openai", "", TokenUsage(input=1)),
        ("anthropic", "gpt-4o", TokenUsage(input=1)),
        ("elsewhere", "gpt-4o", TokenUsage(input=1)),
        # Sold by the hour of sound, or by the character, of which the record knows nothing: not free.
        ("openai", "whisper-1", TokenUsage(input=1)),
        ("openai", "whisper-1", TokenUsage()),
        ("openai", "tts-1", TokenUsage(audio_ms=1000)),
        ("openai", "gpt-4o-mini-tts", TokenUsage(characters=90)),
        # Sold by the image, by the second of video: neither is in the list.
        ("openai", "dall-e-3", TokenUsage()),
        ("openai", "sora-2", TokenUsage(input=1)),
        # A snapshot that the list does not know, of a model that it knows.
        ("openai", "tts-1-1106", TokenUsage(characters=90)),
        # Nothing that was used has a price.
        ("openai", "gpt-3.5-turbo", TokenUsage(web_searches=1)),
    ],
)
def test_the_unknown_costs_none_and_not_zero(provider: str, model: str, usage: TokenUsage) -> None:
    assert cost_of(provider, model, usage) == UNPRICED
    assert UNPRICED.pico_usd is None


def test_moderation_is_free() -> None:
    # OpenAI, "Moderation": free of charge.
    cost = cost_of("openai", "omni-moderation-latest", TokenUsage(input=50))
    assert (cost.pico_usd, cost.status) == (0, "priced")
