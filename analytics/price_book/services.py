"""Saving and deleting staff's prices. Each raises the revision and notes what `analytics.price_changes` has to do."""

from collections.abc import Callable, Sequence

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from analytics.models import ModelPrice, PriceChange
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import bundled, revisions
from analytics.price_book.scope import Scope

# In pico-USD for one unit. What is above is a slip of units.
_HIGHEST_RATES = {
    "web_searches": (10**12, "$1,000 per 1,000 searches"),
    "file_searches": (10**12, "$1,000 per 1,000 searches"),
    "characters": (10**9, "$1,000 per million characters"),
    "audio_ms": (10**15, "$1,000 per hour"),
}
_HIGHEST_TOKEN_RATE = (10**9, "$1,000 per million tokens")


def save_price(*, price: ModelPrice, by: AbstractBaseUser | None = None) -> ModelPrice:
    """Save a new or changed price. Raises `ValidationError` for values that make no sense.

    What is posted from now on has this price. The records that were posted before get it in the background: that they
    are behind is noted in the same transaction, and `analytics.price_changes.catch_up` does the rest.
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


@transaction.atomic
def _change(write: Callable[[], Sequence[Scope]]) -> None:
    revision = revisions.raise_revision()
    scopes = dict.fromkeys(write())
    PriceChange.objects.bulk_create(PriceChange(revision=revision, **msgspec.structs.asdict(scope)) for scope in scopes)


def check_price(price: ModelPrice) -> None:
    """Raises `ValidationError`, by field, for a provider or rates that nobody can have meant."""
    errors = {}
    if price.provider not in bundled.PROVIDERS:
        errors["provider"] = f"The provider is one of: {', '.join(bundled.PROVIDERS)}."
    for bucket, column in RATE_COLUMNS.items():
        highest, words = _HIGHEST_RATES.get(bucket, _HIGHEST_TOKEN_RATE)
        if (getattr(price, column) or 0) > highest:
            errors[column] = f"At most {words}."
    if all(getattr(price, column) is None for column in RATE_COLUMNS.values()):
        errors[NON_FIELD_ERRORS] = "Enter at least one price. 0 is free, an empty field is not known."
    if errors:
        raise ValidationError(errors)
