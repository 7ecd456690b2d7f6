"""Where a request reads records: the copy, as far as it is complete and answers, else the ledger. Never fails for it.

Whether the copy is complete is asked of the database for each question, where the other figures of the page are read:
nothing may wait that lies in what is asked for. So hours add up to their day, and what is new comes from the ledger.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Exists
from django.utils import timezone

from analytics import replica
from analytics.models import LedgerRecord, RecordChange, RecordCopy
from analytics.record_store import feeding, questions
from analytics.record_store.changes import from_microseconds
from analytics.record_store.clickhouse import FIRST, LAST, ClickHouse, bounds_of_days, bounds_of_log
from analytics.record_store.client import Client, StoreFailed
from analytics.record_store.ledger import LEDGER
from analytics.record_store.questions import HalfHour, RecordStore, Remaining
from analytics.reports.hours import HourDimension
from analytics.reports.remainders import Grouping
from analytics.reports.scope import Scope
from analytics.request_log import Cursor, Question
from config.metrics import counting, families

log = logging.getLogger(__name__)

_REST_SECONDS = 30.0  # the ledger answers for so long after the store failed
_Answer = TypeVar("_Answer")
_EVER = (from_microseconds(FIRST), from_microseconds(LAST))


class Watch:
    """Whether the store can be asked. After a failure it is left alone for a while, and then looked at by one."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._looking = threading.Lock()
        self._look_at = float("-inf")
        self._reason = "it was not looked at yet"
        self._is_told = False

    def is_usable(self, copy: RecordCopy) -> bool:
        if self._reason and self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                reason = feeding.what_is_wrong(self._client, copy)
            except StoreFailed as error:
                reason = str(error)
            finally:
                self._looking.release()
            self._note(reason)
        return not self._reason

    def note_failure(self, error: StoreFailed) -> None:
        counting.count(families.COPY_FAILURES)
        self._note(str(error))

    def _note(self, reason: str) -> None:
        self._look_at = self._clock() + _REST_SECONDS
        self._reason = reason
        if reason and not self._is_told:
            log.warning("The database answers for the column store: %s", reason)
        elif self._is_told and not reason:
            log.info("The column store answers again.")
        self._is_told = bool(reason)


class CopyFirst:
    """Asks the copy, and the ledger where the copy cannot tell."""

    def __init__(self, copy: RecordStore, watch: Watch) -> None:
        self._copy = copy
        self._watch = watch

    def read_log(self, question: Question, *, place: Cursor | None, is_newer: bool, size: int) -> list[LedgerRecord]:
        first, last = bounds_of_log(question, place, is_newer=is_newer)
        return self._ask(
            question.scope.organization_id,
            (first, last),
            lambda store: store.read_log(question, place=place, is_newer=is_newer, size=size),
            is_sum=False,
        )

    def half_hours(self, scope: Scope, first: datetime, by: HourDimension | None) -> Sequence[HalfHour]:
        return self._ask(scope.organization_id, bounds_of_days(scope), lambda store: store.half_hours(scope, first, by))

    def remainder(
        self, scope: Scope, since: datetime, groupings: Sequence[Grouping], columns: Sequence[str]
    ) -> Sequence[Remaining]:
        return self._ask(
            scope.organization_id,
            bounds_of_days(scope),
            lambda store: store.remainder(scope, since, groupings, columns),
        )

    def models(self, organization_id: int, most: int) -> list[str]:
        return self._ask(organization_id, _EVER, lambda store: store.models(organization_id, most), is_sum=False)

    def last_calls(
        self, organization_id: int, dimension: str, since: datetime, only: Sequence[str] | None
    ) -> dict[Any, datetime]:
        until = timezone.now() + timedelta(days=1)
        return self._ask(
            organization_id,
            (since, until),
            lambda store: store.last_calls(organization_id, dimension, since, only),
            is_sum=False,
        )

    def _ask(
        self,
        organization_id: int,
        reach: tuple[datetime, datetime],
        question: Callable[[RecordStore], _Answer],
        *,
        is_sum: bool = True,
    ) -> _Answer:
        if not is_sum and settings.COLUMN_STORE_ANSWERS != "all":
            return question(LEDGER)  # whose indexes find a page sooner
        copy = find_complete(organization_id, *reach)
        if copy is not None and self._watch.is_usable(copy):
            try:
                found = question(self._copy)
            except StoreFailed as error:
                self._watch.note_failure(error)
            else:
                counting.count(families.RECORD_QUESTIONS, "copy")
                return found
        counting.count(families.RECORD_QUESTIONS, "ledger")
        return question(LEDGER)


def find_complete(organization_id: int, first: datetime, last: datetime) -> RecordCopy | None:
    """The copy, if it holds what the ledger has of this time. One query, to where the other figures are read."""
    waiting = RecordChange.objects.filter(owner_id=organization_id, last_at__gte=first, first_at__lte=last)
    whole = RecordCopy.objects.using(replica.alias()).filter(~Exists(waiting), is_filled=True, fault="")
    return whole.first()


@cache
def _copy_first(url: str) -> CopyFirst:
    client = Client(url)
    return CopyFirst(ClickHouse(client), Watch(client))


def choose(*, is_report: bool) -> None:
    """Who answers this request. Set for every one, so that none finds what another one has left."""
    url = settings.COLUMN_STORE_URL
    questions.choose(_copy_first(url) if is_report and url else None)
