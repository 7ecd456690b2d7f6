"""ClickHouse's answers, from the copy. Each raises `StoreFailed`; none knows whether the copy is complete.

A page of the log is looked for in ever longer pieces of time from its cursor on, so that a page of what is frequent
reads an hour, and one of what is rare everything once.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from analytics import periods, replica, request_log
from analytics.models import LedgerRecord
from analytics.models.usage import UNCOUNTED
from analytics.record_store import conditions
from analytics.record_store.changes import from_microseconds, microseconds
from analytics.record_store.client import Client
from analytics.record_store.conditions import ROLLED_UP_MODEL, Parameters
from analytics.record_store.questions import HalfHour, Remaining
from analytics.record_store.tables import SELECTED, TABLE, record_from
from analytics.reports.hours import HourDimension
from analytics.reports.remainders import COUNTED, Grouping
from analytics.reports.scope import Scope
from analytics.request_log import Cursor, Question

# Before any call of this service, and after all of them; ClickHouse knows no others.
FIRST, LAST = microseconds(datetime(2000, 1, 1, tzinfo=UTC)), microseconds(datetime(2200, 1, 1, tzinfo=UTC))
_PIECE = 3600 * 10**6
_GROWTH = 8
_RECORDS = f"{TABLE} FINAL"


class ClickHouse:
    def __init__(self, client: Client) -> None:
        self.client = client

    # --- The log ---

    def read_log(self, question: Question, *, place: Cursor | None, is_newer: bool, size: int) -> list[LedgerRecord]:
        first, last = bounds_of_log(question, place, is_newer=is_newer)
        found: list[LedgerRecord] = []
        until = self.client.deadline()
        for begin, end in _pieces(_clamped(first), _clamped(last), is_newer=is_newer):
            left = size - len(found)
            found += self._read_piece(question, place, begin, end, is_newer=is_newer, size=left, until=until)
            if len(found) >= size:
                break
        return found

    def _read_piece(
        self,
        question: Question,
        place: Cursor | None,
        begin: int,
        end: int,
        *,
        is_newer: bool,
        size: int,
        until: float,
    ) -> list[LedgerRecord]:
        parameters = Parameters()
        scope = question.scope
        where = [
            f"organization_id = {parameters.add(scope.organization_id, 'Int64')}",
            f"started_at >= {parameters.moment(begin)}",
            f"started_at < {parameters.moment(end)}",
            conditions.days(scope, parameters),
            *(conditions.said(condition, parameters) for condition in request_log.conditions_of(question)),
            *conditions.with_tag(scope.tag, parameters),
        ]
        if place is not None:
            sign = ">" if is_newer else "<"
            moment = parameters.moment(microseconds(place.started_at))
            id_ = f"unhex({parameters.add(place.id.hex, 'String')})"
            where.append(f"(started_at {sign} {moment} OR (started_at = {moment} AND id {sign} {id_}))")
        order = "" if is_newer else " DESC"
        rows = self.client.query(
            f"SELECT {SELECTED} FROM {_RECORDS} WHERE {' AND '.join(where)} "  # noqa: S608 - names and parameters
            f"ORDER BY organization_id{order}, started_at{order}, id{order} LIMIT {int(size)}",
            parameters.values,
            until=until,
        )
        return [record_from(row, replica.alias()) for row in rows]

    # --- Sums ---

    def half_hours(self, scope: Scope, first: datetime, by: HourDimension | None) -> Sequence[HalfHour]:
        parameters = Parameters()
        since = parameters.add(int(first.timestamp()), "Int64")
        name = _column(by) if by else "0"
        return self.client.query(  # type: ignore[return-value]  # rows of these four
            f"SELECT local_day, toInt64(floor((toUnixTimestamp(started_at) - {since}) / 1800)) AS half_hour, "  # noqa: S608
            f"{name} AS name, sum(toInt128(ifNull(cost_pico_usd, 0))) AS cost FROM {_RECORDS} "
            f"WHERE {' AND '.join(_of_days(scope, parameters))} GROUP BY local_day, half_hour, name HAVING cost > 0",
            parameters.values,
        )

    def remainder(
        self, scope: Scope, since: datetime, groupings: Sequence[Grouping], columns: Sequence[str]
    ) -> Sequence[Remaining]:
        parameters = Parameters()
        where = [*_of_days(scope, parameters), f"started_at >= {parameters.moment(microseconds(since))}"]
        sums = [_sum(name, parameters) for name in columns]
        parts = [_remainder(number, grouping, sums, where) for number, grouping in enumerate(groupings)]
        return self.client.query(" UNION ALL ".join(parts), parameters.values)

    # --- Names and uses ---

    def models(self, organization_id: int, most: int) -> list[str]:
        parameters = Parameters()
        rows = self.client.query(
            f"SELECT DISTINCT {ROLLED_UP_MODEL} AS name FROM {_RECORDS} "  # noqa: S608
            f"WHERE organization_id = {parameters.add(organization_id, 'Int64')} AND name != '' "
            f"ORDER BY name LIMIT {int(most)}",
            parameters.values,
        )
        return [name for (name,) in rows]

    def last_calls(
        self, organization_id: int, dimension: str, since: datetime, only: Sequence[str] | None
    ) -> dict[Any, datetime]:
        parameters = Parameters()
        where = [
            f"organization_id = {parameters.add(organization_id, 'Int64')}",
            f"started_at >= {parameters.moment(_clamped(since))}",
            conditions.not_in(UNCOUNTED, parameters),
        ]
        if only is not None:
            where.append(f"{_column(dimension)} IN {parameters.add(list(only), 'Array(String)')}")
        rows = self.client.query(
            f"SELECT {_column(dimension)} AS name, toUnixTimestamp64Micro(max(started_at)) FROM {_RECORDS} "  # noqa: S608
            f"WHERE {' AND '.join(where)} GROUP BY name",
            parameters.values,
        )
        return {name: from_microseconds(at) for name, at in rows}


def bounds_of_log(question: Question, place: Cursor | None, *, is_newer: bool) -> tuple[datetime, datetime]:
    """Between which starts the answer lies, the second one excluded."""
    first, after_last = periods.moments_of(question.scope.period, question.zone)
    begin, end = first - request_log.SLACK, after_last + request_log.SLACK
    if place is None:
        return begin, end
    beside = place.started_at + timedelta(microseconds=1)
    return (max(begin, place.started_at), end) if is_newer else (begin, min(end, beside))


def bounds_of_days(scope: Scope) -> tuple[datetime, datetime]:
    """As `reports.hours.records_in` has them."""
    first = datetime.combine(scope.period.start, time.min, tzinfo=UTC) - timedelta(days=2)
    return first, datetime.combine(scope.period.end, time.min, tzinfo=UTC) + timedelta(days=3)


def _of_days(scope: Scope, parameters: Parameters) -> list[str]:
    first, last = bounds_of_days(scope)
    return [
        *conditions.of_scope(scope, parameters),
        f"started_at >= {parameters.moment(_clamped(first))}",
        f"started_at < {parameters.moment(_clamped(last))}",
    ]


def _clamped(moment: datetime) -> int:
    return min(max(microseconds(moment), FIRST), LAST)


def _pieces(first: int, last: int, *, is_newer: bool) -> Iterator[tuple[int, int]]:
    """From one to the other, each piece longer than the one before, in the direction of reading."""
    length = _PIECE
    now = microseconds(datetime.now(UTC)) + _PIECE
    if is_newer:
        while first < last:
            end = min(first + length, last) if first < now else last
            yield first, end
            first, length = end, length * _GROWTH
        return
    if last > now > first:  # what is to come is empty, and no reason to look at long pieces of what was
        yield now, last
        last = now
    while first < last:
        begin = max(first, last - length)
        yield begin, last
        last, length = begin, length * _GROWTH


def _column(dimension: str) -> str:
    return ROLLED_UP_MODEL if dimension == "model" else dimension


def _sum(name: str, parameters: Parameters) -> str:
    if name in COUNTED:
        return f"countIf({conditions.said(COUNTED[name], parameters)})"
    return f"sum(toInt128(ifNull({name}, 0)))"


def _remainder(number: int, grouping: Grouping, sums: Sequence[str], where: Sequence[str]) -> str:
    keys = ["each" if name == "tag" else f"toString({_column(name)})" for name in grouping]
    texts = [f"toString({key})" for key in keys] + ["''"] * (2 - len(keys))
    source = f"{_RECORDS} LEFT ARRAY JOIN tags AS each" if "tag" in grouping else _RECORDS
    by = f" GROUP BY {', '.join(keys)}" if keys else ""
    selected = ", ".join([str(number), *texts, *(f"toInt128({one})" for one in sums)])
    return f"SELECT {selected} FROM {source} WHERE {' AND '.join(where)}{by}"  # noqa: S608
