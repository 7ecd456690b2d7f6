"""The tables of usage and cost. One module per subject; import the models from here."""

from analytics.models.checks import JournalState, LedgerDifference, ReceiptsKept, RecordsKept
from analytics.models.completions import CreatedObject
from analytics.models.condensed import CondensedSpan, CondensedTotals, CondensedUsage
from analytics.models.price_edits import Discount, PriceEdit, PriceEditLine, PriceEffect
from analytics.models.prices import ModelPrice, PriceBookRevision, PriceChange
from analytics.models.record_copies import RecordChange, RecordCopy
from analytics.models.rollups import DailyTagUsage, DailyUsage
from analytics.models.usage import CostStatus, LedgerRecord, RejectedRecord, SeenValue, UsageBatch

__all__ = [
    "CondensedSpan",
    "CondensedTotals",
    "CondensedUsage",
    "CostStatus",
    "CreatedObject",
    "DailyTagUsage",
    "DailyUsage",
    "Discount",
    "JournalState",
    "LedgerDifference",
    "LedgerRecord",
    "ModelPrice",
    "PriceBookRevision",
    "PriceChange",
    "PriceEdit",
    "PriceEditLine",
    "PriceEffect",
    "ReceiptsKept",
    "RecordChange",
    "RecordCopy",
    "RecordsKept",
    "RejectedRecord",
    "SeenValue",
    "UsageBatch",
]
