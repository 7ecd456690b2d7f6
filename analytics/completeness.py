"""Whether all that was let in is in the books."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Max

from analytics.models import RejectedRecord, UsageBatch

_MOST = 10_000  # nobody waits for more to be counted


class Pulse(NamedTuple):
    """Of the whole ledger, found by indexes alone."""

    last_posting: datetime | None
    rejected: int  # lines that wait for somebody; no more than 10,000 are counted
    differing_days: int


def pulse() -> Pulse:
    last = UsageBatch.objects.aggregate(last=Max("posted_at"))["last"]
    return Pulse(last, RejectedRecord.objects.all()[:_MOST].count(), 0)
