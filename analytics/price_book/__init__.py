"""Which rates hold for a record: the bundled price list, compiled, under the prices that staff manage.

Reading order: `bundled` (the library's list as integers), `book` (one revision, and the rules of what costs what),
`revisions` (how posting and saving keep out of each other's way), `edits` (one change of the book, and who made it),
`services` and `discounts` (saving one), `proposals` (the book as a change would make it), `listing` (all prices, to
browse). The arithmetic itself is `analytics.pricing`; what a new price does to old records,
`analytics.repricing`; what it would do, `analytics.price_preview`.
"""

from analytics.price_book.book import PriceBook
from analytics.price_book.discounts import check_discount, delete_discount, save_discount
from analytics.price_book.proposals import Proposal, propose
from analytics.price_book.revisions import current
from analytics.price_book.services import check_price, delete_price, save_price, save_prices

__all__ = [
    "PriceBook",
    "Proposal",
    "check_discount",
    "check_price",
    "current",
    "delete_discount",
    "delete_price",
    "propose",
    "save_discount",
    "save_price",
    "save_prices",
]
