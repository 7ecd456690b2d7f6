"""The bundled price list of `genai-prices`, compiled to integer rates per model, day (UTC) and context.

No Django and no network: the library's own data is read, its automatic update is never started. Importing the library
takes most of a second, so it happens inside functions, in the thread that posts, not where calls are proxied.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from analytics.pricing import PICO_USD, TOKEN_BUCKETS, UNITS_PER_RATE, Rates, complete_rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider, TieredPrices

PROVIDERS = ("anthropic", "openai")
# Raised by whoever changes what is made of the library's data, so that records are priced again after the upgrade.
RULES = 2  # 2: images, file searches, characters, sound by the hour
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What the providers answer with when nothing special was charged. Any other value needs a price of its own.
# OpenAI, "Create chat completion", `service_tier`; Anthropic, "Create a Message", `usage`: `service_tier`, `speed`,
# `inference_geo`.
STANDARD_TIERS = frozenset({"", "default", "auto", "standard"})
STANDARD_SPEEDS = frozenset({"", "standard"})
STANDARD_GEOS = frozenset({"", "global", "not_available"})

# Anthropic, "Pricing", "Data residency pricing": on Claude Opus 4.6, Sonnet 4.6 and later models `inference_geo: "us"`
# multiplies all token prices by 1.1, on top of the other modifiers; earlier models refuse it. The library lacks this.
_US_MULTIPLIER = Fraction(11, 10)
MODELS_WITHOUT_RESIDENCY = frozenset(
    {
        *("claude-v1", "claude-2", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus-latest"),
        *("claude-3-5-haiku-latest", "claude-3-5-sonnet", "claude-3-7-sonnet-latest"),
        *("claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-5"),
        *("claude-sonnet-4-0", "claude-sonnet-4-5", "claude-haiku-4-5"),
    }
)

# Both guides, "Batch": half of the standard price. Where the library lacks a model's batch price, that is the nearest.
_BATCH_MULTIPLIER = Fraction(1, 2)

# The library's price keys: our bucket, and for how many of its units the price is. Later keys win.
_KEYS = {
    "input_mtok": ("input", 10**6),
    "cache_read_mtok": ("cache_read", 10**6),
    "cache_write_mtok": ("cache_write_5m", 10**6),  # A cache write lives for 5 minutes unless an hour is asked for.
    "cache_write_5m_mtok": ("cache_write_5m", 10**6),
    "cache_write_1h_mtok": ("cache_write_1h", 10**6),
    "input_audio_mtok": ("input_audio", 10**6),
    "input_image_mtok": ("input_image", 10**6),
    "output_mtok": ("output", 10**6),
    "output_audio_mtok": ("output_audio", 10**6),
    "output_image_mtok": ("output_image", 10**6),
    "web_searches_kcount": ("web_searches", 10**3),
    "storage_searches_kcount": ("file_searches", 10**3),
    "input_mchars": ("characters", 10**6),
    "audio_hours": ("audio_ms", 3_600_000),
    "input_audio_hours": ("audio_ms", 3_600_000),  # The sound whose length a record has is sound that was sent.
}
# Of what is kept in the cache a record does not tell which of it is sound or images, which may have another price.
_CACHED_KEYS = frozenset({"cache_audio_read_mtok", "cache_image_read_mtok"})
# OpenAI, "Pricing", built-in tools: web search preview costs $25 per 1,000 calls with models that do not reason (search
# content tokens free), and $10 with those that do. The library lacks these fees for the chat models.
_SEARCH_FEES = {
    "gpt-4o-search-preview": 25 * PICO_USD // 1000,
    "gpt-4o-mini-search-preview": 25 * PICO_USD // 1000,
    "gpt-5-search-api": 10 * PICO_USD // 1000,
}


@lru_cache(maxsize=8192)
def find_rates(provider: str, model: str, day: int, tier: str, speed: str, geo: str) -> Rates | None:
    """The rates of a model in a context, or None if the library has no price. `day` counts from the epoch, UTC.

    Prices change at midnight UTC. A context without a price of its own gets the standard rates, a batch half
    of those for tokens, and is not exact.
    """
    info = find_model(provider, model)
    return None if info is None else rates_of(provider, info, model, _EPOCH + timedelta(days=day), tier, speed, geo)


def rates_of(
    provider: str, info: "ModelInfo", model: str, at: datetime, tier: str, speed: str, geo: str
) -> Rates | None:
    """The same of one of the library's entries, whatever name it is found by."""
    context = read_context(tier, speed)
    is_exact = has_context(info, at, tier, speed)
    multiplier = Fraction(1)
    if tier == "batch" and not any(variant.when.get("processing") == "batch" for variant in _active_variants(info, at)):
        multiplier = _BATCH_MULTIPLIER
    if geo not in STANDARD_GEOS:
        if provider == "anthropic" and geo == "us" and info.id not in MODELS_WITHOUT_RESIDENCY:
            multiplier *= _US_MULTIPLIER
        else:
            is_exact = False
    return _compile(
        info.get_prices(at, context), multiplier, is_exact=is_exact, search_fee=_search_fee(provider, model)
    )


def _search_fee(provider: str, model: str) -> int | None:
    """The fee of the chat models that search the web for every request, in pico-USD a search, by the model's name."""
    if provider != "openai":
        return None
    return next((fee for name, fee in _SEARCH_FEES.items() if model.startswith(name)), None)


@lru_cache(maxsize=4096)
def find_model(provider: str, model: str) -> "ModelInfo | None":
    """The library's entry for a model name, by the library's own matching. Dated names match where it lists them."""
    entry = _find_provider(provider)
    # Not through its snapshot: that remembers every name it ever matched, and clients choose the names.
    return entry.find_model(model) if entry is not None and model else None


def list_names(provider: str) -> list[str]:
    """The library's own name of every model of a provider that it does not call deprecated."""
    entry = _find_provider(provider)
    return [model.id for model in entry.models if not model.deprecated] if entry is not None else []


def list_models(provider: str) -> "list[ModelInfo]":
    """All of a provider's models, those that it calls deprecated among them."""
    entry = _find_provider(provider)
    return list(entry.models) if entry is not None else []


def list_contexts(info: "ModelInfo") -> list[tuple[str, str]]:
    """In which contexts, as tier and speed, the model has prices of its own at some time; the standard one first."""
    found = {("", ""): None}
    for variant in info.price_variants or ():
        tier = "batch" if variant.when.get("processing") == "batch" else variant.when.get("service_tier", "")
        if tier not in STANDARD_TIERS or "speed" in variant.when:
            found[tier, variant.when.get("speed", "")] = None
    return list(found)


def has_context(info: "ModelInfo", at: datetime, tier: str, speed: str) -> bool:
    """Whether it has a price of its own there at a moment; a standard price it always has."""
    context = read_context(tier, speed)
    return not context or any(variant.when == context for variant in _active_variants(info, at))


@lru_cache(maxsize=64)
def _find_provider(provider: str) -> "Provider | None":
    if provider not in PROVIDERS:
        return None
    from genai_prices.data import providers

    return next((entry for entry in providers if entry.id == provider), None)


def read_context(tier: str, speed: str) -> dict[str, str]:
    """What the library calls the context of a price; empty is standard."""
    context = {}
    if tier == "batch":
        context["processing"] = "batch"
    elif tier not in STANDARD_TIERS:
        context["service_tier"] = tier
    if speed not in STANDARD_SPEEDS:
        context["speed"] = speed
    return context


def _active_variants(info: "ModelInfo", at: datetime) -> "Iterator[PriceVariant]":
    for variant in info.price_variants or ():
        if variant.constraint is None or variant.constraint.active(at):
            yield variant


def _compile(
    prices: "ModelPrice", multiplier: Fraction, *, is_exact: bool, search_fee: int | None = None
) -> Rates | None:
    from genai_prices.types import TieredPrices

    sold = {key: value for key, value in vars(prices).items() if value is not None}
    if not sold:  # The moderation models: free of charge.
        return Rates()
    if not sold.keys() & _KEYS.keys():  # Sold by something that no record counts.
        return None

    def rates_at(tokens: int) -> dict[str, int | None]:
        rates = _read_rates({key: _price_at(value, tokens) for key, value in sold.items()}, multiplier)
        return rates if search_fee is None else {**rates, "web_searches": search_fee}

    thresholds = {tier.start for value in sold.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    return complete_rates(
        rates_at(0),
        long_context=[(start, rates_at(start + 1)) for start in sorted(thresholds)],
        mixed=_mixed_buckets(sold),
        is_exact=is_exact and sold.keys() <= _KEYS.keys() | _CACHED_KEYS,
    )


def _price_at(value: "Decimal | TieredPrices", tokens: int) -> Decimal:
    """The price for a prompt of this many tokens: that of the highest tier that it is strictly longer than."""
    if isinstance(value, Decimal):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tokens > tier.start), value.base)


def _mixed_buckets(sold: Mapping[str, object]) -> list[str]:
    is_mixed = any(sold[key] != sold.get("cache_read_mtok") for key in _CACHED_KEYS & sold.keys())
    return ["cache_read"] if is_mixed else []


def _read_rates(prices: Mapping[str, Decimal], multiplier: Fraction) -> dict[str, int | None]:
    rates: dict[str, int | None] = {}
    for key, (bucket, units) in _KEYS.items():
        if key in prices:
            rate = Fraction(prices[key]) * PICO_USD * UNITS_PER_RATE.get(bucket, 1) / units
            rates[bucket] = _whole(rate * multiplier if bucket in TOKEN_BUCKETS else rate)
    return rates


def _whole(rate: Fraction) -> int:
    """Every price in the list is a whole number of pico-USD, as a test checks; any other would go to the nearest."""
    return round(rate)
