"""What is left of a day from a moment on, read from the records: taken off the day that today is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, When

from analytics.models import CostStatus
from analytics.partitions.reading import began
from analytics.record_store import questions as record_store
from analytics.record_store.questions import Remaining
from analytics.replica import connection
from analytics.reports.hours import as_rolled_up, records_in
from analytics.reports.scope import Dimension, Scope
from analytics.reports.sums import NOTHING, SUM_COLUMNS, Sums, sums_from, take_off
from analytics.reports.totals import SumsOf

Grouping = tuple[Dimension, ...]

_PRICED = (CostStatus.PRICED, CostStatus.PARTIAL, CostStatus.ESTIMATED)
# Which records count where. The other sums are those of columns of that name.
COUNTED = {
    "request_count": Q(is_request=True),
    "priced_count": Q(is_request=True, cost_status__in=_PRICED),
    "unpriced_count": Q(is_request=True, cost_status=CostStatus.UNPRICED),
    "partial_count": Q(is_request=True, cost_status=CostStatus.PARTIAL),
    "estimated_count": Q(is_request=True, cost_status=CostStatus.ESTIMATED),
    "unmetered_count": Q(is_request=True, cost_status=CostStatus.UNMETERED),
    "pending_count": Q(is_request=True, cost_status=CostStatus.PENDING),
    "interrupted_count": Q(cost_status=CostStatus.INTERRUPTED),
    "error_count": Q(is_error=True),
    "failed_request_count": Q(is_request=True, is_error=True),
}
_KEYS: Grouping = ("prompt_key", "team_id", "api_key_id", "version", "provider", "model")
_NUMBERS = {"team_id", "api_key_id", "version"}
# A record in a row for each of its tags, and in one without any where it has none.
_TAGGED = {
    "postgresql": "later LEFT JOIN LATERAL JSONB_ARRAY_ELEMENTS_TEXT(tags) AS each (value) ON TRUE",
    "sqlite": "later LEFT JOIN JSON_EACH(later.tags) AS each ON TRUE",
}


@dataclass(frozen=True, slots=True)
class Remainder:
    """The sums of what is left, by each of the groupings that were asked for."""

    groups: Mapping[Grouping, SumsOf] = field(default_factory=dict)

    def taken_off(self, sums_of: SumsOf, *grouping: Dimension) -> SumsOf:
        """`sums_of` without the remainder. Its keys are values of the one dimension, or tuples of several."""
        taken = self.groups.get(grouping, {})
        left = {key: take_off(sums, taken[key]) if key in taken else sums for key, sums in sums_of.items()}
        return {key: sums for key, sums in left.items() if not sums.is_empty}

    @property
    def total(self) -> Sums:
        """Of the grouping by nothing."""
        return self.groups.get((), {}).get((), NOTHING)


def read_remainder(
    scope: Scope, since: datetime, *groupings: Grouping, columns: Sequence[str] = SUM_COLUMNS
) -> Remainder:
    """What the records of the scope's days say happened from that moment on, by one or two dimensions each.

    One query that reads the records once.
    """
    groups: dict[Grouping, SumsOf] = {grouping: {} for grouping in groupings}
    for number, first, second, *amounts in record_store.current().remainder(scope, since, groupings, columns):
        grouping = groupings[number]
        values = zip(grouping, (first, second), strict=False)
        key = tuple(int(value) if name in _NUMBERS else value for name, value in values)
        groups[grouping][key[0] if len(key) == 1 else key] = sums_from(map(int, amounts), columns)
    return Remainder(groups)


def select_remainder(
    scope: Scope, since: datetime, groupings: Sequence[Grouping], columns: Sequence[str]
) -> Sequence[Remaining]:
    """The ledger's own answer: `record_store.questions`."""
    statement, parameters = _select_later(scope, since, columns)
    parts = " UNION ALL ".join(_sum_up(number, grouping, columns) for number, grouping in enumerate(groupings))
    with connection.cursor() as cursor:
        cursor.execute(f"WITH later AS ({statement}) {parts}", parameters)
        found: Sequence[Remaining] = cursor.fetchall()
    return found


def _select_later(scope: Scope, since: datetime, columns: Sequence[str]) -> tuple[str, Sequence[Any]]:
    """The columns to group and to sum up, of each record."""
    counted = {f"in_{name}": Case(When(found, then=1), default=0) for name, found in COUNTED.items() if name in columns}
    summed = {f"in_{name}": F(name) for name in columns if name not in COUNTED}
    records = records_in(scope).filter(began(since)).order_by()
    named = {"in_model": as_rolled_up("model")} | {f"in_{name}": F(name) for name in _KEYS if name != "model"}
    found = records.annotate(**named, **counted, **summed).values_list("tags", *named, *counted, *summed)
    statement, parameters = found.query.sql_with_params()
    return statement, parameters


def _sum_up(number: int, grouping: Grouping, columns: Sequence[str]) -> str:
    keys = ["COALESCE(each.value, '')" if name == "tag" else f"CAST(in_{name} AS TEXT)" for name in grouping]
    selected = [str(number), *keys, *["''"] * (2 - len(keys))]
    sums = [f"COALESCE(SUM(in_{name}), 0)" for name in columns]
    source = _TAGGED[connection.vendor] if "tag" in grouping else "later"
    by = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join([*selected, *sums])} FROM {source}{by}"  # noqa: S608 - names of columns only
