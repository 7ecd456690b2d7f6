"""What staff see of usage and cost. One module per subject."""

from analytics.admin import prices, records

__all__ = ["prices", "records"]
