"""The hours of a day, which no roll-up has: read from the records, simulated and free calls aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal

from django.db import connection
from django.db.models import BooleanField, F, Func, IntegerField, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, NullIf

from analytics.models import LedgerRecord
from analytics.models.usage import UNCOUNTED
from analytics.partitions.reading import began_around
from analytics.periods import start_of
from analytics.record_store import questions as record_store
from analytics.record_store.questions import HalfHour
from analytics.reports.scope import Scope

HourDimension = Literal["prompt_key", "team_id", "api_key_id", "version", "provider", "model"]

_HOUR = timedelta(hours=1)
_HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a local day. The last one is shorter where clocks change by half an hour."""

    start: datetime  # in the organization's time zone
    label: str  # "02:00", and "02:00 again" for the second one where clocks go back
    cost_pico_usd: int = 0
    cost_by: Mapping[Any, int] = field(default_factory=dict)  # of the dimension's values that cost anything

    def includes(self, moment: datetime) -> bool:
        return timedelta(0) <= moment - self.start < _HOUR


def hours_of(day: date, zone: tzinfo) -> list[Hour]:
    """The hours of a local day without costs: 24 of them, 23 or 25 where clocks change."""
    moment, end = start_of(day, zone), start_of(day + timedelta(days=1), zone)
    hours: list[Hour] = []
    while moment < end:
        local = moment.astimezone(zone)
        label = f"{local:%H:%M}"
        hours.append(Hour(local, f"{label} again" if any(hour.label == label for hour in hours) else label))
        moment += _HOUR
    return hours


def hourly_costs(scope: Scope, zone: tzinfo, by: HourDimension | None = None) -> list[Hour]:
    """The hours of the scope's one day. They add up to the day's cost in the roll-ups. One query.

    Raises ValueError for a period of several days.
    """
    if scope.period.day_count != 1:
        raise ValueError("only a single day has hours")
    (hours,) = hourly_costs_of_days(scope, zone, by).values()
    return hours


def hourly_costs_of_days(scope: Scope, zone: tzinfo, by: HourDimension | None = None) -> dict[date, list[Hour]]:
    """The same for each day of the period. One query."""
    days = {day: hours_of(day, zone) for day in scope.period.days}
    costs: dict[date, list[dict[Any, int]]] = {day: [{} for _ in hours] for day, hours in days.items()}
    first = start_of(scope.period.start, zone)
    for day, half_hour, name, cost in record_store.current().half_hours(scope, first, by):
        # Where the organization's time zone changed, a record's day is not the one its start lies in.
        skipped = (start_of(day, zone) - first) // _HALF_HOUR
        hour = min(max(0, half_hour - skipped) // 2, len(costs[day]) - 1)
        costs[day][hour][name] = costs[day][hour].get(name, 0) + cost
    return {
        day: [
            Hour(hour.start, hour.label, sum(cost.values()), cost if by else {})
            for hour, cost in zip(hours, costs[day], strict=True)
        ]
        for day, hours in days.items()
    }


def select_half_hours(scope: Scope, first: datetime, by: HourDimension | None) -> Sequence[HalfHour]:
    """The ledger's own answer: `record_store.questions`."""
    records = records_in(scope).annotate(half_hour=_HalfHourSince(F("started_at"), start=int(first.timestamp())))
    dimension = {"name": as_rolled_up(by)} if by else {"name": Value(0)}
    grouped = records.annotate(**dimension).order_by().values_list("local_day", "half_hour", "name")
    return list(grouped.annotate(cost=Sum("cost_pico_usd", default=0)).filter(cost__gt=0))


def records_in(scope: Scope) -> QuerySet[LedgerRecord]:
    """The records that the scope's roll-up rows were made of."""
    records = LedgerRecord.objects.filter(
        began_around(scope.period.start, scope.period.end),
        organization_id=scope.organization_id,
        local_day__range=(scope.period.start, scope.period.end),
    ).exclude(cost_status__in=UNCOUNTED)
    if scope.provider:
        records = records.filter(provider=scope.provider)
    for name in ("prompt_key", "team_id", "api_key_id", "version"):
        if getattr(scope, name) is not None:
            records = records.filter(**{name: getattr(scope, name)})
    if scope.model is not None:
        records = records.annotate(rolled_up_model=as_rolled_up("model")).filter(rolled_up_model=scope.model)
    return records if scope.tag is None else with_tag(records, scope.tag)


def with_tag(records: QuerySet[LedgerRecord], tag: str) -> QuerySet[LedgerRecord]:
    """Those that carry the tag; with "" those without any."""
    if not tag:
        return records.filter(tags=[])
    if connection.features.supports_json_field_contains:
        return records.filter(tags__contains=[tag])
    return records.filter(_HasElement(F("tags"), Value(tag)))


def as_rolled_up(dimension: str) -> Any:
    """The value under which a record is counted in the roll-ups."""
    if dimension == "model":
        return Coalesce(NullIf(F("model"), Value("")), F("model_requested"))
    return F(dimension)


class _HasElement(Func):
    """Whether a JSON list has this text as an element, where the database has no operator for it (SQLite)."""

    template = "EXISTS (SELECT 1 FROM JSON_EACH(%(expressions)s))"
    arg_joiner = ") WHERE JSON_EACH.value = ("
    output_field = BooleanField()


class _HalfHourSince(Func):
    """How many whole half hours a moment is after another one, given in seconds of the epoch; negative before it.

    Half ones, because a day begins between two hours of the day before where clocks change by half an hour.
    """

    template = "FLOOR((EXTRACT(EPOCH FROM %(expressions)s) - %(start)s) / 1800)"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Without fractions of seconds, which SQLite would round up into the next hour.
        template = "FLOOR((CAST(STRFTIME('%%%%s', SUBSTR(%(expressions)s, 1, 19)) AS INTEGER) - %(start)s) / 1800.0)"
        return self.as_sql(compiler, connection, template=template, **context)
