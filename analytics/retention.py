"""What is kept how long: usage records by whole local days, or months; receipts, values seen. Roll-ups stay for ever.

Nothing can be posted twice for it. A call is known by its record; where that may be gone, by the receipt of its
segment; and where both may be gone, `is_forgotten` keeps it out, since nobody can tell any more whether it was posted.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from analytics import periods
from analytics.models import (
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    ReceiptsKept,
    RecordsKept,
    SeenValue,
    UsageBatch,
)
from analytics.partitions import shape
from analytics.partitions.reading import began
from analytics.record_store import changes as copied
from orgs.models import Organization

logger = logging.getLogger(__name__)

CHUNK = 2000  # records of one transaction, which keeps posting for the organization waiting
PATIENCE_SECONDS = 60.0  # three of these are below the time limit of a task; the next run goes on
VALUES_KEPT_DAYS = 400
# A call lies on another local day after a change of the time zone, one away at most.
_MARGIN = timedelta(days=2)


# --- Records ----------------------------------------------------------------------------------------------------------


def remove_old_records(
    *, now: datetime, keep_days: int, by_day: bool = False, patience_seconds: float = PATIENCE_SECONDS
) -> int:
    """Remove the records of local days that ended `keep_days` ago; 0 keeps all. Returns how many.

    Where the ledger has months (`analytics.partitions`), only what lies before the first of them goes by days: they are
    dropped whole. With `by_day` their days go, too.
    """
    if not keep_days:
        return 0
    found = None if by_day else shape.read()
    first_month = found.first_month if found else None
    before = shape.first_id_of(first_month) if first_month else None
    until = time.monotonic() + patience_seconds
    removed = 0
    # In any order, so that nobody is always the last when the time is over.
    for organization in Organization.objects.filter(deleted_at=None).order_by("?"):
        first_kept = periods.local_day(now, organization.tz) - timedelta(days=keep_days)
        while count := _remove_chunk(organization.pk, first_kept, before):
            removed += count
            if time.monotonic() > until:
                logger.warning("More old records than %s s remove: the next run goes on.", patience_seconds)
                return removed
    return removed


@transaction.atomic
def _remove_chunk(organization_id: int, first_kept: date, before: UUID | None) -> int:
    # Neither posting nor a change of the time zone, which both look at what is kept, runs beside it.
    Organization.objects.select_for_update().get(pk=organization_id)
    old = LedgerRecord.objects.filter(organization_id=organization_id, local_day__lt=first_kept)
    if before is not None:
        old = old.filter(pk__lt=before)
    # By the start, which has an index: no day begins or ends more than a day from its date in UTC.
    midnight = datetime.combine(first_kept, datetime.min.time(), tzinfo=UTC)
    ids = list(old.filter(began(before=midnight + _MARGIN)).order_by("started_at").values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return 0
    note_first_day(organization_id, first_kept)
    return remove_records(ids)


def note_first_day(organization_id: int, first_kept: date) -> None:
    """Write down that earlier records are gone, or will be. In a transaction that has the organization alone."""
    # Where more is kept than before, what is gone stays gone, and its days are not whole again.
    known = RecordsKept.objects.filter(organization_id=organization_id).values_list("first_day", flat=True).first()
    first_whole = max(first_kept, known) if known else first_kept
    RecordsKept.objects.update_or_create(organization_id=organization_id, defaults={"first_day": first_whole})


def remove_records(ids: Sequence[UUID]) -> int:
    """Delete these records and note it on the receipts of their segments. In the caller's transaction."""
    records = LedgerRecord.objects.filter(pk__in=ids)
    gone = list(records.order_by().values_list("segment_id", "organization_id", "pk", "started_at"))
    counts = Counter(segment_id for segment_id, *_ in gone)
    records._raw_delete(records.db)
    copied.note(copied.Key(owner_id, pk, started_at) for _, owner_id, pk, started_at in gone)
    alike = defaultdict(list)  # segments by how many were theirs: of short ones there are hundreds
    for segment_id, count in counts.items():
        alike[count].append(segment_id)
    for count, segment_ids in alike.items():
        UsageBatch.objects.filter(segment_id__in=segment_ids).update(removed_count=F("removed_count") + count)
    return counts.total()


def first_days_kept(organization_ids: Iterable[int]) -> dict[int, date]:
    """For those of which records are gone."""
    kept = RecordsKept.objects.filter(organization_id__in=organization_ids)
    return dict(kept.values_list("organization_id", "first_day"))


# --- Receipts ---------------------------------------------------------------------------------------------------------


def remove_old_receipts(*, now: datetime, keep_days: int, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Remove receipts of segments that were posted `keep_days` ago; 0 keeps all. Returns how many."""
    if not keep_days:
        return 0
    until = time.monotonic() + patience_seconds
    horizon = now - timedelta(days=keep_days)
    _remember_horizon(horizon)
    removed = 0
    while time.monotonic() < until:
        old = UsageBatch.objects.filter(posted_at__lt=horizon).order_by("posted_at").values_list("pk", flat=True)
        ids = list(old[:CHUNK])
        if not ids:
            break
        removed += UsageBatch.objects.filter(pk__in=ids).delete()[0]
    return removed


@transaction.atomic
def _remember_horizon(horizon: datetime) -> None:
    """Before the first receipt goes: a posting that does not find its own any more sees this, which it reads after."""
    kept = ReceiptsKept.objects.select_for_update().filter(pk=1).first()
    if kept is None:
        ReceiptsKept.objects.create(pk=1, posted_from=horizon)
    elif horizon > kept.posted_from:
        kept.posted_from = horizon
        kept.save(update_fields=["posted_from"])


def receipts_kept_from() -> datetime | None:
    """Receipts of segments that were posted from then on are all there. None: all receipts."""
    return ReceiptsKept.objects.filter(pk=1).values_list("posted_from", flat=True).first()


def is_forgotten(started_at: datetime, local_day: date, *, receipts_from: datetime, first_day_kept: date) -> bool:
    """Whether neither a record nor a receipt could tell that the call was posted before.

    A call that began after `receipts_from` was posted after it, and so its receipt is kept.
    """
    return started_at < receipts_from and local_day < first_day_kept + _MARGIN


# --- Values seen ------------------------------------------------------------------------------------------------------


def remove_old_values(*, now: datetime, keep_days: int, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Forget tags and models first seen, and not used since, `keep_days` ago; 0 keeps all. Returns how many.

    They only bound how many new ones a day may bring: one that comes again counts as new. Versions go with their age
    alone, which are numbers of prompts that are registered.
    """
    if not keep_days:
        return 0
    until = time.monotonic() + patience_seconds
    horizon = now.date() - timedelta(days=keep_days)
    removed = 0
    old = SeenValue.objects.filter(day__lt=horizon)
    for organization_id in old.order_by("organization_id").values_list("organization_id", flat=True).distinct():
        if time.monotonic() > until:
            break
        used = {"organization_id": organization_id, "day__gte": horizon}
        tags = set(DailyTagUsage.objects.filter(**used).order_by().values_list("tag", flat=True).distinct())
        models = DailyUsage.objects.filter(**used).order_by().values_list("provider", "model").distinct()
        kept = {
            SeenValue.Kind.TAG: tags,
            SeenValue.Kind.MODEL: {f"{provider}/{model}"[:250] for provider, model in models},
        }
        rows = old.filter(organization_id=organization_id).values_list("pk", "kind", "value")
        gone = [pk for pk, kind, value in rows if value not in kept.get(SeenValue.Kind(kind), ())]
        for start in range(0, len(gone), CHUNK):
            removed += SeenValue.objects.filter(pk__in=gone[start : start + CHUNK]).delete()[0]
    return removed
