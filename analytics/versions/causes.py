"""Why one version costs more or less per request than another: the difference, split into parts that add up to it.

Pure: integers and fractions in, fractions out. The method is explained to users in docs/comparing-versions.md:

- The reference's *effective rates* are the list prices of its models, scaled so that its tokens at these rates cost
  exactly what was paid. (The roll-ups keep one cost for all buckets; the scale stands for service tiers, long contexts
  and prices that have changed since.)
- A change of a quantity is worth what it would have cost at the reference's effective rates.
- The prompt is taken apart once more: first its length grows or shrinks as it is composed at the reference, then its
  composition (uncached, read from the cache, written to it) changes at the new length.
- What no quantity explains is the rates: another model, another price.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from analytics.pricing import BUCKETS

PROMPT_BUCKETS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
CACHE_WRITE_BUCKETS = ("cache_write_5m", "cache_write_1h")


class Kind(StrEnum):
    RATES = "rates"  # the model, or its price
    INPUT = "input"  # the length of the prompt
    CACHE = "cache"  # how much of it is read from the cache or written to it
    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    OUTPUT = "output"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    WEB_SEARCHES = "web_searches"
    FILE_SEARCHES = "file_searches"
    CHARACTERS = "characters"
    AUDIO_MS = "audio_ms"
    UNKNOWN = "unknown"  # the whole difference, where the reference's rates are not known


# Causes that are one bucket each.
_SINGLE_BUCKETS = tuple(kind for kind in Kind if kind in BUCKETS and kind not in PROMPT_BUCKETS)


@dataclass(frozen=True, slots=True)
class Spending:
    """The requests of one version that have a price: how many, what they cost, what they used.

    `used` holds quantities by bucket (`analytics.pricing.BUCKETS`; absent is 0), `list_rates` pico-USD for one unit
    of a bucket: of the version's models, weighted by their use.
    """

    requests: int
    cost_pico_usd: int
    used: Mapping[str, int | Fraction]
    list_rates: Mapping[str, Fraction]

    @property
    def average(self) -> Fraction:
        """Pico-USD per request; 0 without requests."""
        return Fraction(self.cost_pico_usd, self.requests) if self.requests else Fraction(0)

    def per_request(self, *buckets: str) -> Fraction:
        if not self.requests:
            return Fraction(0)
        return Fraction(sum(self.used.get(bucket, 0) for bucket in buckets), self.requests)

    @property
    def prompt_length(self) -> Fraction:
        """Text tokens of a prompt, cached or not."""
        return self.per_request(*PROMPT_BUCKETS)

    def share_of_prompt(self, *buckets: str) -> Fraction:
        whole = self.prompt_length
        return self.per_request(*buckets) / whole if whole else Fraction(0)


@dataclass(frozen=True, slots=True)
class Cause:
    kind: Kind
    pico_usd: Fraction  # of the difference per request; negative where it makes the version cheaper


def find_causes(reference: Spending, other: Spending) -> tuple[Cause, ...]:
    """The parts of `other.average - reference.average`, largest first, without those of nothing. They add up to it.

    Both have requests.
    """
    difference = other.average - reference.average
    rates = _effective_rates(reference)
    if rates is None:
        return (Cause(Kind.UNKNOWN, difference),) if difference else ()
    found = dict(_changes_of_prompt(reference, other, rates))
    for kind in _SINGLE_BUCKETS:
        change = other.per_request(kind) - reference.per_request(kind)
        found[kind] = change * rates.get(kind, Fraction(0))
    found[Kind.RATES] = difference - sum(found.values())
    causes = [Cause(kind, amount) for kind, amount in found.items() if amount]
    return tuple(sorted(causes, key=lambda cause: -abs(cause.pico_usd)))


def _effective_rates(spending: Spending) -> dict[str, Fraction] | None:
    """What a unit of each bucket cost in effect, in pico-USD. None where no list price explains what was paid."""
    listed = sum((spending.list_rates.get(bucket, 0) * count for bucket, count in spending.used.items()), Fraction(0))
    if not listed:
        return {} if not spending.cost_pico_usd else None
    scale = Fraction(spending.cost_pico_usd) / listed
    return {bucket: rate * scale for bucket, rate in spending.list_rates.items()}


def _changes_of_prompt(
    reference: Spending, other: Spending, rates: Mapping[str, Fraction]
) -> tuple[tuple[Kind, Fraction], tuple[Kind, Fraction]]:
    """Of its length, and of its composition. Together: every bucket's change at its rate."""
    whole = sum(
        (
            (other.per_request(bucket) - reference.per_request(bucket)) * rates.get(bucket, Fraction(0))
            for bucket in PROMPT_BUCKETS
        ),
        Fraction(0),
    )
    if reference.prompt_length:
        composed = sum(
            (reference.share_of_prompt(bucket) * rates.get(bucket, Fraction(0)) for bucket in PROMPT_BUCKETS),
            Fraction(0),
        )
    else:
        composed = rates.get("input", Fraction(0))
    by_length = (other.prompt_length - reference.prompt_length) * composed
    return (Kind.INPUT, by_length), (Kind.CACHE, whole - by_length)
