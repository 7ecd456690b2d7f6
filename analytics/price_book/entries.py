"""Which entry of the price book holds for a call, as a receipt names it: whose price it is, and from when until when.

The rates themselves are found by `book` and `bundled`; nothing is priced here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from analytics.price_book import bundled
from analytics.usage import TokenUsage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

# A price of the organization's own, one that the staff of this service entered for everybody, or the bundled list's.
Source = Literal["organization", "service", "bundled"]


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """No `effective_from`: as far back as the list goes. `effective_until` is exclusive; none: until further notice."""

    source: Source
    model: str  # the name under which the price is kept
    effective_from: datetime | None
    effective_until: datetime | None


def list_version() -> str:
    """The release of the bundled price list."""
    return version("genai-prices")


def list_edition() -> str:
    """What the bundled prices are made of: the release of the list, and of our rules for reading it."""
    return f"{list_version()}+{bundled.RULES}"


def order_of(edition: str) -> tuple[int, ...]:
    """By which editions are older or newer; the lowest for ""."""
    return tuple(int(number) for number in re.findall(r"\d+", edition))


def find_bundled(provider: str, model: str, at: datetime, usage: TokenUsage) -> PriceEntry | None:
    """The bundled list's entry for a model at a moment, in the context that `usage` names."""
    info = bundled.find_model(provider, model)
    if info is None:
        return None
    day = at.astimezone(UTC).date()
    starts = sorted(set(start_days(info, usage)))
    begun = [start for start in starts if start <= day]
    to_come = [start for start in starts if start > day]
    return PriceEntry(
        "bundled", info.id, midnight(begun[-1]) if begun else None, midnight(to_come[0]) if to_come else None
    )


def start_days(info: "ModelInfo", usage: TokenUsage) -> Iterator[date]:
    """The days on which another price of the model begins, in this context."""
    constraints: list[object] = []
    if isinstance(info.prices, list):
        constraints += [price.constraint for price in info.prices]
    context = bundled.read_context(usage.service_tier, usage.speed)
    constraints += [price.constraint for price in info.price_variants or () if price.when.items() <= context.items()]
    for constraint in constraints:
        start = getattr(constraint, "start_date", None)
        if start is not None:
            yield start


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
