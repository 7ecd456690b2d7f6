"""The ledger's own answers: those of `reports` and `request_log`, from the database that `analytics.replica` names."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from analytics import request_log
from analytics.models import LedgerRecord
from analytics.record_store.questions import HalfHour, RecordStore, Remaining
from analytics.reports import hours, remainders, used_models, uses
from analytics.reports.hours import HourDimension
from analytics.reports.remainders import Grouping
from analytics.reports.scope import Scope
from analytics.request_log import Cursor, Question


class Ledger:
    def read_log(self, question: Question, *, place: Cursor | None, is_newer: bool, size: int) -> list[LedgerRecord]:
        return request_log.select(question, place=place, is_newer=is_newer, size=size)

    def half_hours(self, scope: Scope, first: datetime, by: HourDimension | None) -> Sequence[HalfHour]:
        return hours.select_half_hours(scope, first, by)

    def remainder(
        self, scope: Scope, since: datetime, groupings: Sequence[Grouping], columns: Sequence[str]
    ) -> Sequence[Remaining]:
        return remainders.select_remainder(scope, since, groupings, columns)

    def models(self, organization_id: int, most: int) -> list[str]:
        return used_models.select_models(organization_id, most)

    def last_calls(
        self, organization_id: int, dimension: str, since: datetime, only: Sequence[str] | None
    ) -> dict[Any, datetime]:
        return uses.select_last_calls(organization_id, dimension, since, only)


LEDGER: RecordStore = Ledger()
