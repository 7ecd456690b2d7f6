"""Figures of the whole service, for those who run it: of many organizations at once, from the daily roll-ups.

Every query names its organizations and days, as the index of the roll-ups begins with both. Each organization's days
are its own: "today" is its local day.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum

from analytics import periods
from analytics.models import DailyUsage
from analytics.periods import Period
from analytics.reports.sums import FIGURES, Sums, sums_from
from orgs.models import Organization

Asked = Mapping[Period, Collection[int]]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model that requests named and no price is known of."""

    provider: str
    model: str
    request_count: int
    organization_count: int
    last_day: date


def months_of(organizations: Iterable[Organization], *, now: datetime) -> dict[Period, list[int]]:
    """The ids of the organizations by their current month up to today: of all the world, a few different ones."""
    today = {one.pk: periods.local_day(now, one.tz) for one in organizations}
    return _group((pk, day.replace(day=1), day) for pk, day in today.items())


def days_of(organizations: Iterable[Organization], *, now: datetime, count: int = 1) -> dict[Period, list[int]]:
    """The same with the last `count` days, today included."""
    days = ((one.pk, periods.local_day(now, one.tz)) for one in organizations)
    return _group((pk, today - timedelta(days=count - 1), today) for pk, today in days)


def _group(spans: Iterable[tuple[int, date, date]]) -> dict[Period, list[int]]:
    grouped: dict[Period, list[int]] = {}
    for organization_id, first, last in spans:
        grouped.setdefault(Period(first, last), []).append(organization_id)
    return grouped


def sums_of_month(organizations: Iterable[Organization], *, now: datetime) -> dict[int, Sums]:
    """By id, what each used in its current month; those that used nothing are missing. One query."""
    return sums_by_organization(months_of(organizations, now=now))


def sums_by_organization(asked: Asked, columns: Sequence[str] = FIGURES) -> dict[int, Sums]:
    rows = _rows(asked).values("organization_id").annotate(**_sums_of(columns)).order_by()
    return {row["organization_id"]: _sums(row, columns) for row in rows}


def sums_by_day(asked: Asked) -> dict[date, Sums]:
    rows = _rows(asked).values("day").annotate(**_sums_of(FIGURES)).order_by()
    return {row["day"]: _sums(row) for row in rows}


def find_unpriced(asked: Asked, *, most: int) -> list[Unpriced]:
    """The models with the most requests without a price first."""
    rows = _rows(asked).filter(unpriced_count__gt=0).values("provider", "model")
    rows = rows.annotate(
        request_count=Sum("unpriced_count"),
        organization_count=Count("organization_id", distinct=True),
        last_day=Max("day"),
    )
    return [Unpriced(**row) for row in rows.order_by("-request_count", "provider", "model")[:most]]


def _rows(asked: Asked) -> QuerySet[DailyUsage]:
    condition = Q(pk__in=[])
    for period, ids in asked.items():
        condition |= Q(organization_id__in=list(ids), day__range=(period.start, period.end))
    return DailyUsage.objects.filter(condition)


def _sums_of(columns: Sequence[str]) -> dict[str, Sum]:
    return {f"sum_of_{column}": Sum(column) for column in columns}


def _sums(row: Any, columns: Sequence[str] = FIGURES) -> Sums:
    return sums_from([row[f"sum_of_{column}"] for column in columns], columns)
