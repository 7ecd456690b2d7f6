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
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.models import Max, Min, Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from analytics.models import UsageBatch

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


class Watch:
    """Whether the replica can be read, looked at every two seconds by whoever comes along."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looking = threading.Lock()
        self._look_at = float("-inf")
        self._reason = ""

    def choose(self) -> str:
        """The alias to read from."""
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._note(what_is_wrong())
            finally:
                self._look_at = self._clock() + _LOOK_SECONDS
                self._looking.release()
        return DEFAULT_DB_ALIAS if self._reason else ALIAS

    def _note(self, reason: str) -> None:
        if reason and not self._reason:
            log.warning("Reports read the primary database: %s", reason)
        elif self._reason and not reason:
            log.info("Reports read the replica again.")
        self._reason = reason


def what_is_wrong() -> str:
    """Why the replica should not be read, or nothing."""
    try:
        newest = UsageBatch.objects.using(ALIAS).aggregate(newest=Max("posted_at"))["newest"]
    except (DatabaseError, InterfaceError):
        return "the replica does not answer."
    lag = _seconds_behind(newest)
    if lag > settings.REPORTS_MAX_LAG:
        return f"the replica is {lag:.0f} s behind, which is more than REPORTS_MAX_LAG."
    return ""


def _seconds_behind(newest: datetime | None) -> float:
    """Since when the replica, whose newest posting this is, lacks one."""
    postings = UsageBatch.objects.using(DEFAULT_DB_ALIAS)
    missing = postings if newest is None else postings.filter(posted_at__gt=newest)
    first = missing.aggregate(first=Min("posted_at"))["first"]
    return (timezone.now() - first).total_seconds() if first else 0.0


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
