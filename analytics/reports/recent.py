"""What the newest records and receipts say about the service right now: at most a few thousand rows, by their indexes.

Ids of records are UUIDv7 and begin with a moment, so the newest are those with the highest ids. Calls are counted when
they are posted, which is within a second or two of their end unless something is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import TruncMinute

from analytics.call_ids import id_from
from analytics.models import LedgerRecord, UsageBatch
from analytics.models.usage import UNCOUNTED

MOST_CALLS = 1000
_MOST_LOOKED_AT = 5000  # records, for the lag of a page of batches
_LONGEST_LAG_LOOKED_FOR = timedelta(minutes=10)
_MOST_BATCHES = 200


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest calls that count, at most `MOST_CALLS`. Durations are milliseconds and seconds, sorted."""

    since: datetime | None
    count: int
    error_count: int
    latencies_ms: Sequence[int]
    lags_s: Sequence[float]  # one for each of their batches

    @property
    def error_share(self) -> float | None:
        return self.error_count / self.count if self.count else None


def read_recent() -> Recent:
    """Two queries."""
    columns = ("started_at", "latency_ms", "is_error", "cost_status", "segment_id")
    found = list(LedgerRecord.objects.order_by("-pk").values_list(*columns)[:MOST_CALLS])
    calls = [call for call in found if call[3] not in UNCOUNTED]
    ended: dict[UUID, datetime] = {}
    for started_at, latency_ms, _, _, segment_id in found:
        _note_end(ended, segment_id, started_at, latency_ms)
    newest = list(ended)[:_MOST_BATCHES]
    posted = UsageBatch.objects.filter(pk__in=newest).values_list("pk", "posted_at")
    return Recent(
        since=min((call[0] for call in calls), default=None),
        count=len(calls),
        error_count=sum(call[2] for call in calls),
        latencies_ms=sorted(call[1] for call in calls if not call[2]),
        lags_s=sorted(_seconds(posted_at - ended[pk]) for pk, posted_at in posted),
    )


def posted_by_minute(now: datetime, *, minutes: int) -> list[int]:
    """How many calls each of the last minutes brought, the oldest first, the running one last. One query."""
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
    rows = UsageBatch.objects.filter(posted_at__gte=first).annotate(minute=TruncMinute("posted_at")).values("minute")
    counts = dict(rows.annotate(calls=Sum("inserted_count")).values_list("minute", "calls").order_by())
    return [counts.get(first + timedelta(minutes=number), 0) for number in range(minutes)]


def lags_of(batches: Iterable[UsageBatch]) -> Mapping[UUID, float]:
    """By id, the seconds from the end of a batch's last call to its posting, where that is easily known. One query."""
    posted = {batch.pk: batch.posted_at for batch in batches}
    if not posted:
        return {}
    first = id_from(min(posted.values()) - _LONGEST_LAG_LOOKED_FOR)
    last = id_from(max(posted.values()) + timedelta(seconds=1))
    records = LedgerRecord.objects.filter(pk__gte=first, pk__lte=last).order_by("-pk")
    ended: dict[UUID, datetime] = {}
    for segment_id, started_at, latency_ms in records.values_list("segment_id", "started_at", "latency_ms")[
        :_MOST_LOOKED_AT
    ]:
        if segment_id in posted:
            _note_end(ended, segment_id, started_at, latency_ms)
    return {pk: _seconds(posted[pk] - moment) for pk, moment in ended.items()}


def quantile(numbers: Sequence[float], part: float) -> float | None:
    """Of sorted numbers: 0.5 is the median. None of none."""
    return numbers[min(len(numbers) - 1, int(len(numbers) * part))] if numbers else None


def _note_end(ended: dict[UUID, datetime], segment_id: UUID, started_at: datetime, latency_ms: int) -> None:
    end = started_at + timedelta(milliseconds=latency_ms)
    ended[segment_id] = max(end, ended.get(segment_id, end))


def _seconds(time: timedelta) -> float:
    return max(0.0, time.total_seconds())
