"""Which rates hold for a record: the bundled price list, compiled, under the prices that staff manage.

Reading order: `bundled` (the library's list as integers), `book` (one revision, and the rules of what costs what),
`revisions` (how posting and saving keep out of each other's way), `services` (saving a price). The arithmetic itself is
`analytics.pricing`; what a new price does to old records, `analytics.repricing`.
"""

from analytics.price_book.book import PriceBook
from analytics.price_book.revisions import current
from analytics.price_book.services import check_price, delete_price, save_price

__all__ = ["PriceBook", "check_price", "current", "delete_price", "save_price"]
