"""What is left of a day from a moment on, read from the records: taken off the day that today is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Sum

from analytics.models import CostStatus
from analytics.reports.hours import as_rolled_up, records_in
from analytics.reports.scope import Dimension, Scope
from analytics.reports.sums import SUM_COLUMNS, Sums, add_sums, sums_from, take_off
from analytics.reports.totals import SumsOf

_COLUMNS = ("prompt_key", "team_id", "api_key_id", "provider", "tags")
_PRICED = (CostStatus.PRICED, CostStatus.PARTIAL, CostStatus.ESTIMATED)
_COUNTS = {
    "request_count": Q(is_request=True),
    "priced_count": Q(is_request=True, cost_status__in=_PRICED),
    "unpriced_count": Q(is_request=True, cost_status__in=(CostStatus.UNPRICED, CostStatus.PENDING)),
    "partial_count": Q(is_request=True, cost_status=CostStatus.PARTIAL),
    "estimated_count": Q(is_request=True, cost_status=CostStatus.ESTIMATED),
    "unmetered_count": Q(is_request=True, cost_status=CostStatus.UNMETERED),
    "interrupted_count": Q(cost_status=CostStatus.INTERRUPTED),
    "error_count": Q(is_error=True),
}


@dataclass(frozen=True, slots=True)
class Remainder:
    """Sums, each with the values of everything that the dashboard ranks and the tags they count under."""

    parts: Sequence[tuple[Mapping[str, Any], Sums]] = ()

    @property
    def total(self) -> Sums:
        return add_sums(sums for _, sums in self.parts)

    def taken_off(self, sums_of: SumsOf, *dimensions: Dimension) -> SumsOf:
        """`sums_of` without the remainder. Its keys are values of the one dimension, or tuples of several."""
        counted: dict[Any, list[Sums]] = {}
        for values, sums in self.parts:
            for key in _keys(values, dimensions):
                counted.setdefault(key, []).append(sums)
        left = {key: take_off(sums, add_sums(counted.get(key, ()))) for key, sums in sums_of.items()}
        return {key: sums for key, sums in left.items() if not sums.is_empty}


def _keys(values: Mapping[str, Any], dimensions: Sequence[Dimension]) -> Sequence[Any]:
    if dimensions == ("tag",):
        return values["tags"] or ("",)
    key = tuple(values[name] for name in dimensions)
    return (key[0] if len(key) == 1 else key,)


def read_remainder(scope: Scope, since: datetime) -> Remainder:
    """What the records of the scope's days say happened from that moment on. One query."""
    names = {f"sum_{name}": name for name in SUM_COLUMNS}
    expressions = {
        f"sum_{name}": Count("pk", filter=_COUNTS[name]) if name in _COUNTS else Sum(name, default=0)
        for name in SUM_COLUMNS
    }
    records = records_in(scope).filter(started_at__gte=since).annotate(rolled_up=as_rolled_up("model")).order_by()
    found = records.values(*_COLUMNS, "rolled_up").annotate(**expressions)
    return Remainder(
        [
            (
                {**{name: row[name] for name in _COLUMNS}, "model": row["rolled_up"]},
                sums_from(row[name] for name in names),
            )
            for row in found
        ]
    )
