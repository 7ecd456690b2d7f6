"""The price book as a change would make it, without the change: for `analytics.price_preview`. Writes nothing."""

from collections.abc import Sequence

import msgspec

from analytics.models import Discount, ModelPrice
from analytics.price_book import edits, revisions
from analytics.price_book.book import PriceBook
from analytics.price_book.edits import Row, Step
from analytics.price_book.scope import Scope


class Proposal(msgspec.Struct, frozen=True):
    book: PriceBook
    scopes: Sequence[Scope]  # the records that may cost something else then


def propose(*, saved: Sequence[Row] = (), deleted: Sequence[Row] = ()) -> Proposal:
    """As if these rows, which are as saving wants them, were saved (new ones among them), and those deleted."""
    kept: dict[tuple[type[Row], int], Row] = {}
    for price in ModelPrice.objects.all():
        kept[ModelPrice, price.pk] = price
    for discount in Discount.objects.all():
        kept[Discount, discount.pk] = discount
    steps = [Step(kept.pop((type(row), row.pk), None), row) for row in saved]
    steps += [Step(kept.pop((type(row), row.pk), None), None) for row in deleted]
    rows = [*kept.values(), *saved]
    book = PriceBook(
        revisions.current().revision,
        [row for row in rows if isinstance(row, ModelPrice)],
        [row for row in rows if isinstance(row, Discount)],
    )
    return Proposal(book, edits.scopes_of(steps))
