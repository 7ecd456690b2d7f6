"""Saving and deleting staff's prices. Each is one change of the price book (`edits`)."""

from collections.abc import Sequence
from copy import copy

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError

from analytics.models import ModelPrice, PriceEdit
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import bundled, edits
from analytics.price_book.edits import Step

# In pico-USD for one unit. What is above is a slip of units.
_HIGHEST_RATES = {
    "web_searches": (10**12, "$1,000 per 1,000 searches"),
    "file_searches": (10**12, "$1,000 per 1,000 searches"),
    "characters": (10**9, "$1,000 per million characters"),
    "audio_ms": (10**15, "$1,000 per hour"),
}
_HIGHEST_TOKEN_RATE = (10**9, "$1,000 per million tokens")
_CHANGED_MEANWHILE = ValidationError("Somebody has changed these prices meanwhile. Look at the file once more.")


def save_price(*, price: ModelPrice, by: AbstractBaseUser | None = None) -> ModelPrice:
    """Save a new or changed price. Raises `ValidationError` for values that make no sense.

    What is posted from now on has this price. The records that were posted before get it in the background: that they
    are behind is noted in the same transaction, and `analytics.price_changes.catch_up` does the rest.
    """
    edits.change(kind=PriceEdit.Kind.PRICE_SAVED, by=by, write=lambda: [_save(price, by)])
    return price


def save_prices(*, prices: Sequence[ModelPrice], by: AbstractBaseUser | None = None) -> PriceEdit | None:
    """All of them or none, as one change: prices as `csv_file.read` gives them, checked. None for none.

    Raises `ValidationError` when others have saved one of them meanwhile.
    """
    new = [price for price in prices if price._state.adding]
    kept = [price for price in prices if not price._state.adding]

    def write() -> Sequence[Step]:
        before = ModelPrice.objects.in_bulk([price.pk for price in kept])
        if len(before) < len(kept):
            raise _CHANGED_MEANWHILE
        for price in new:
            price.created_by_id = None if by is None else by.pk
        ModelPrice.objects.bulk_create(new, batch_size=200)
        ModelPrice.objects.bulk_update(kept, [*RATE_COLUMNS.values(), "effective_until", "note"], batch_size=200)
        return [Step(before.get(price.pk), copy(price)) for price in prices]

    subject = f"{len(prices):,} price{'' if len(prices) == 1 else 's'} from a file"
    try:
        return edits.change(kind=PriceEdit.Kind.IMPORTED, by=by, write=write, subject=subject)
    except IntegrityError as error:
        raise _CHANGED_MEANWHILE from error


def delete_price(*, price: ModelPrice, by: AbstractBaseUser | None = None) -> None:
    """Records that it priced get what the rest of the book says, which may be that their price is unknown."""

    def remove() -> Sequence[Step]:
        before = copy(price)
        price.delete()
        return [Step(before, None)]

    edits.change(kind=PriceEdit.Kind.PRICE_DELETED, by=by, write=remove)


def _save(price: ModelPrice, by: AbstractBaseUser | None) -> Step:
    price.provider, price.model = price.provider.strip().lower(), price.model.strip().lower()
    check_price(price)
    if price._state.adding:
        price.created_by_id = None if by is None else by.pk
    before = ModelPrice.objects.filter(pk=price.pk).first() if price.pk else None
    price.full_clean()
    price.save()
    return Step(before, copy(price))


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
