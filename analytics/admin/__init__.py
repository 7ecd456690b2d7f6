"""What staff see of usage and cost. One module per subject."""

from analytics.admin import checks, discounts, price_edits, prices, records

__all__ = ["checks", "discounts", "price_edits", "prices", "records"]
