"""The compiled rates against the library they come from: the same amounts to the last pico-USD, and the same names."""

import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, TimeOfDateConstraint

from analytics.price_book import bundled
from analytics.pricing import PICO_USD, TOKEN_BUCKETS, Cost, price
from analytics.usage import TokenUsage
from proxy.providers.shares import BOUNDARIES

pytestmark = pytest.mark.trial

SEED = 20261122
CASES = 4000
ENTRIES = {entry.id: entry for entry in providers if entry.id in bundled.PROVIDERS}
CONTEXTS: list[dict[str, str]] = [
    {},
    *({"service_tier": tier} for tier in ("default", "auto", "standard", "flex", "priority", "fast", "scale", "batch")),
    {"speed": "standard"},
    {"speed": "fast"},
    {"service_tier": "batch", "speed": "fast"},
]
EPOCH = date(1970, 1, 1)


def names_of(info: ModelInfo) -> Iterator[str]:
    """Names that the entry's own clauses speak of, some of them spelled otherwise."""
    clauses = [info.match]
    while clauses:
        clause: Any = clauses.pop()
        clauses += [*getattr(clause, "or_", ()), *getattr(clause, "and_", ())]
        if hasattr(clause, "equals"):
            yield from (clause.equals, clause.equals.upper())
        for attribute in ("starts_with", "contains"):
            if hasattr(clause, attribute):
                yield from (getattr(clause, attribute), getattr(clause, attribute) + "-2026-01-31")
        if hasattr(clause, "regex"):
            yield f"{info.id}-2026-01-31"
            yield f"{info.id}-20260131"


def all_names(entry: Provider) -> list[str]:
    """Of every model, whatever it is sold by."""
    return [name for info in entry.models for name in names_of(info) if entry.find_model(name)]


def random_usage(rng: random.Random, context: dict[str, str]) -> TokenUsage:
    def count() -> int:
        return rng.choice((0, 0, 1, rng.randrange(5_000), rng.randrange(300_000), 50_000, 100_000, 136_000, 200_000))

    counts = {bucket: count() for bucket in TOKEN_BUCKETS}
    counts |= {"reasoning": rng.randrange(5_000), "characters": count(), "audio_ms": 7 * count()}
    counts |= {bucket: rng.choice((0, 0, 0, 1, 7)) for bucket in ("web_searches", "file_searches")}
    return msgspec.convert(counts | context, TokenUsage)


def library_usage(usage: TokenUsage) -> Usage:
    """The library counts totals and their parts; ours do not overlap, and know no audio or images in the cache."""
    writes = usage.cache_write_5m + usage.cache_write_1h
    seconds = Decimal(usage.audio_ms) / 1000
    return Usage(
        input_tokens=usage.input + usage.cache_read + writes + usage.input_audio + usage.input_image,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=writes,
        cache_write_5m_tokens=usage.cache_write_5m,
        cache_write_1h_tokens=usage.cache_write_1h,
        input_audio_tokens=usage.input_audio,
        cache_audio_read_tokens=0,
        cache_audio_write_tokens=0,
        cache_audio_write_1h_tokens=0,
        input_image_tokens=usage.input_image,
        cache_image_read_tokens=0,
        output_tokens=usage.output + usage.output_audio + usage.output_image,
        output_audio_tokens=usage.output_audio,
        output_image_tokens=usage.output_image,
        output_reasoning_tokens=min(usage.reasoning, usage.output),
        web_searches=usage.web_searches,
        storage_searches=usage.file_searches,
        input_characters=usage.characters,
        audio_seconds=seconds,
        input_audio_seconds=seconds,
    )


def expected_price(provider: str, model: str, day: int, usage: TokenUsage) -> Decimal:
    """The library's, but that the tokens of a batch cost half where it has no price for that."""
    whole = library_price(provider, model, day, usage)
    info = bundled.find_model(provider, model)
    at = datetime.combine(EPOCH, datetime.min.time(), UTC) + timedelta(days=day)
    variants = info.price_variants or () if info else ()
    is_listed = any(
        variant.when.get("processing") == "batch" and (variant.constraint is None or variant.constraint.active(at))
        for variant in variants
    )
    if usage.service_tier != "batch" or is_listed:
        return whole
    nothing_else = dict.fromkeys(("web_searches", "file_searches", "characters", "audio_ms"), 0)
    return whole - library_price(provider, model, day, msgspec.structs.replace(usage, **nothing_else)) / 2


def library_price(provider: str, model: str, day: int, usage: TokenUsage) -> Decimal:
    context = {"service_tier": usage.service_tier, "speed": usage.speed}
    if usage.service_tier == "batch":
        context = {"processing": "batch", "speed": usage.speed}
    return calc_price(
        library_usage(usage),
        model,
        provider_id=provider,
        genai_request_timestamp=datetime.combine(EPOCH, datetime.min.time(), UTC) + timedelta(days=day, hours=13),
        price_context={key: value for key, value in context.items() if value} or None,
    ).total_price


def our_price(provider: str, model: str, day: int, usage: TokenUsage) -> Cost:
    return price(
        usage,
        bundled.find_rates(provider, model, day, usage.service_tier, usage.speed, usage.inference_geo),
    )


def change_days(entry: Provider) -> list[int]:
    dates = {
        item.constraint.start_date
        for info in entry.models
        for item in (*(info.prices if isinstance(info.prices, list) else ()), *(info.price_variants or ()))
        if item.constraint is not None and not isinstance(item.constraint, TimeOfDateConstraint)
    }
    return [(day - EPOCH).days + shift for day in dates for shift in (-1, 0)]


def test_random_usages_cost_what_the_library_says() -> None:
    rng = random.Random(SEED)
    names = {provider: all_names(entry) for provider, entry in ENTRIES.items()}
    for provider, entry in ENTRIES.items():
        found = [bundled.find_model(provider, name) for name in names[provider]]
        assert {model.id for model in entry.models} == {model.id for model in found if model}
    days = {provider: change_days(entry) for provider, entry in ENTRIES.items()}
    costs = set()
    for number in range(CASES):
        provider = rng.choice(bundled.PROVIDERS)
        # Every name comes up in turn, whatever the seed.
        model = names[provider][number % len(names[provider])]
        day = rng.choice((rng.choice(days[provider]), rng.randrange(19_700, 21_000)))
        usage = random_usage(rng, rng.choice(CONTEXTS))
        if "-search-" in model:  # The fees of the search models are ours: the library lacks them.
            usage = msgspec.structs.replace(usage, web_searches=0)
        cost = our_price(provider, model, day, usage)
        # Whole, except where an hour of sound is divided.
        expected = (expected_price(provider, model, day, usage) * PICO_USD).quantize(1, ROUND_HALF_UP)
        said = f"seed {SEED}, case {number}: {provider} {model} day {day} {usage}"
        # Where nothing of what was used has a price, the library says 0 and we say that we do not know.
        assert cost.pico_usd == (expected if cost.status != "unpriced" else None), said
        assert cost.status != "unpriced" or expected == 0, said
        costs.add(cost.pico_usd)
    assert len(costs) > CASES * 0.9


def test_us_only_inference_adds_a_tenth_to_the_library_price_of_the_tokens() -> None:
    rng = random.Random(SEED)
    names = [
        name
        for name in all_names(ENTRIES["anthropic"])
        if (info := bundled.find_model("anthropic", name)) and info.id not in bundled.MODELS_WITHOUT_RESIDENCY
    ]
    for number in range(400):
        model = names[number % len(names)]
        text = (bucket for bucket in TOKEN_BUCKETS if "audio" not in bucket and "image" not in bucket)
        counts = {bucket: rng.randrange(90_000) for bucket in text}
        usage = msgspec.convert(counts | {"inference_geo": "us"}, TokenUsage)
        expected = library_price("anthropic", model, 20_760, usage) * PICO_USD * 11 / 10
        cost = our_price("anthropic", model, 20_760, usage)
        assert cost.pico_usd == expected, f"seed {SEED}, case {number}: {model} {usage}"
        assert cost.status == "priced", f"seed {SEED}, case {number}: {model} {usage}"


def test_names_match_as_in_the_library() -> None:
    inventions = ["", "gpt-9", "claude", "gpt-4o-2099-01-01", "ft:gpt-4o-2024-08-06:acme::x", "gpt-5.2-20251211"]
    for provider, entry in ENTRIES.items():
        for name in [*(name for info in entry.models for name in names_of(info)), *inventions]:
            found = bundled.find_model(provider, name)
            try:
                expected = calc_price(Usage(), name, provider_id=provider).model
            except LookupError:
                expected = None
            assert found is expected, f"{provider} {name}"


def test_only_the_two_providers_are_looked_up() -> None:
    assert bundled.find_model("google", "gemini-2.5-pro") is None
    assert bundled.find_model("anthropic", "gpt-4o") is None


def test_memory_for_names_that_clients_invent_is_bounded() -> None:
    size = bundled.find_model.cache_parameters()["maxsize"]
    assert size is not None
    for number in range(size + 50):
        bundled.find_rates("anthropic", f"claude-haiku-4-5-{number}", 20_700, "", "", "")
    assert bundled.find_model.cache_info().currsize <= size
    limit = bundled.find_rates.cache_parameters()["maxsize"]
    assert limit is not None
    assert bundled.find_rates.cache_info().currsize <= limit


def test_every_bundled_price_is_a_whole_number_of_pico_usd() -> None:
    """Else the compiled rates would have been rounded. The same for a tenth on top (US-only inference)."""
    for entry in ENTRIES.values():
        for info in entry.models:
            priced = [item.prices for item in info.prices] if isinstance(info.prices, list) else [info.prices]
            for prices in [*priced, *(variant.prices for variant in info.price_variants or ())]:
                for key, value in vars(prices).items():
                    # Per hour, else at most per million. A tenth more is paid for tokens only.
                    units = PICO_USD if key.endswith("_hours") else 10**6 if "mtok" not in key else 1_100_000
                    for amount in (value, *getattr(value, "tiers", ())):
                        usd = getattr(amount, "price", getattr(amount, "base", amount))
                        assert usd is None or usd * units % 1 == 0, f"{info.id} {key}"


def test_bundled_prices_change_at_midnight_only() -> None:
    """Rates are remembered per day; a price by the time of day would need more."""
    for entry in ENTRIES.values():
        for info in entry.models:
            items = [*(info.prices if isinstance(info.prices, list) else ()), *(info.price_variants or ())]
            assert not any(isinstance(item.constraint, TimeOfDateConstraint) for item in items), info.id


def test_the_requests_of_a_batch_are_told_apart_wherever_a_longer_prompt_is_dearer() -> None:
    thresholds = set()
    for entry in ENTRIES.values():
        for info in entry.models:
            priced = [item.prices for item in info.prices] if isinstance(info.prices, list) else [info.prices]
            for prices in [*priced, *(variant.prices for variant in info.price_variants or ())]:
                thresholds |= {tier.start for value in vars(prices).values() for tier in getattr(value, "tiers", ())}
    assert 200_000 in thresholds
    assert thresholds <= set(BOUNDARIES)


def test_the_models_without_data_residency_are_models_of_the_library() -> None:
    assert {info.id for info in ENTRIES["anthropic"].models} >= bundled.MODELS_WITHOUT_RESIDENCY


def test_the_library_is_imported_only_when_a_price_is_needed() -> None:
    program = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup();"
        "import config.asgi, proxy.tasks; from analytics.price_book import bundled;"
        "assert 'genai_prices' not in sys.modules;"
        "bundled.find_rates('openai', 'gpt-4o', 20700, '', '', ''); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture(autouse=True)
def _no_library_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
