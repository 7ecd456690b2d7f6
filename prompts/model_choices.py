"""Which models a version may be given, with what they charge this organization. A suggestion: any name can be typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from analytics import price_book
from analytics.models import ModelPrice
from analytics.price_book import PriceBook
from analytics.price_book.bundled import PROVIDERS
from analytics.price_book.models import list_current_models
from analytics.pricing import Rates
from analytics.usage import TokenUsage

_TOKENS = 10**6  # prices are told for a million


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Prices are pico-USD for a million tokens, of a short prompt in the usual tier."""

    provider: str
    name: str
    input_pico_usd: int
    output_pico_usd: int


def list_choices(organization_id: int, *, now: datetime) -> dict[str, Sequence[ModelChoice]]:
    """By provider, the cheapest first: its current models, and those that staff have entered a price for.

    Prices are those that hold for the organization. Two queries.
    """
    book = price_book.current()
    own = ModelPrice.objects.filter(Q(organization=None) | Q(organization=organization_id))
    entered = list(own.values_list("provider", "model").distinct())
    found: dict[str, Sequence[ModelChoice]] = {}
    for provider in sorted(PROVIDERS, reverse=True):
        names = [model.name for model in list_current_models(provider, now)]
        names += [model for seller, model in entered if seller == provider]
        choices = [
            _choice(provider, name, rates)
            for name in dict.fromkeys(names)
            if (rates := _find_rates(book, provider, name, organization_id, now))
        ]
        found[provider] = sorted(choices, key=lambda one: (one.input_pico_usd + one.output_pico_usd, one.name))
    return found


def find_choice(name: str, organization_id: int, *, now: datetime, book: PriceBook | None = None) -> ModelChoice | None:
    """Who sells a model, and for how much; None where no price is known. One query, unless the book is given."""
    book = book or price_book.current()
    for provider in PROVIDERS:
        if rates := _find_rates(book, provider, name, organization_id, now):
            return _choice(provider, name, rates)
    return None


def _find_rates(book: PriceBook, provider: str, name: str, organization_id: int, now: datetime) -> Rates | None:
    return book.find_rates(provider, name, now, TokenUsage(), organization_id)


def _choice(provider: str, name: str, rates: Rates) -> ModelChoice:
    return ModelChoice(provider, name, rates.input * _TOKENS, rates.output * _TOKENS)
