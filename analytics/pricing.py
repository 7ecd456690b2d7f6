"""What a usage costs at given rates: exact integers, in pico-USD (1e-12 USD). Pure: no Django, no clock, no price list.

Where the rates come from is `analytics.price_book`; which records cost anything at all is decided there too.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from analytics.usage import TokenUsage

PICO_USD = 10**12

# The billed buckets of a usage. `reasoning` is none of them: it is inside `output` and must not be added.
TOKEN_BUCKETS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "output",
    "output_audio",
)
BUCKETS = (*TOKEN_BUCKETS, "web_searches")

# The bucket whose rate stands in where a bucket has none of its own. A cost that needed one is only `partial`.
_STAND_INS = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "input_audio": "input",
    "output_audio": "output",
}

# `price` gives the first three; the others are the ledger's (see `analytics.price_book.costs`).
CostStatus = Literal["priced", "partial", "unpriced", "estimated", "simulated", "interrupted", "unmetered", "pending"]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What one model charges in one context: pico-USD per token, and per web search.

    `long_context` reprices the whole request, not only the tokens above the threshold, once the prompt (all input
    buckets together) is strictly longer than the threshold; thresholds ascend.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    output: int = 0
    output_audio: int = 0
    web_searches: int = 0
    long_context: tuple[tuple[int, "Rates"], ...] = ()
    # Buckets without a price of their own: what they hold makes the cost partial.
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
    """One line of a receipt. `rate` and `amount` are pico-USD, `quantity` tokens (or searches)."""

    model: str
    bucket: str
    quantity: int
    rate: int
    amount: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a record costs. `pico_usd` is None where that is unknown, never 0."""

    pico_usd: int | None
    status: CostStatus
    # What was multiplied: (model, usage, rates) for the answering model, then for each further one.
    shares: tuple[tuple[str, TokenUsage, Rates], ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The receipt: one line for each bucket that holds anything. The amounts add up to `pico_usd`."""
        return tuple(
            Line(model=model, bucket=bucket, quantity=quantity, rate=rate, amount=quantity * rate)
            for model, usage, rates in self.shares
            for bucket in BUCKETS
            for quantity, rate in ((getattr(usage, bucket), getattr(rates, bucket)),)
            if quantity
        )


UNPRICED = Cost(pico_usd=None, status="unpriced")


def complete_rates(
    sold: Mapping[str, int | None],
    *,
    long_context: Iterable[tuple[int, Mapping[str, int | None]]] = (),
    is_exact: bool = True,
) -> Rates:
    """Rates from the prices a model is sold at; a bucket that is absent or None gets its stand-in's rate.

    `sold` and the mappings of `long_context` hold pico-USD by bucket. What is unsure is the same at every length.
    """
    rates = {bucket: value for bucket, value in sold.items() if value is not None}
    unsure = tuple(bucket for bucket in BUCKETS if bucket not in rates)
    for bucket, stand_in in _STAND_INS.items():
        if bucket not in rates and stand_in in rates:
            rates[bucket] = rates[stand_in]
    return Rates(
        **rates,
        long_context=tuple(
            (threshold, complete_rates(longer, is_exact=is_exact)) for threshold, longer in long_context
        ),
        unsure=unsure,
        unsold=tuple(bucket for bucket in unsure if bucket not in rates),
        is_exact=is_exact,
    )


def prompt_tokens(usage: TokenUsage) -> int:
    """The length of the prompt: all input buckets together."""
    return usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h + usage.input_audio


def price(usage: TokenUsage, rates: Rates | None, model: str = "") -> Cost:
    """The cost of all of `usage` at one model's rates; without rates it is unpriced. Look at `split` for other models.

    Partial: the usage says so, the rates are not the ones of its context, or a bucket in use has no price of its own.
    """
    if rates is None:
        return UNPRICED
    if rates.long_context:
        rates = rates.for_prompt(prompt_tokens(usage))
    amount = (
        usage.input * rates.input
        + usage.cache_read * rates.cache_read
        + usage.cache_write_5m * rates.cache_write_5m
        + usage.cache_write_1h * rates.cache_write_1h
        + usage.input_audio * rates.input_audio
        + usage.output * rates.output
        + usage.output_audio * rates.output_audio
        + usage.web_searches * rates.web_searches
    )
    is_sure = rates.is_exact and not usage.is_partial
    if rates.unsure:
        is_sure = is_sure and not _holds_any(usage, rates.unsure)
        if not amount and rates.unsold and _holds_any(usage, rates.unsold):
            return UNPRICED
    return Cost(pico_usd=amount, status="priced" if is_sure else "partial", shares=((model, usage, rates),))


def _holds_any(usage: TokenUsage, buckets: tuple[str, ...]) -> bool:
    return any(getattr(usage, bucket) for bucket in buckets)


def split(usage: TokenUsage) -> tuple[TokenUsage, tuple[tuple[str, TokenUsage], ...]]:
    """The answering model's own share, and each further model's with its name (Anthropic's advisor).

    A share larger than the whole is contradictory: the rest is clamped at zero and the main share marked partial.
    The others ran in the context of the call, so they keep its tier, speed and geography.
    """
    if not usage.other_models:
        return usage, ()
    others = tuple(
        (
            other.model,
            TokenUsage(
                input=other.input,
                cache_read=other.cache_read,
                cache_write_5m=other.cache_write_5m,
                cache_write_1h=other.cache_write_1h,
                output=other.output,
                service_tier=usage.service_tier,
                speed=usage.speed,
                inference_geo=usage.inference_geo,
            ),
        )
        for other in usage.other_models
    )
    rest = {
        bucket: getattr(usage, bucket) - sum(getattr(share, bucket) for _, share in others) for bucket in TOKEN_BUCKETS
    }
    main = msgspec.structs.replace(
        usage,
        **{bucket: max(count, 0) for bucket, count in rest.items()},
        other_models=(),
        is_partial=usage.is_partial or min(rest.values()) < 0,
    )
    return main, others


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
