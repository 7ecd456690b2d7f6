"""Saving and deleting negotiated discounts. Each is one change of the price book (`edits`)."""

from collections.abc import Sequence
from copy import copy

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

from analytics.models import Discount, PriceEdit
from analytics.models.price_edits import WHOLE, say_percent
from analytics.price_book import bundled, edits
from analytics.price_book.edits import Step


def save_discount(*, discount: Discount, by: AbstractBaseUser | None = None) -> Discount:
    """Save a new or changed discount, and note what has to be repriced. Raises `ValidationError`, by field.

    Saving is one at a time (the revision is locked), so that no two can come to overlap at once.
    """
    discount.provider = discount.provider.strip().lower()

    def write() -> Sequence[Step]:
        check_discount(discount)
        if discount._state.adding:
            discount.created_by_id = None if by is None else by.pk
        before = Discount.objects.filter(pk=discount.pk).first() if discount.pk else None
        discount.full_clean()
        discount.save()
        return [Step(before, copy(discount))]

    edits.change(kind=PriceEdit.Kind.DISCOUNT_SAVED, by=by, write=write)
    return discount


def delete_discount(*, discount: Discount, by: AbstractBaseUser | None = None) -> None:
    """What it was taken off costs its full price again."""

    def remove() -> Sequence[Step]:
        before = copy(discount)
        discount.delete()
        return [Step(before, None)]

    edits.change(kind=PriceEdit.Kind.DISCOUNT_DELETED, by=by, write=remove)


def check_discount(discount: Discount) -> None:
    """Raises `ValidationError`, by field, for an unknown provider and for a time in which another one holds."""
    if discount.provider and discount.provider not in bundled.PROVIDERS:
        raise ValidationError({"provider": f"The provider is one of: {', '.join(bundled.PROVIDERS)}. Or none: all."})
    if not 0 <= discount.basis_points <= WHOLE:
        raise ValidationError({"basis_points": "A discount is between 0 and 100 percent."})
    others = Discount.objects.filter(organization_id=discount.organization_id, provider=discount.provider)
    for other in others.exclude(pk=discount.pk).order_by("effective_from"):
        if _overlap(discount, other):
            raise ValidationError(
                {
                    "effective_from": f"{say_percent(other.basis_points)} holds already, {edits.say_span(other)}. "
                    "Discounts of one organization and provider may not overlap: end that one first, or begin later."
                }
            )


def _overlap(one: Discount, other: Discount) -> bool:
    begins_before_the_end = other.effective_until is None or one.effective_from < other.effective_until
    return begins_before_the_end and (one.effective_until is None or other.effective_from < one.effective_until)
