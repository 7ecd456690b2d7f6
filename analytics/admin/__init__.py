"""What staff see of usage and cost. One module per subject."""

from analytics.admin import discounts, price_edits, prices, records

__all__ = ["discounts", "price_edits", "prices", "records"]
