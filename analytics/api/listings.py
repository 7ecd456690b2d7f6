"""The lists of the aggregations: the fields of their rows, how these are ordered, and what is listed without usage.

The names of the documented fields are a contract and never change; further fields stand behind them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics import exports, filters, reports
from analytics.api_errors import BadParameter
from analytics.reports import Row, Scope, Sums
from prompts.models import Prompt, PromptVersion

_Rows = list[Row]

BY_COST = "-total_cost"
_COUNTS_AND_TOKENS = tuple(name for name in reports.SUM_COLUMNS if name not in {"cost_pico_usd", "request_count"})
# The sums by which every list can be ordered, beside the fields of its own.
_ORDERED_SUMS = (
    *("total_cost", "request_count", "avg_cost_per_request", "error_count"),
    *("input_tokens", "output_tokens"),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One of the lists. Its report is asked for a scope, and whether to add what has no usage."""

    name: str  # of the list in the answer
    own: Mapping[str, Callable[[Row], Any]]  # the fields beside the sums; the first of them comes before these
    report: Callable[[Scope, bool], _Rows]
    usual_order: str = BY_COST
    has_unused: bool = False
    total: Callable[[Scope, _Rows], Sums] = lambda _, rows: reports.add_up(rows)
    says_more: Mapping[str, Any] | None = None  # fields of the answer beside the list

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a row's fields, in order."""
        first, *others = self.own
        return (first, *COSTS, *others, *_COUNTS_AND_TOKENS)

    def row(self, row: Row) -> dict[str, Any]:
        told = {name: read(row) for name, read in self.own.items()} | costs_of(row.sums) | details_of(row.sums)
        return {name: told[name] for name in self.columns}

    @property
    def orders(self) -> tuple[str, ...]:
        """What `sort` may be: the first of two is ascending, the second descending."""
        names = dict.fromkeys((*self.own, *_ORDERED_SUMS))
        return tuple(order for name in names for order in (name, f"-{name}"))


COSTS = ("total_cost", "request_count", "avg_cost_per_request")
SUMS = (*COSTS, *_COUNTS_AND_TOKENS)


def costs_of(sums: Sums) -> dict[str, Any]:
    return {
        "total_cost": sums.cost_usd,
        "request_count": sums.request_count,
        "avg_cost_per_request": sums.average_cost_usd,
    }


def details_of(sums: Sums) -> dict[str, int]:
    return {name: getattr(sums, name) for name in _COUNTS_AND_TOKENS}


def sort_rows(rows: Sequence[Mapping[str, Any]], order: str) -> list[Mapping[str, Any]]:
    """The rows by one of `orders`, texts without regard to case. Equals stay as they came, what is null goes last."""
    name = order.removeprefix("-")
    known = [row for row in rows if row[name] is not None]
    known.sort(key=lambda row: _measure(row[name]), reverse=order.startswith("-"))
    return known + [row for row in rows if row[name] is None]


def _measure(value: Any) -> Any:
    return (value.casefold(), value) if isinstance(value, str) else value


def csv_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    return exports.lines([columns, *([row[name] for name in columns] for row in rows)])


# --- Reports ----------------------------------------------------------------------------------------------------------


def _prompts(scope: Scope, with_unused: bool) -> _Rows:
    found = Prompt.objects.of(scope.organization_id).current().values_list("key", "name") if with_unused else ()
    return reports.by_prompt(scope, registered=dict(found))


def _versions(scope: Scope, with_unused: bool) -> _Rows:
    rows = reports.by_version(scope)
    if not with_unused:
        return rows
    known = PromptVersion.objects.filter(prompt__organization_id=scope.organization_id, prompt__key=scope.prompt_key)
    unused = set(known.values_list("number", flat=True)) - {row.value for row in rows}
    rows += [Row(number, str(number), reports.NOTHING) for number in unused]
    return sorted(rows, key=lambda row: (-row.sums.cost_pico_usd, row.value == 0, row.value))


def _days(scope: Scope, _: bool) -> _Rows:
    count = scope.period.day_count
    if count > filters.MOST_DAYS:
        message = f"These are {count} days. At most {filters.MOST_DAYS} are told one by one: choose fewer."
        raise BadParameter("start", message)
    found = reports.sums_by(scope, "day")
    return [Row(day, day.isoformat(), found.get(day, reports.NOTHING)) for day in scope.period.days]


LISTINGS: Mapping[str, Listing] = {
    "by-prompt": Listing("prompts", {"prompt_key": lambda row: row.name}, _prompts, has_unused=True),
    "by-team": Listing(
        "teams",
        {
            "team_name": lambda row: row.name,
            "team_id": lambda row: row.value,
            "is_archived": lambda row: row.is_archived,
        },
        lambda scope, with_unused: reports.by_team(scope, with_unused=with_unused),
        has_unused=True,
    ),
    "by-key": Listing(
        "keys",
        {
            "api_key_name": lambda row: row.name,
            "api_key_id": lambda row: row.value,
            "team_id": lambda row: row.team_id,
            "team_name": lambda row: row.team_name or None,
            "is_revoked": lambda row: row.is_archived,
        },
        lambda scope, with_unused: reports.by_api_key(scope, with_unused=with_unused),
        has_unused=True,
    ),
    "by-tag": Listing(
        "tags",
        {"tag": lambda row: row.name, "is_untagged": lambda row: not row.value},
        lambda scope, _: reports.by_tag(scope),
        total=lambda scope, _: reports.get_total(scope),
        says_more={"overlap": True},
    ),
    "by-model": Listing(
        "models",
        {"model": lambda row: row.value[1] or None, "provider": lambda row: row.value[0]},
        lambda scope, _: reports.by_model(scope),
    ),
    "daily": Listing("days", {"day": lambda row: row.name}, _days, usual_order="day"),
    "version-comparison": Listing(
        "versions", {"version_number": lambda row: row.value or None}, _versions, has_unused=True
    ),
}
