"""Saving and deleting staff's prices. Each raises the revision and then reprices the records that it concerns."""

from collections.abc import Callable, Sequence

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from analytics import repricing
from analytics.models import ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import bundled, revisions
from analytics.price_book.scope import Scope

# $1,000 per million tokens; $1 per search. What is above is a slip of units.
_HIGHEST_RATE = 10**9
_HIGHEST_SEARCH_RATE = 10**12


def save_price(*, price: ModelPrice, by: AbstractBaseUser | None = None) -> ModelPrice:
    """Save a new or changed price. Raises `ValidationError` for values that make no sense.

    Records that it concerns are repriced once the transaction has committed, before this returns unless the caller has
    a transaction open. Should that fail, the price is saved all the same and `manage.py reprice` does the rest.
    """
    price.provider, price.model = price.provider.strip().lower(), price.model.strip().lower()
    check_price(price)
    if price._state.adding:
        price.created_by_id = None if by is None else by.pk

    def write() -> Sequence[Scope]:
        before = ModelPrice.objects.filter(pk=price.pk).first() if price.pk else None
        price.full_clean()
        price.save()
        return [Scope.of(row) for row in (before, price) if row is not None]

    _change(write)
    return price


def delete_price(*, price: ModelPrice) -> None:
    """Records that it priced get what the rest of the book says, which may be that their price is unknown."""

    def remove() -> Sequence[Scope]:
        scope = Scope.of(price)
        price.delete()
        return [scope]

    _change(remove)


def _change(write: Callable[[], Sequence[Scope]]) -> None:
    with transaction.atomic():
        revisions.raise_revision()
        scopes = write()
        transaction.on_commit(lambda: [repricing.reprice(scope=scope) for scope in scopes])


def check_price(price: ModelPrice) -> None:
    """Raises `ValidationError`, by field, for a provider or rates that nobody can have meant."""
    errors = {}
    if price.provider not in bundled.PROVIDERS:
        errors["provider"] = f"The provider is one of: {', '.join(bundled.PROVIDERS)}."
    for column in RATE_COLUMNS:
        highest = _HIGHEST_SEARCH_RATE if column == "web_search_pico_usd" else _HIGHEST_RATE
        if (getattr(price, column) or 0) > highest:
            errors[column] = f"In pico-USD per token (or search), at most {highest:,}."
    if errors:
        raise ValidationError(errors)
