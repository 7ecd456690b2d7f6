"""Conditions on records in ClickHouse's words. Values travel as parameters of the server's, never in the statement."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from analytics.models.usage import UNCOUNTED
from analytics.record_store.tables import COLUMNS
from analytics.reports.scope import Scope

ROLLED_UP_MODEL = "if(model = '', model_requested, model)"

_TYPES = {
    column.name: "String" if "String" in column.type else column.type
    for column in COLUMNS
    if "Date" not in column.type and column.name not in {"id", "segment_id", "tags", "other_models"}
}


class Parameters:
    """The values of one statement, each named as it comes."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def add(self, value: Any, kind: str) -> str:
        """What stands for it in the statement."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"

    def moment(self, microseconds: int) -> str:
        return f"fromUnixTimestamp64Micro({self.add(microseconds, 'Int64')}, 'UTC')"


def said(condition: Q, parameters: Parameters) -> str:
    """A condition of equalities and `in`, joined and negated in any way. Raises KeyError for any other."""
    parts = []
    for child in condition.children:
        if isinstance(child, Q):
            parts.append(said(child, parameters))
            continue
        assert isinstance(child, tuple)
        name, _, look_up = child[0].partition("__")
        kind = _TYPES[name]
        value = child[1]
        if look_up == "in":
            parts.append(f"{name} IN {parameters.add([_plain(one) for one in value], f'Array({kind})')}")
        elif look_up:
            raise KeyError(look_up)
        else:
            parts.append(f"{name} = {parameters.add(_plain(value), kind)}")
    joined = f" {condition.connector} ".join(parts) or "1"
    return f"NOT ({joined})" if condition.negated else f"({joined})"


def _plain(value: Any) -> Any:
    """Of a choice, its text."""
    return str(value) if isinstance(value, str) else value


def of_scope(scope: Scope, parameters: Parameters) -> list[str]:
    """As `reports.hours.records_in` says it, the bounds on the start apart."""
    found = [
        f"organization_id = {parameters.add(scope.organization_id, 'Int64')}",
        days(scope, parameters),
        not_in(UNCOUNTED, parameters),
    ]
    if scope.provider:
        found.append(said(Q(provider=scope.provider), parameters))
    exact = {name: getattr(scope, name) for name in ("prompt_key", "team_id", "api_key_id", "version")}
    found += [said(Q((name, value)), parameters) for name, value in exact.items() if value is not None]
    if scope.model is not None:
        found.append(f"{ROLLED_UP_MODEL} = {parameters.add(scope.model, 'String')}")
    return found + with_tag(scope.tag, parameters)


def days(scope: Scope, parameters: Parameters) -> str:
    first, last = (parameters.add(day, "Date32") for day in (scope.period.start, scope.period.end))
    return f"local_day BETWEEN {first} AND {last}"


def not_in(statuses: Iterable[str], parameters: Parameters) -> str:
    return said(~Q(cost_status__in=list(statuses)), parameters)


def with_tag(tag: str | None, parameters: Parameters) -> list[str]:
    if tag is None:
        return []
    return [f"has(tags, {parameters.add(tag, 'String')})" if tag else "empty(tags)"]
