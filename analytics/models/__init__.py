"""The tables of usage and cost. One module per subject; import the models from here."""

from analytics.models.prices import ModelPrice, PriceBookRevision
from analytics.models.rollups import DailyTagUsage, DailyUsage
from analytics.models.usage import CostStatus, LedgerRecord, RejectedRecord, SeenValue, UsageBatch

__all__ = [
    "CostStatus",
    "DailyTagUsage",
    "DailyUsage",
    "LedgerRecord",
    "ModelPrice",
    "PriceBookRevision",
    "RejectedRecord",
    "SeenValue",
    "UsageBatch",
]
