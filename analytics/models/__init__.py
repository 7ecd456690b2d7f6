"""The tables of usage and cost. One module per subject; import the models from here."""

from analytics.models.condensed import CondensedSpan, CondensedTotals, CondensedUsage
from analytics.models.prices import ModelPrice, PriceBookRevision
from analytics.models.rollups import DailyTagUsage, DailyUsage
from analytics.models.usage import CostStatus, LedgerRecord, RejectedRecord, SeenValue, UsageBatch

__all__ = [
    "CondensedSpan",
    "CondensedTotals",
    "CondensedUsage",
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
