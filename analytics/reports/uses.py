"""When keys and prompts were last used, and how much keys did lately. Reads the records for what no day tells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Max, QuerySet

from analytics.models import LedgerRecord
from analytics.models.usage import UNCOUNTED
from analytics.partitions.reading import began
from analytics.periods import Period, local_day
from analytics.record_store import questions as record_store
from analytics.reports.reading import last_days
from analytics.reports.scope import Scope
from analytics.reports.totals import get_total
from orgs.models import ApiKey


@dataclass(frozen=True, slots=True)
class LastUse:
    """The last call of a key or under a prompt, be it a failed one: its day, and the minutes within the last hour."""

    day: date
    days_ago: int
    minutes_ago: int | None


@dataclass(frozen=True, slots=True)
class RecentRequests:
    """How many requests a key made lately: what stops when it is revoked."""

    in_24_hours: int
    in_7_days: int  # today and the six days before, so that it is never less than the other


def last_uses(organization_id: int, *, now: datetime, zone: tzinfo) -> dict[int, LastUse]:
    """Of every key of the organization that made a call, by the key's id. Two queries."""
    return _last_uses(organization_id, "api_key_id", now, zone)


def last_uses_of_prompts(
    organization_id: int, *, now: datetime, zone: tzinfo, prompt_key: str | None = None
) -> dict[str, LastUse]:
    """Of every prompt of the organization that was called, or of one, by the prompt's key. Two queries."""
    narrowing = {} if prompt_key is None else {"prompt_key": prompt_key}
    return _last_uses(organization_id, "prompt_key", now, zone, **narrowing)


def last_calls_of_prompts(organization_id: int, prompt_keys: Iterable[str], *, since: datetime) -> dict[str, datetime]:
    """The moments of the last calls since then, which is not long ago: every record since is read. One query."""
    return record_store.current().last_calls(organization_id, "prompt_key", since, list(prompt_keys))


def count_recent_requests(key: ApiKey, *, now: datetime, zone: tzinfo) -> RecentRequests:
    """Two queries: the hours come from the records, the days from the roll-ups."""
    calls = _real_calls(key.organization_id, now - timedelta(hours=24)).filter(api_key_id=key.pk, is_request=True)
    today = local_day(now, zone)
    week = Scope(key.organization_id, Period(today - timedelta(days=6), today), api_key_id=key.pk)
    return RecentRequests(calls.count(), get_total(week).request_count)


def _last_uses(
    organization_id: int, dimension: str, now: datetime, zone: tzinfo, **narrowing: Any
) -> dict[Any, LastUse]:
    only = list(narrowing.values()) or None  # by the dimension itself
    moments = record_store.current().last_calls(organization_id, dimension, now - timedelta(hours=1), only)
    today = local_day(now, zone)
    return {
        value: LastUse(day, max(0, (today - day).days), _minutes_between(moments.get(value), now))
        for value, day in last_days(organization_id, dimension, **narrowing)
    }


def select_last_calls(
    organization_id: int, dimension: str, since: datetime, only: Sequence[str] | None
) -> dict[Any, datetime]:
    """The ledger's own answer: `record_store.questions`."""
    calls = _real_calls(organization_id, since).order_by()
    if only is not None:
        calls = calls.filter(**{f"{dimension}__in": only})
    return dict(calls.values_list(dimension).annotate(at=Max("started_at")))


def _real_calls(organization_id: int, since: datetime) -> QuerySet[LedgerRecord]:
    calls = LedgerRecord.objects.filter(began(since), organization_id=organization_id)
    return calls.exclude(cost_status__in=UNCOUNTED)


def _minutes_between(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else max(0, int((now - moment).total_seconds() // 60))
