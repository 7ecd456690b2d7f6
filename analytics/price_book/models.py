"""Which models people may choose from: the current chat models of the bundled price list, with what they charge."""

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from analytics.price_book import bundled
from analytics.pricing import Rates

# What the providers call their models that answer in text today. The list also has retired ones, and others that draw,
# speak or embed, and does not say which are which.
_CURRENT = {
    "openai": re.compile(r"gpt-(?:4o|4\.1|[5-9](?:\.\d+)?)(?:-(?:nano|mini|luna|terra|sol|astra))?"),
    "anthropic": re.compile(r"claude-(?:haiku|sonnet|opus|fable)-(?:4-[5-9]|[5-9](?:-\d+)?)"),
}
_DAY_SECONDS = 86_400


class CurrentModel(msgspec.Struct, frozen=True):
    name: str  # as requests name it
    rates: Rates  # for a short prompt, without any modifier


def list_current_models(provider: str, now: datetime) -> tuple[CurrentModel, ...]:
    """The cheapest first. Empty for an unknown provider."""
    return _list(provider, int((now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) // _DAY_SECONDS)


@lru_cache(maxsize=16)
def _list(provider: str, day: int) -> tuple[CurrentModel, ...]:
    names = [name for name in bundled.list_names(provider) if _CURRENT[provider].fullmatch(name)]
    priced = ((name, bundled.find_rates(provider, name, day, "", "", "")) for name in names)
    found = [CurrentModel(name, rates) for name, rates in priced if rates is not None]
    return tuple(sorted(found, key=lambda model: (model.rates.input + model.rates.output, model.name)))
