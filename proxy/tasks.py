"""The Celery task that posts a journal segment to the ledger: one transaction, safe to run any number of times.

Locks are always taken in this order: organizations, the receipt, the price book's revision, prompts, created objects,
seen values, records (new ones, then those that get their outcome), roll-ups; within each by key. So posting, repricing
and rebuilding wait for each other instead of deadlocking. A segment that tells of created objects has all those of the
organization alone: of two that tell of one call the second sees what the first has left.
The exception is a segment with a bad line, which is posted in parts: should that deadlock, it is tried again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from celery import shared_task
from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from analytics import caps, completions, conflicts, ledger, periods, price_book, retention, rollups
from analytics import tasks as analytics_tasks
from analytics.ledger import Entry, Rejection
from analytics.partitions import conversion
from analytics.usage import NewerFormat, UsageRecord
from config.metrics import counting, families
from config.metrics.store import OTHER
from orgs.models import Organization
from orgs.services import organizations
from prompts import services as prompts
from proxy.failpoints import reach
from proxy.providers import PROVIDERS

logger = logging.getLogger(__name__)

# What one bad line can raise. Anything else is a fault of ours or of the servers: the segment stays in the journal.
_DATA_ERRORS = (DataError, IntegrityError, ValueError, ArithmeticError)


class _Posting(msgspec.Struct, frozen=True, kw_only=True):
    """What all lines of the segment have in common, inside the transaction."""

    segment_id: str
    organizations: dict[int, Organization]
    book: price_book.PriceBook
    now: datetime
    counts: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # of new records, for the metrics


class _Posted(msgspec.Struct, frozen=True):
    with_budget: list[int]  # the ids of the organizations with a budget that something was posted for
    counts: Counter[tuple[str, str]]
    rejected: int


@shared_task(name="proxy.record_usage")
def record_usage(segment_id: str, lines: list[str]) -> None:
    """Post a segment unless it was posted. One of a newer release is left to a newer worker: it will be sent again."""
    try:
        post_batch(segment_id, lines)
    except NewerFormat:
        logger.error("Segment %s was written by a newer release; upgrade this worker to post it.", segment_id)


def post_batch(segment_id: str, lines: Sequence[str], *, now: datetime | None = None) -> None:
    """Post a segment, whole, in a transaction of its own. `UsageBatch` is the receipt.

    Raises `NewerFormat` for lines of a newer release, and what the database raises when it is away or refuses a record
    for the shape of the table (`analytics.partitions`); nothing is posted then. `segment_id` is a UUID.
    """
    segment_id = UUID(segment_id).hex
    entries, unreadable = ledger.read_lines(lines)
    posted = _insist(lambda: _post(segment_id, lines, entries, unreadable, now or timezone.now()), segment_id)
    reach("posting.committed")
    if posted is not None:
        _count(posted)
        analytics_tasks.follow_spend(posted.with_budget)


def _insist(transact: Callable[[], _Posted | None], segment_id: str) -> _Posted | None:
    try:
        return conflicts.retry(transact, f"Segment {segment_id}")
    except IntegrityError as error:
        if not (conversion.is_refusal(error) and conversion.give_way()):
            raise
    return conflicts.retry(transact, f"Segment {segment_id}")


def _count(posted: _Posted) -> None:
    counting.count(families.SEGMENTS_POSTED)
    counting.count(families.LINES_REJECTED, by=posted.rejected)
    for (provider, cost_status), count in posted.counts.items():
        counting.count(families.RECORDS_POSTED, provider, cost_status, by=count)


@transaction.atomic(durable=True)
def _post(
    segment_id: str, lines: Sequence[str], entries: Sequence[Entry], unreadable: Sequence[Rejection], now: datetime
) -> _Posted | None:
    """None when it was posted before."""
    found = organizations.lock_shared(sorted({entry.record.organization_id for entry in entries}))
    if not ledger.insert_receipt(segment_id, lines, now):
        return None
    rejections = list(unreadable)
    postable = []
    receipts_from = retention.receipts_kept_from()
    first_days = retention.first_days_kept(found) if receipts_from else {}
    for entry in entries:
        if entry.record.organization_id not in found:
            rejections.append(Rejection(entry.line_number, "the organization does not exist"))
        elif _is_forgotten(entry.record, found[entry.record.organization_id], receipts_from, first_days):
            rejections.append(Rejection(entry.line_number, "too old to tell whether it was posted before"))
        else:
            postable.append(entry)
    book = price_book.current(shared_lock=True)
    posting = _Posting(segment_id=segment_id, organizations=found, book=book, now=now)
    inserted_count = _post_bisecting(posting, postable, rejections)
    reach("posting.inside")
    ledger.complete_receipt(segment_id, lines, inserted_count=inserted_count, rejections=rejections, now=now)
    if rejections:
        reason = rejections[0].reason
        logger.error("Segment %s: %d of %d lines rejected: %s", segment_id, len(rejections), len(lines), reason)
    with_budget = [found_id for found_id, one in found.items() if one.monthly_budget_pico_usd is not None]
    return _Posted(with_budget, posting.counts, len(rejections))


def _is_forgotten(
    record: UsageRecord, organization: Organization, receipts_from: datetime | None, first_days: dict[int, date]
) -> bool:
    first_day = first_days.get(organization.pk)
    if receipts_from is None or first_day is None:
        return False
    try:
        started_at = ledger.started_at(record)
        day = periods.local_day(started_at, organization.tz)
    except (OverflowError, ValueError):
        return False  # no call's start: posting refuses it
    return retention.is_forgotten(started_at, day, receipts_from=receipts_from, first_day_kept=first_day)


def _post_bisecting(posting: _Posting, entries: Sequence[Entry], rejections: list[Rejection]) -> int:
    """Post the lines together or, when one of them is bad, in ever smaller parts. Returns how many records are new."""
    if not entries:
        return 0
    try:
        with transaction.atomic():
            return _post_together(posting, [entry.record for entry in entries])
    except _DATA_ERRORS as error:
        if isinstance(error, IntegrityError) and (conflicts.is_of_parts(error) or conversion.is_refusal(error)):
            raise  # The shape of the table is no fault of the line.
        if len(entries) == 1:
            rejections.append(Rejection(entries[0].line_number, f"{type(error).__name__}: {error}"))
            return 0
    middle = len(entries) // 2
    return sum(_post_bisecting(posting, part, rejections) for part in (entries[:middle], entries[middle:]))


def _post_together(posting: _Posting, records: Sequence[UsageRecord]) -> int:
    prompts_of = _prompts_of(posting, records)
    settled = completions.settle(records, now=posting.now)
    rows = completions.dated(
        ledger.rows_of(
            [*settled.records, *settled.posted],
            segment_id=posting.segment_id,
            organizations=posting.organizations,
            book=posting.book,
            # Posted ones keep theirs.
            prompts=[*prompts_of, *[("", 0)] * len(settled.posted)],
            now=posting.now,
        ),
        settled,
    )
    inserted = ledger.insert(rows[: len(records)])
    removed, changed = completions.write(rows[len(records) :], settled)
    rollups.changes(added=[*inserted, *changed], removed=removed)
    posting.counts.update((row.provider if row.provider in PROVIDERS else OTHER, row.cost_status) for row in inserted)
    return len(inserted)


# --- Prompts ----------------------------------------------------------------------------------------------------------


def _prompts_of(posting: _Posting, records: Sequence[UsageRecord]) -> list[tuple[str, int]]:
    """The prompt key and version to store on each record. Registers keys not seen before, as far as the cap goes."""
    overflow = {}
    versions = {}
    for organization_id in sorted(posting.organizations):
        own = [record for record in records if record.organization_id == organization_id and record.prompt_key]
        overflow[organization_id] = _register_prompts(posting, organization_id, own)
        wanted = [(record.prompt_key, ledger.started_at(record)) for record in own if not record.version]
        versions[organization_id] = (
            prompts.resolve_versions(organization_id=organization_id, wanted=wanted) if wanted else {}
        )
    result = []
    for record in records:
        organization_id, key = record.organization_id, record.prompt_key
        if key in overflow[organization_id]:
            result.append((caps.OVERFLOW, 0))
        else:
            found = versions[organization_id].get((key, ledger.started_at(record)), 0) if key else 0
            result.append((key, record.version or found))
    return result


def _register_prompts(posting: _Posting, organization_id: int, records: Sequence[UsageRecord]) -> set[str]:
    """Returns the keys that the day's cap keeps out, and the overflow value itself unless a prompt is called so."""
    keys = list(dict.fromkeys(record.prompt_key for record in records))
    if not keys:
        return set()
    known = prompts.known_keys(organization_id=organization_id, keys=keys)
    reserved = {caps.OVERFLOW} & set(keys) - known
    unseen = [key for key in keys if key not in known | reserved]
    if not unseen:
        return reserved
    zone = posting.organizations[organization_id].tz
    midnight = periods.start_of(periods.local_day(posting.now, zone), zone)
    made = prompts.count_auto_created_since(organization_id=organization_id, since=midnight)
    room = max(settings.NEW_VALUES_PER_DAY - made, 0)
    prompts.register_unseen(organization_id=organization_id, keys=unseen[:room], now=posting.now)
    if unseen[room:]:
        caps.warn(organization_id, "prompt key")
    return reserved.union(unseen[room:])
