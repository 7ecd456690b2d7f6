"""Which revision of the price book holds: read shared while posting, raised exclusively when a price is saved.

So a price is never saved between the pricing of a record and its becoming visible to the repricing that follows.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from analytics.models import Discount, ModelPrice, PriceBookRevision
from analytics.price_book.book import PriceBook

_ID = 1
_latest: PriceBook | None = None
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def current(*, shared_lock: bool = False) -> PriceBook:
    """The price book as it is. With the lock, no price is saved until the caller's transaction ends.

    One query while the revision stays the same. SQLite has one writer at a time, so there the lock is the transaction.
    """
    global _latest
    revision = _read(shared_lock=shared_lock)
    book = _latest
    if book is None or book.revision != revision:
        book = _latest = PriceBook(revision, ModelPrice.objects.all(), Discount.objects.all())
    return book


def moment_of(microseconds: int) -> datetime:
    """The moment of a revision, or of a record's start, which both are counted since the epoch."""
    return _EPOCH + timedelta(microseconds=microseconds)


def earlier(revision: int) -> Iterator[PriceBook]:
    """What the price book may have been at a revision, likeliest first. Earlier prices are not kept, so these are
    guesses, to be checked against what they come to: the prices that there were already, with the discounts of then and
    without, then none but the bundled.
    """
    if revision > 1:
        # The row that is saved under a revision is written a moment after it.
        until = moment_of(revision) + timedelta(seconds=5)
        prices = list(ModelPrice.objects.filter(created_at__lte=until))
        discounts = list(Discount.objects.filter(created_at__lte=until))
        yield PriceBook(revision, prices, discounts)
        if discounts:
            yield PriceBook(revision, prices)
    yield PriceBook(revision)


def _read(*, shared_lock: bool) -> int:
    if shared_lock and not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "The shared lock on the price book needs a transaction to last in."
        )
    lock = " FOR SHARE" if shared_lock and connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT revision FROM analytics_pricebookrevision WHERE id = %s{lock}", [_ID])  # noqa: S608
        row = cursor.fetchone()
    if row is not None:
        return int(row[0])
    # Only a database that was emptied by hand has lost the row.
    PriceBookRevision.objects.bulk_create([PriceBookRevision(id=_ID)], ignore_conflicts=True)
    return _read(shared_lock=shared_lock)


def raise_revision() -> int:
    """Lock the revision exclusively, waiting for those who are posting, and raise it. In the caller's transaction.

    Revisions are moments (microseconds since the epoch), not 1, 2, 3: so none comes twice, not even after a rollback or
    a restored backup, and a process that remembers the book of a revision cannot take it for another's.
    """
    _read(shared_lock=False)
    locked = PriceBookRevision.objects.select_for_update().get(pk=_ID)
    locked.revision = max(locked.revision + 1, time.time_ns() // 1000)
    locked.save(update_fields=["revision"])
    return locked.revision
