"""The one place that reads the roll-ups. Everything else in this package asks `read_groups`, and folds what comes back.

How a question becomes SQL is decided here and in `sources` (which rows of which tables), and nowhere else.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db.models import Max, Min

from analytics.models import DailyUsage
from analytics.periods import Period
from analytics.replica import connection
from analytics.reports.scope import Scope
from analytics.reports.sources import Plan, Question, learn, plan_reading
from analytics.reports.sums import SUM_COLUMNS

# The values of the dimensions asked for, and the sums of the columns asked for, both in the order of the question.
Group = tuple[tuple[Any, ...], tuple[int, ...]]

_COST = "cost_pico_usd"
_PROOF = -1


def read_groups(
    scope: Scope, dimensions: Sequence[str], columns: Sequence[str] = SUM_COLUMNS, *, before: Period | None = None
) -> list[Group]:
    """Add up the roll-up rows of the scope, grouped by the dimensions. One query, unless `sources` has to learn.

    Without dimensions there is one group, of zeros if there is no usage. With `before`, a period that ends before the
    scope's starts, its rows are read too, and the first value of each key says which they are: `NOW` or `BEFORE`.
    Groups in which nothing happened may be among them.
    """
    return read_groupings(scope, [dimensions], columns, before=before)[0]


def read_groupings(
    scope: Scope,
    groupings: Sequence[Sequence[str]],
    columns: Sequence[str] = SUM_COLUMNS,
    *,
    before: Period | None = None,
    beside: Period | None = None,
) -> list[list[Group]]:
    """The same for several groupings, from one reading of the rows. One query, as above.

    `beside` are days after those of `before` and before the scope's, of which `BESIDE` is the first value.
    """
    tagged = {"tag" in grouping for grouping in groupings}
    assert len(tagged) == 1 or scope.tag is not None, "Rows by tag hold a request once for each of its tags."
    dimensions = tuple(dict.fromkeys(name for grouping in groupings for name in grouping))
    question = Question(scope, dimensions, tuple(columns), before, beside)
    always = question.keys[: len(question.keys) - len(dimensions)]
    keys = [(*always, *grouping) for grouping in groupings]
    for is_last in (False, False, True):
        plan = plan_reading(question, only_days=is_last)
        statement, parameters = _sum_up(plan, question, keys)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = cursor.fetchall()
        if plan.fingerprint is None or any(row[0] == _PROOF for row in rows):
            break
        learn(scope.organization_id)
    return [_pick(rows, number, question, grouping) for number, grouping in enumerate(keys)]


def _sum_up(plan: Plan, question: Question, groupings: Sequence[Sequence[str]]) -> tuple[str, list[Any]]:
    """Rows for each grouping, under its number, and one under `_PROOF` if the plan holds; if not, nothing is read."""
    names = (*question.keys, *question.columns)
    parts = [source.select(names) for source in plan.sources]
    union = " UNION ALL ".join(part + plan.condition for part, _ in parts)
    parameters = [*(plan.fingerprint or ()), *(parameter for _, parameters in parts for parameter in parameters)]
    tables = [plan.proof] if plan.fingerprint else []
    # Names of columns and tables only: what comes from outside is in the parameters.
    if len(groupings) > 1:
        tables.append(f"usage AS ({_fold(union, question)})")
        union = "SELECT * FROM usage"
    selects = [_group(f"({union}) AS usage", number, question, keys) for number, keys in enumerate(groupings)]
    if plan.fingerprint:
        nothing = ", ".join(["NULL"] * len(question.keys) + ["0"] * len(question.columns))
        selects.append(f"SELECT {_PROOF}, {nothing} FROM proof WHERE holds = 1")  # noqa: S608
    return (f"WITH {', '.join(tables)} " if tables else "") + " UNION ALL ".join(selects), parameters


def _group(table: str, number: int, question: Question, keys: Sequence[str]) -> str:
    # A key by which this grouping does not group is any of its values, so that all rows have the same columns.
    places = ", ".join(key if key in keys else f"MIN({key})" for key in question.keys)
    sums = ", ".join(map(_sum, question.columns))
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {number}, {places + ', ' if places else ''}{sums} FROM {table}{grouped}"  # noqa: S608


def _fold(union: str, question: Question) -> str:
    """Fewer rows to group, by all keys. With days among these they are hardly fewer."""
    if "day" in question.keys:
        return union
    sums = ", ".join(f"{_sum(column)} AS {column}" for column in question.columns)
    keys = ", ".join(question.keys)
    return f"SELECT {keys}, {sums} FROM ({union}) AS usage GROUP BY {keys}"  # noqa: S608


def _sum(column: str) -> str:
    """PostgreSQL adds up whole numbers to a decimal one, slow to read, that only money of whole years could need."""
    return f"COALESCE(SUM({column}), 0)" if column == _COST else f"CAST(COALESCE(SUM({column}), 0) AS bigint)"


def _pick(rows: Iterable[Sequence[Any]], number: int, question: Question, keys: Sequence[str]) -> list[Group]:
    places = [1 + question.keys.index(key) for key in keys]
    width = 1 + len(question.keys)
    groups = [([row[place] for place in places], row[width:]) for row in rows if row[0] == number]
    if "day" in keys and connection.vendor == "sqlite":  # It keeps days as texts.
        day = keys.index("day")
        for key, _ in groups:
            key[day] = date.fromisoformat(str(key[day]))
    if _COST not in question.columns:
        return [(tuple(key), tuple(amounts)) for key, amounts in groups]
    cost = question.columns.index(_COST)
    return [(tuple(key), (*sums[:cost], int(sums[cost]), *sums[cost + 1 :])) for key, sums in groups]


def find_days(organization_id: int) -> Period | None:
    """From the first to the last day on which the organization used anything; None if it never did. One query."""
    found = DailyUsage.objects.filter(organization_id=organization_id).aggregate(first=Min("day"), last=Max("day"))
    return Period(found["first"], found["last"]) if found["first"] else None


def has_usage(organization_id: int) -> bool:
    """Whether anything was ever recorded for the organization, simulated calls aside."""
    return DailyUsage.objects.filter(organization_id=organization_id).exists()


def last_days(organization_id: int, dimension: str, **narrowing: Any) -> Iterable[tuple[Any, date]]:
    """Of every value of the dimension that the organization used, the value and the last day. One query."""
    days = DailyUsage.objects.filter(organization_id=organization_id, **narrowing).order_by()
    return days.values_list(dimension).annotate(last=Max("day"))
