"""What was spent, by any dimension. The only place that aggregates, and it reads the daily roll-ups.

Records are read for the hours that no day tells of: the last use of keys. What was simulated is in none of it.
A report is asked for by a `Scope` and answers with `Row`s; every dimension's rows add up to `get_total` of the same
scope. Costs are integer pico-USD here; `to_usd` turns them into dollars at the edges.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, localcontext
from typing import Any, Literal

from django.db.models import Max, QuerySet, Sum

from analytics.models import CostStatus, DailyUsage, LedgerRecord
from analytics.periods import Period, local_day
from orgs.models import ApiKey, Team

# The columns of the roll-ups by which a report can be grouped. `''` and `0` mean none.
Dimension = Literal["prompt_key", "team_id", "api_key_id", "version", "provider", "model", "day"]

ALL_TIME = Period(date.min, date.max)

# What usage without a prompt key is called, here and in the metadata of a request.
UNKNOWN_PROMPT = "unknown"

_PICO_USD_PER_USD_EXPONENT = -12
# Averages may be smaller than the smallest amount: three more digits.
_AVERAGE_STEP = Decimal("1e-15")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage and which part of it."""

    organization_id: int
    period: Period
    provider: str = ""  # "" means all
    prompt_key: str | None = None  # None means all, "" only usage without a prompt key
    team_id: int | None = None  # None means all
    api_key_id: int | None = None  # None means all


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Everything that adds up. The names are those of the roll-ups' columns.

    `request_count` is the sum of the priced (the partial and estimated are among them), unpriced and unmetered.
    """

    cost_pico_usd: int = 0
    request_count: int = 0
    priced_count: int = 0
    unpriced_count: int = 0
    partial_count: int = 0
    estimated_count: int = 0
    unmetered_count: int = 0
    interrupted_count: int = 0
    error_count: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: int = 0

    @property
    def cost_usd(self) -> Decimal:
        return to_usd(self.cost_pico_usd)

    @property
    def average_cost_usd(self) -> Decimal:
        """Dollars per priced request, to 1e-15; 0 when no request has a price."""
        if not self.priced_count:
            return Decimal(0)
        with localcontext(prec=60):
            return (to_usd(self.cost_pico_usd) / self.priced_count).quantize(_AVERAGE_STEP)

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, name) for name in SUM_COLUMNS)


SUM_COLUMNS = tuple(field.name for field in fields(Sums))


@dataclass(frozen=True, slots=True)
class Row:
    """The sums of one value of a dimension, under the name by which people know it."""

    value: Any  # as in the roll-ups: a prompt key, a team's id, a version's number, a day, ...
    name: str
    sums: Sums
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class LastUse:
    """When a key made its last call, failed ones among them: by day, and to the minute within the last hour."""

    day: date
    days_ago: int
    minutes_ago: int | None


@dataclass(frozen=True, slots=True)
class RecentRequests:
    """How many requests a key made lately: what stops when it is revoked."""

    in_24_hours: int
    in_7_days: int  # today and the six days before, so that it is never less than the other


def to_usd(pico_usd: int) -> Decimal:
    """Dollars, exactly."""
    with localcontext(prec=60):
        return Decimal(pico_usd).scaleb(_PICO_USD_PER_USD_EXPONENT)


def has_usage(organization_id: int) -> bool:
    """Whether anything was ever recorded for the organization, simulated calls aside."""
    return DailyUsage.objects.filter(organization_id=organization_id).exists()


def get_total(scope: Scope) -> Sums:
    return _read_sums(_usage_in(scope).aggregate(**_SUM_EXPRESSIONS))


def add_up(rows: Iterable[Row]) -> Sums:
    """The total of a report's rows."""
    counted = [row.sums for row in rows]
    return Sums(**{name: sum(getattr(sums, name) for sums in counted) for name in SUM_COLUMNS})


def sums_by(scope: Scope, dimension: Dimension) -> dict[Any, Sums]:
    """The sums of every value of the dimension that has any. One query."""
    grouped = _usage_in(scope).order_by().values(dimension).annotate(**_SUM_EXPRESSIONS)
    found = {row[dimension]: _read_sums(row) for row in grouped}
    return {value: sums for value, sums in found.items() if not sums.is_empty}


def by_prompt(scope: Scope) -> list[Row]:
    """The most expensive prompt first; usage without a prompt key is a row called "unknown". One query."""
    return _ranked(Row(key, key or UNKNOWN_PROMPT, sums) for key, sums in sums_by(scope, "prompt_key").items())


def by_team(scope: Scope) -> list[Row]:
    """The most expensive team first, archived ones among them. Two queries."""
    sums_of = sums_by(scope, "team_id")
    teams = Team.objects.filter(organization_id=scope.organization_id).in_bulk(list(sums_of)) if sums_of else {}
    return _ranked(_team_row(team_id, sums, teams.get(team_id)) for team_id, sums in sums_of.items())


def by_version(scope: Scope) -> list[Row]:
    """The most expensive version first, among equals by number, usage without a version (value 0) last. One query."""
    rows = [Row(number, str(number or "no version"), sums) for number, sums in sums_by(scope, "version").items()]
    return sorted(rows, key=lambda row: (-row.sums.cost_pico_usd, row.value == 0, row.value))


def daily_costs(scope: Scope) -> list[int]:
    """Pico-USD of each day of the period, in order. One query."""
    found = {day: sums.cost_pico_usd for day, sums in sums_by(scope, "day").items()}
    return [found.get(day, 0) for day in scope.period.days]


def daily_costs_by(scope: Scope, dimension: Dimension) -> dict[Any, list[int]]:
    """Pico-USD of each day of the period, for every value of the dimension that cost anything. One query."""
    grouped = _usage_in(scope).order_by().values(dimension, "day").annotate(cost=Sum("cost_pico_usd"))
    days = {day: index for index, day in enumerate(scope.period.days)}
    found: dict[Any, list[int]] = {}
    for row in grouped.filter(cost__gt=0):
        found.setdefault(row[dimension], [0] * len(days))[days[row["day"]]] = row["cost"]
    return found


def last_uses(organization_id: int, *, now: datetime, zone: tzinfo) -> dict[int, LastUse]:
    """Of every key of the organization that made a call, by the key's id. Two queries."""
    days = DailyUsage.objects.filter(organization_id=organization_id).order_by().values_list("api_key_id")
    recent = _real_calls(organization_id, now - timedelta(hours=1)).order_by().values_list("api_key_id")
    moments = dict(recent.annotate(at=Max("started_at")))
    today = local_day(now, zone)
    return {
        key_id: LastUse(day, max(0, (today - day).days), _minutes_between(moments.get(key_id), now))
        for key_id, day in days.annotate(last=Max("day"))
    }


def count_recent_requests(key: ApiKey, *, now: datetime, zone: tzinfo) -> RecentRequests:
    """Two queries: the hours come from the records, the days from the roll-ups."""
    calls = _real_calls(key.organization_id, now - timedelta(hours=24)).filter(api_key_id=key.pk, is_request=True)
    today = local_day(now, zone)
    week = Scope(key.organization_id, Period(today - timedelta(days=6), today), api_key_id=key.pk)
    return RecentRequests(calls.count(), get_total(week).request_count)


def _real_calls(organization_id: int, since: datetime) -> QuerySet[LedgerRecord]:
    calls = LedgerRecord.objects.filter(organization_id=organization_id, started_at__gte=since)
    return calls.exclude(cost_status=CostStatus.SIMULATED)


def _minutes_between(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else max(0, int((now - moment).total_seconds() // 60))


def _team_row(team_id: int, sums: Sums, team: Team | None) -> Row:
    if team is None:  # Spend outlives whatever happens to the team's row.
        return Row(team_id, f"deleted team {team_id}", sums, is_archived=True)
    return Row(team_id, team.name, sums, is_archived=team.archived_at is not None)


def _ranked(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.sums.cost_pico_usd, row.name, row.value))


def _usage_in(scope: Scope) -> QuerySet[DailyUsage]:
    usage = DailyUsage.objects.filter(
        organization_id=scope.organization_id, day__gte=scope.period.start, day__lte=scope.period.end
    )
    if scope.provider:
        usage = usage.filter(provider=scope.provider)
    if scope.prompt_key is not None:
        usage = usage.filter(prompt_key=scope.prompt_key)
    if scope.team_id is not None:
        usage = usage.filter(team_id=scope.team_id)
    if scope.api_key_id is not None:
        usage = usage.filter(api_key_id=scope.api_key_id)
    return usage


_SUM_EXPRESSIONS = {f"total_{name}": Sum(name, default=0) for name in SUM_COLUMNS}


def _read_sums(row: Mapping[str, Any]) -> Sums:
    return Sums(**{name: row[f"total_{name}"] for name in SUM_COLUMNS})
