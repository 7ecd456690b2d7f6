"""The one place that reads the roll-ups. Everything else in this package asks `read_groups`, and folds what comes back.

How a question becomes SQL is decided here and in `sources` (which rows of which tables), and nowhere else.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Max, Min

from analytics.models import DailyUsage
from analytics.periods import Period
from analytics.reports.scope import Scope
from analytics.reports.sources import Plan, Question, learn, plan_reading
from analytics.reports.sums import SUM_COLUMNS

# The values of the dimensions asked for, and the sums of the columns asked for, both in the order of the question.
Group = tuple[tuple[Any, ...], tuple[int, ...]]


def read_groups(
    scope: Scope, dimensions: Sequence[str], columns: Sequence[str] = SUM_COLUMNS, *, before: Period | None = None
) -> list[Group]:
    """Add up the roll-up rows of the scope, grouped by the dimensions. One query, unless `sources` has to learn.

    Without dimensions there is one group, of zeros if there is no usage. With `before`, a period that ends before the
    scope's starts, its rows are read too, and the first value of each key says which they are: 1 the scope's, 0 those.
    Groups in which nothing happened may be among them.
    """
    question = Question(scope, tuple(dimensions), tuple(columns), before)
    for is_last in (False, False, True):
        plan = plan_reading(question, only_days=is_last)
        statement, parameters = _sum_up(plan, question)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = cursor.fetchall()
        if plan.fingerprint is None or any(row[0] for row in rows):
            break
        learn(scope.organization_id)
    width = 1 + len(question.grouping)
    return [
        (tuple(map(_read, row[1:width], question.grouping)), tuple(map(int, row[width:]))) for row in rows if not row[0]
    ]


def _sum_up(plan: Plan, question: Question) -> tuple[str, list[Any]]:
    """A row for each group, and one that begins with a 1 if the plan still holds; without it nothing was read."""
    keys = question.grouping
    sums = ", ".join(f"COALESCE(SUM({column}), 0)" for column in question.columns)
    parts = [source.select((*keys, *question.columns)) for source in plan.sources]
    union = " UNION ALL ".join(part + plan.condition for part, _ in parts)
    # Names of columns and tables only: what comes from outside is in the parameters.
    statement = f"SELECT {', '.join(['0', *keys])}, {sums} FROM ({union}) AS usage"  # noqa: S608
    if keys:
        statement += f" GROUP BY {', '.join(keys)}"
    parameters = [parameter for _, parameters in parts for parameter in parameters]
    if plan.fingerprint is None:
        return statement, parameters
    proof = ", ".join(["1", *("NULL" for _ in keys), *("0" for _ in question.columns)])
    statement = f"{plan.proof} {statement} UNION ALL SELECT {proof} FROM proof WHERE holds = 1"  # noqa: S608
    return statement, [*plan.fingerprint, *parameters]


def _read(value: Any, dimension: str) -> Any:
    """SQLite keeps days as texts."""
    return date.fromisoformat(value) if dimension == "day" and isinstance(value, str) else value


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
