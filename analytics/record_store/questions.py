"""The few questions that read many records, and who answers them here and now. Knows neither of those who answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from analytics.models import LedgerRecord
    from analytics.reports.hours import HourDimension
    from analytics.reports.remainders import Grouping
    from analytics.reports.scope import Scope
    from analytics.request_log import Cursor, Question

# The local day, the half hours since the first day's start, the value of the dimension, and what it cost in pico-USD.
HalfHour = tuple[date, int, Any, int]
# The number of the grouping, its one or two values as texts, and the sums of the columns in their order.
Remaining = Sequence[Any]


class RecordStore(Protocol):
    """What is asked of records. All who answer say the same."""

    def read_log(
        self, question: "Question", *, place: "Cursor | None", is_newer: bool, size: int
    ) -> "list[LedgerRecord]":
        """Up to `size` calls: before the place, the newest first; or after it, the oldest first."""

    def half_hours(self, scope: "Scope", first: datetime, by: "HourDimension | None") -> Sequence[HalfHour]:
        """What the half hours since `first` cost, those that cost anything; records as the roll-ups count them."""

    def remainder(
        self, scope: "Scope", since: datetime, groupings: "Sequence[Grouping]", columns: Sequence[str]
    ) -> Sequence[Remaining]:
        """The sums of what began at `since` or later, by each of the groupings."""

    def models(self, organization_id: int, most: int) -> list[str]:
        """The first names of models, in alphabetical order."""

    def last_calls(
        self, organization_id: int, dimension: str, since: datetime, only: Sequence[str] | None
    ) -> dict[Any, datetime]:
        """By key (`api_key_id`) or prompt (`prompt_key`), the start of the last call since then."""


_chosen: ContextVar[RecordStore | None] = ContextVar("who answers what reads records", default=None)


def current() -> RecordStore:
    """Who answers now: the ledger, unless this request chose otherwise."""
    from analytics.record_store.ledger import LEDGER

    return _chosen.get() or LEDGER


def choose(store: RecordStore | None) -> None:
    """From here on in this context. None is the ledger."""
    _chosen.set(store)


def chosen() -> RecordStore | None:
    return _chosen.get()


@contextmanager
def answered_by(store: RecordStore | None) -> Iterator[None]:
    token = _chosen.set(store)
    try:
        yield
    finally:
        _chosen.reset(token)
