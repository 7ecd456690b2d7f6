"""Adding up usages that are priced apart from each other: tools, and the requests of a batch. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from analytics.usage import OtherModelUsage, TokenUsage
from proxy.providers.base import Counts

MAX_SHARES = 20
# The buckets of a share: all that a usage and a share both hold.
BUCKETS = tuple(name for name in OtherModelUsage.__struct_fields__ if name not in {"model", "longest_prompt"})
_INPUTS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image")
# Prompts longer than one of these are sold at another price, by one provider or the other ("Pricing", long context).
BOUNDARIES = (100_000, 128_000, 200_000, 256_000, 272_000)

# What changes no price (Anthropic, "Create a Message", `usage`: `speed`, `inference_geo`).
_USUAL = frozenset({"standard", "global", "not_available"})


def prompt_length(usage: Any) -> int:
    """The length of a prompt: all input buckets together."""
    return sum(getattr(usage, name) for name in _INPUTS)


def with_shares(usage: TokenUsage, shares: Iterable[OtherModelUsage], counts: Counts) -> TokenUsage:
    """`usage` with further shares, their tokens added to the buckets of the whole."""
    added = tuple(shares)
    if not added:
        return usage
    sums = {name: counts.clamp(sum(getattr(part, name) for part in (usage, *added))) for name in BUCKETS}
    kept = (*usage.other_models, *added)
    return msgspec.structs.replace(
        usage,
        **sums,
        other_models=kept[:MAX_SHARES],
        is_partial=usage.is_partial or counts.is_partial or len(kept) > MAX_SHARES,
    )


class BatchSum:
    """The usages of a batch's requests, grouped by model and by the price range of the prompt's length."""

    def __init__(self) -> None:
        self._shares: dict[tuple[str, int], OtherModelUsage] = {}
        self._counts = Counts()
        self._reasoning = 0
        self._unshared: dict[str, int] = {"characters": 0, "audio_ms": 0}
        self._contexts: Counter[tuple[str, str]] = Counter()  # how often which unusual speed and place
        self.requests = 0  # that used something

    def add(self, model: str, usage: TokenUsage) -> None:
        """One request's usage. Its own shares stay apart from its rest."""
        self.requests += 1
        self._counts.is_partial = self._counts.is_partial or usage.is_partial
        self._reasoning += usage.reasoning
        speed, geo = ("" if each in _USUAL else each for each in (usage.speed, usage.inference_geo))
        self._contexts[speed, geo] += 1
        for name in self._unshared:
            self._unshared[name] += getattr(usage, name)
        rest = {name: getattr(usage, name) for name in BUCKETS}
        for other in usage.other_models:
            self._put(other.model, {name: getattr(other, name) for name in BUCKETS}, other.longest_prompt)
            rest = {name: self._counts.clamp(rest[name] - getattr(other, name)) for name in BUCKETS}
        self._put(model, rest, 0)

    def mark_partial(self) -> None:
        self._counts.is_partial = True

    def _put(self, model: str, buckets: dict[str, int], length: int) -> None:
        if not any(buckets.values()):
            return
        length = length or sum(buckets[name] for name in _INPUTS)
        key = (model, sum(length > boundary for boundary in BOUNDARIES))
        if key not in self._shares and len(self._shares) == MAX_SHARES:
            self._counts.is_partial = True
            key = next(reversed(self._shares))
        held = self._shares.get(key) or OtherModelUsage(model=model)
        sums = {name: self._counts.clamp(getattr(held, name) + buckets[name]) for name in BUCKETS}
        self._shares[key] = OtherModelUsage(model=held.model, longest_prompt=max(held.longest_prompt, length), **sums)

    @property
    def model(self) -> str:
        """The model of all requests, "" when there are several."""
        models = {model for model, _ in self._shares}
        return models.pop() if len(models) == 1 else ""

    def total(self) -> TokenUsage:
        """At the speed and place of the most requests: shares have none of their own, so several are not sure."""
        (speed, geo), _ = (self._contexts.most_common(1) or [(("", ""), 0)])[0]
        shares = tuple(self._shares.values())
        sums = {name: self._counts.clamp(sum(getattr(share, name) for share in shares)) for name in BUCKETS}
        unshared = {name: self._counts.clamp(count) for name, count in self._unshared.items()}
        reasoning = self._counts.clamp(self._reasoning, most=sums["output"])
        return msgspec.structs.replace(
            TokenUsage(service_tier="batch", speed=speed, inference_geo=geo, other_models=shares, reasoning=reasoning),
            **sums,
            **unshared,
            is_partial=self._counts.is_partial or len(self._contexts) > 1,
        )
