"""What a usage costs at given rates: exact integers, in pico-USD (1e-12 USD). Pure: no Django, no clock, no price list.

Where the rates come from is `analytics.price_book`; which records cost anything at all is decided there too.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from analytics.usage import OtherModelUsage, TokenUsage

PICO_USD = 10**12

# The billed buckets of a usage. `reasoning` is none of them: it is inside `output` and must not be added.
TOKEN_BUCKETS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "output_audio",
    "output_image",
)
BUCKETS = (*TOKEN_BUCKETS, "web_searches", "file_searches", "characters", "audio_ms")
# Those that a share which is priced apart can have a part of.
_SHARED_BUCKETS = (*TOKEN_BUCKETS, "web_searches", "file_searches")

# How many units a rate is for, where that is not one: sound is sold by the hour, and few prices of an hour are a whole
# number of pico-USD for a millisecond.
UNITS_PER_RATE: Mapping[str, int] = {"audio_ms": 3_600_000}

# The bucket whose rate stands in where a bucket has none of its own. A cost that needed one is only `partial`.
_STAND_INS = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "input_audio": "input",
    "input_image": "input",
    "output_audio": "output",
    "output_image": "output",
}
# Except here: a model that draws sells its output at one price unless it has two.
_SOLD_AS_STAND_IN = frozenset({"output_image"})

# `price` gives the first three; the others are the ledger's (see `analytics.price_book.book`).
CostStatus = Literal[
    "priced", "partial", "unpriced", "estimated", "simulated", "interrupted", "unmetered", "pending", "free"
]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What one model charges in one context: pico-USD per token, search and character, and per hour of sound.

    `long_context` reprices the whole request, not only the tokens above the threshold, once the prompt (all input
    buckets together) is strictly longer than the threshold; thresholds ascend.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    output: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    file_searches: int = 0
    characters: int = 0
    audio_ms: int = 0  # for as many milliseconds as `UNITS_PER_RATE` says
    long_context: tuple[tuple[int, "Rates"], ...] = ()
    # Buckets without a price of their own, or of all that they hold: what is in them makes the cost partial.
    unsure: tuple[str, ...] = ()
    # The share of those that nothing could stand in for. They are counted at 0; a cost of nothing else is unknown.
    unsold: tuple[str, ...] = ()
    # False: these are the nearest rates known for the record's tier, speed or geography, not its own.
    is_exact: bool = True

    def for_prompt(self, tokens: int) -> "Rates":
        """The rates for a prompt of this many tokens."""
        chosen = self
        for threshold, rates in self.long_context:
            if tokens > threshold:
                chosen = rates
        return chosen


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a receipt. `rate` and `amount` are pico-USD; the rate is for one unit or `UNITS_PER_RATE`."""

    model: str
    bucket: str
    quantity: int  # tokens, searches, characters, milliseconds
    rate: int
    amount: int


class Share(NamedTuple):
    """What is priced apart: another model's usage, or that of prompts of their own length."""

    model: str
    usage: TokenUsage
    longest_prompt: int  # in tokens, for prices that depend on it


class PricedShare(NamedTuple):
    """What was multiplied. The rates are those for the longest prompt."""

    model: str
    usage: TokenUsage
    rates: Rates
    longest_prompt: int


class Discounted(msgspec.Struct, frozen=True):
    """What was taken off the sum of the prices."""

    basis_points: int  # hundredths of a percent
    pico_usd: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a record costs. `pico_usd` is None where that is unknown, never 0."""

    pico_usd: int | None
    status: CostStatus
    shares: tuple[PricedShare, ...] = ()  # the answering model's first
    discount: Discounted | None = None  # taken off already

    @property
    def lines(self) -> tuple[Line, ...]:
        """The receipt: one line for each bucket that holds anything. They add up to `pico_usd` before a discount."""
        return tuple(
            Line(
                model=share.model, bucket=bucket, quantity=quantity, rate=rate, amount=amount_of(bucket, quantity, rate)
            )
            for share in self.shares
            for bucket in BUCKETS
            for quantity, rate in ((getattr(share.usage, bucket), getattr(share.rates, bucket)),)
            if quantity
        )


UNPRICED = Cost(pico_usd=None, status="unpriced")


def complete_rates(
    sold: Mapping[str, int | None],
    *,
    long_context: Iterable[tuple[int, Mapping[str, int | None]]] = (),
    mixed: Collection[str] = (),
    is_exact: bool = True,
) -> Rates:
    """Rates from the prices a model is sold at; a bucket that is absent or None gets its stand-in's rate.

    `sold` and the mappings of `long_context` hold pico-USD by bucket, for one unit or `UNITS_PER_RATE`. `mixed` are
    buckets that hold things of several prices, of which one is given. What is unsure is the same at every length.
    """
    rates = {bucket: value for bucket, value in sold.items() if value is not None}
    missing = {bucket for bucket in BUCKETS if bucket not in rates}
    missing -= {bucket for bucket in _SOLD_AS_STAND_IN if _STAND_INS[bucket] in rates}
    unsure = tuple(bucket for bucket in BUCKETS if bucket in missing or bucket in mixed)
    for bucket, stand_in in _STAND_INS.items():
        if bucket not in rates and stand_in in rates:
            rates[bucket] = rates[stand_in]
    return Rates(
        **rates,
        long_context=tuple(
            (threshold, complete_rates(longer, mixed=mixed, is_exact=is_exact)) for threshold, longer in long_context
        ),
        unsure=unsure,
        unsold=tuple(bucket for bucket in unsure if bucket not in rates),
        is_exact=is_exact,
    )


def amount_of(bucket: str, quantity: int, rate: int) -> int:
    """Pico-USD for a quantity of a bucket. Where a rate is for many units: to the nearest, halves upwards."""
    units = UNITS_PER_RATE.get(bucket)
    return quantity * rate if units is None else (2 * quantity * rate + units) // (2 * units)


def prompt_tokens(usage: TokenUsage | OtherModelUsage) -> int:
    """The length of the prompt: all input buckets together."""
    text = usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
    return text + usage.input_audio + usage.input_image


def price(usage: TokenUsage, rates: Rates | None, model: str = "", *, longest_prompt: int | None = None) -> Cost:
    """The cost of all of `usage` at one model's rates; without rates it is unpriced. Look at `split` for other models.

    Partial: the usage says so, the rates are not the ones of its context, or a bucket in use has no price of its own.
    `longest_prompt` (tokens) is told where the usage is not that of a single prompt.
    """
    if rates is None:
        return UNPRICED
    length = prompt_tokens(usage) if longest_prompt is None else longest_prompt
    if rates.long_context:
        rates = rates.for_prompt(length)
    amount = (
        usage.input * rates.input
        + usage.cache_read * rates.cache_read
        + usage.cache_write_5m * rates.cache_write_5m
        + usage.cache_write_1h * rates.cache_write_1h
        + usage.input_audio * rates.input_audio
        + usage.input_image * rates.input_image
        + usage.output * rates.output
        + usage.output_audio * rates.output_audio
        + usage.output_image * rates.output_image
        + usage.web_searches * rates.web_searches
        + usage.file_searches * rates.file_searches
        + usage.characters * rates.characters
    )
    if usage.audio_ms:
        amount += amount_of("audio_ms", usage.audio_ms, rates.audio_ms)
    is_sure = rates.is_exact and not usage.is_partial
    if rates.unsure:
        is_sure = is_sure and not _holds_any(usage, rates.unsure)
        # What is not sold by the token is not free where nothing else was counted.
        if not amount and rates.unsold and ("input" in rates.unsold or _holds_any(usage, rates.unsold)):
            return UNPRICED
    shares = (PricedShare(model, usage, rates, length),)
    return Cost(pico_usd=amount, status="priced" if is_sure else "partial", shares=shares)


def discounted(cost: Cost, basis_points: int) -> Cost:
    """What is left of a known cost after a discount: to the nearest pico-USD, halves upwards, once for each record."""
    if cost.pico_usd is None:
        return cost
    left = (2 * cost.pico_usd * (10_000 - basis_points) + 10_000) // 20_000
    return msgspec.structs.replace(cost, pico_usd=left, discount=Discounted(basis_points, cost.pico_usd - left))


def _holds_any(usage: TokenUsage, buckets: tuple[str, ...]) -> bool:
    return any(getattr(usage, bucket) for bucket in buckets)


def split(usage: TokenUsage) -> tuple[TokenUsage, tuple[Share, ...]]:
    """The answering model's own share, and what is priced apart: further models, prompts of a length of their own.

    Shares larger than the whole are contradictory: the rest is clamped at zero and all of it marked partial.
    The others ran in the context of the call, so they keep its tier, speed and geography.
    """
    if not usage.other_models:
        return usage, ()
    rest = {
        bucket: getattr(usage, bucket) - sum(getattr(other, bucket) for other in usage.other_models)
        for bucket in _SHARED_BUCKETS
    }
    main = msgspec.structs.replace(
        usage,
        **{bucket: max(count, 0) for bucket, count in rest.items()},
        other_models=(),
        is_partial=usage.is_partial or min(rest.values()) < 0,
    )
    return main, tuple(_share_of(other, main) for other in usage.other_models)


def _share_of(other: OtherModelUsage, main: TokenUsage) -> Share:
    usage = TokenUsage(
        **{bucket: getattr(other, bucket) for bucket in _SHARED_BUCKETS},
        service_tier=main.service_tier,
        speed=main.speed,
        inference_geo=main.inference_geo,
        is_partial=main.is_partial,
    )
    return Share(other.model, usage, other.longest_prompt or prompt_tokens(other))


def add(costs: Iterable[Cost]) -> Cost:
    """The sum of the shares of one record. One share without a price leaves the whole without one."""
    parts = tuple(costs)
    amounts = [part.pico_usd for part in parts]
    if any(amount is None for amount in amounts):
        return UNPRICED
    return Cost(
        pico_usd=sum(amount for amount in amounts if amount is not None),
        status="partial" if any(part.status == "partial" for part in parts) else "priced",
        shares=tuple(share for part in parts for share in part.shares),
    )
