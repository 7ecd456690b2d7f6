"""Reading what pages and the REST API show from a replica of the database, where REPORTS_DATABASE_URL names one.

Only the tables of usage, and only for the views named here: posting, keys, signing in and whatever writes ask the
primary. So does everybody while the replica does not answer, or lacks what was posted longer than REPORTS_MAX_LAG ago.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

ALIAS = "reports"
_TABLES = frozenset(
    {"ledgerrecord", "dailyusage", "dailytagusage", "condensedusage", "condensedtotals", "condensedspan"}
)
# Receipts of single calls are not among them: whoever asks for one has just made the call.
_VIEWS = frozenset(
    {"dashboard", "versions", "requests", "export", "requests-log", "exports-table"}
    | {f"aggregations-{name}" for name in ("monthly", "daily", "version-comparison")}
    | {f"aggregations-by-{name}" for name in ("prompt", "team", "key", "tag", "model")}
)
_LOOK_SECONDS = 2.0

_alias: ContextVar[str] = ContextVar("where usage is read", default=DEFAULT_DB_ALIAS)


class _Connection:
    """As `django.db.connection`, to where usage is read now."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[_alias.get()], name)


connection: Any = _Connection()


def alias() -> str:
    return _alias.get()


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    token = _alias.set(alias)
    try:
        yield
    finally:
        _alias.reset(token)


class Router:
    """DATABASE_ROUTERS: reads of usage go where `alias` says, all else to the primary. A replica is never migrated."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        is_usage = model._meta.app_label == "analytics" and model._meta.model_name in _TABLES
        return _alias.get() if is_usage else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == ALIAS else None


# Whether it follows another one, how far it has come in that one's log, and how old its newest transaction is.
_REPLAYED = """
SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'),
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""


def _ask(alias: str, sql: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


class Lag:
    """How far a replica may be behind, by the places in the primary's log and by its last transaction.

    A primary that writes nothing leaves nobody behind, and what it has just written is not late yet.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._whole_at = float("-inf")  # The replica has all that was written until then, ...
        self._before = (float("-inf"), 0)  # ... and this was written by when it was looked at last.

    def measure(self, *, written: int, replayed: int, age: float | None) -> float:
        """Seconds, at most. `age`: since the newest transaction that the replica has."""
        now = self._clock()
        looked_at, written_before = self._before
        self._before = (now, written)
        if replayed >= written:
            self._whole_at = now
        elif replayed >= written_before:
            self._whole_at = max(self._whole_at, looked_at)
        return max(0.0, min(now - self._whole_at, float("inf") if age is None else age))


class Watch:
    """Whether the replica can be read, looked at every two seconds by whoever comes along."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lag = Lag(clock)
        self._looking = threading.Lock()
        self._look_at = float("-inf")
        self._reason = ""

    def choose(self) -> str:
        """The alias to read from."""
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._note(self._look())
            finally:
                self._look_at = self._clock() + _LOOK_SECONDS
                self._looking.release()
        return DEFAULT_DB_ALIAS if self._reason else ALIAS

    def _look(self) -> str:
        """Why the replica should not be read, or nothing."""
        try:
            # The primary first: what it writes in between is not missed yet.
            (written,) = _ask(DEFAULT_DB_ALIAS, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            replays, replayed, age = _ask(ALIAS, _REPLAYED)
        except (DatabaseError, InterfaceError):
            return "the replica does not answer."
        if not replays:
            return "what should be a replica follows no other PostgreSQL."
        lag = self._lag.measure(written=int(written), replayed=int(replayed or 0), age=age)
        if lag > settings.REPORTS_MAX_LAG:
            return f"the replica is {lag:.0f} s behind, which is more than REPORTS_MAX_LAG."
        return ""

    def _note(self, reason: str) -> None:
        if reason and not self._reason:
            log.warning("Reports read the primary database: %s", reason)
        elif self._reason and not reason:
            log.info("Reports read the replica again.")
        self._reason = reason


class ReadReplica:
    """Middleware: where this request reads usage. There is none without REPORTS_DATABASE_URL and COLUMN_STORE_URL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if ALIAS not in settings.DATABASES and not settings.COLUMN_STORE_URL:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._watch = Watch() if ALIAS in settings.DATABASES else None
        from analytics.record_store import choosing  # which asks reports, and those read by this module

        self._choose_store = choosing.choose

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        match = request.resolver_match
        is_report = request.method in {"GET", "HEAD"} and match is not None and match.url_name in _VIEWS
        # Set for every request, so that none finds what another one has left.
        _alias.set(self._watch.choose() if is_report and self._watch else DEFAULT_DB_ALIAS)
        self._choose_store(is_report=is_report)
