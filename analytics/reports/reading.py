"""The one place that reads the roll-ups. Everything else in this package asks `read_groups`, and folds what comes back.

How a question becomes SQL (which table, how many scans) is decided here and nowhere else.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db.models import Case, Max, Min, QuerySet, Sum, Value, When

from analytics.models import DailyTagUsage, DailyUsage
from analytics.models.rollups import DailySums
from analytics.periods import Period
from analytics.reports.scope import Scope
from analytics.reports.sums import SUM_COLUMNS

# The values of the dimensions asked for, and the sums of the columns asked for, both in the order of the question.
Group = tuple[tuple[Any, ...], tuple[int, ...]]

# A dimension of its own where two periods are read at once: 1 in the scope's period, 0 in the one before.
IS_NOW = "is_now"

# Where the scope has them.
_NARROWING = ("prompt_key", "team_id", "api_key_id", "model", "tag", "version")


def read_groups(
    scope: Scope, dimensions: Sequence[str], columns: Sequence[str] = SUM_COLUMNS, *, before: Period | None = None
) -> list[Group]:
    """Add up the roll-up rows of the scope, grouped by the dimensions. One query.

    Without dimensions there is one group, of zeros if there is no usage. With `before`, a period that ends before the
    scope's starts, its rows are read too, and the first value of each key says which they are: 1 the scope's, 0 those.
    Groups in which nothing happened may be among them.
    """
    usage = _usage_in(scope, dimensions, before)
    names = [f"sum_{name}" for name in columns]
    expressions = {name: Sum(column, default=0) for name, column in zip(names, columns, strict=True)}
    grouping = list(dimensions)
    if before is not None:
        is_now = Case(When(day__gte=scope.period.start, then=Value(1)), default=Value(0))
        usage, grouping = usage.annotate(**{IS_NOW: is_now}), [IS_NOW, *grouping]
    if not grouping:
        found = usage.aggregate(**expressions)
        return [((), tuple(found[name] for name in names))]
    rows = usage.order_by().values(*grouping).annotate(**expressions).values_list(*grouping, *names)
    width = len(grouping)
    return [(tuple(row[:width]), tuple(row[width:])) for row in rows]


def find_days(organization_id: int) -> Period | None:
    """From the first to the last day on which the organization used anything; None if it never did. One query."""
    found = DailyUsage.objects.filter(organization_id=organization_id).aggregate(first=Min("day"), last=Max("day"))
    return Period(found["first"], found["last"]) if found["first"] else None


def has_usage(organization_id: int) -> bool:
    """Whether anything was ever recorded for the organization, simulated calls aside."""
    return DailyUsage.objects.filter(organization_id=organization_id).exists()


def last_days(organization_id: int) -> Iterable[tuple[int, date]]:
    """Of every key of the organization that was used, its id and the last day. One query."""
    days = DailyUsage.objects.filter(organization_id=organization_id).order_by()
    return days.values_list("api_key_id").annotate(last=Max("day"))


def _usage_in(scope: Scope, dimensions: Sequence[str], before: Period | None) -> "QuerySet[Any]":
    table: type[DailySums] = DailyUsage if scope.tag is None and "tag" not in dimensions else DailyTagUsage
    first = scope.period.start if before is None else before.start
    usage: QuerySet[Any] = table._default_manager.filter(
        organization_id=scope.organization_id, day__gte=first, day__lte=scope.period.end
    )
    if before is not None:
        usage = usage.exclude(day__gt=before.end, day__lt=scope.period.start)
    if scope.provider:
        usage = usage.filter(provider=scope.provider)
    return usage.filter(**{name: wanted for name in _NARROWING if (wanted := getattr(scope, name)) is not None})
