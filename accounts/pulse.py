"""The pulse of the service, for those who run it: what happens now, what waits, who spends.

What happens now is read from the newest rows by their indexes, and kept for some seconds, so that many who watch it
cost no more than one. What was spent in the last days is added up from the roll-ups of all organizations, which takes a
second or more where there are thousands of them: that is kept for some minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from analytics.models import PriceEdit, RejectedRecord, UsageBatch
from analytics.reports import recent, service
from analytics.reports.recent import Recent
from analytics.reports.service import Unpriced
from analytics.reports.sums import FIGURES, NOTHING, Sums, add_sums
from config.metrics import exposition, families, store
from orgs.models import Organization
from proxy import journal_backlog
from proxy.journal_backlog import JournalBacklog

KEPT_SECONDS = 10
SPENDING_KEPT_SECONDS = 300
MINUTES = 60
DAYS = 30
# The number is to be raised with the shape of what is kept: a new release must not read what an old one has kept.
_KEY, _SPENDING_KEY = "accounts.pulse.1", "accounts.pulse.spending.1"
_TOP = 8
_QUALITIES = ("partial_count", "estimated_count", "unmetered_count")
_MOST_COUNTED = 1000
_UNPRICED_DAYS = 31


@dataclass(frozen=True, slots=True)
class Spender:
    id: int
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Newcomer:
    id: int
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """What this service itself took of the calls that this host has counted: below so many ms, None where unknown."""

    half_ms: float | None
    most_ms: float | None  # of 95 in a hundred


@dataclass(frozen=True, slots=True)
class Spending:
    at: datetime
    month: Sums
    by_day: Sequence[tuple[date, int]]  # the last `DAYS` days
    top: Sequence[Spender]
    unpriced: Sequence[Unpriced]

    @property
    def unpriced_count(self) -> int:
        return sum(one.request_count for one in self.unpriced)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Counts that stop at `_MOST_COUNTED` say so by reaching it."""

    at: datetime
    by_minute: Sequence[int]  # calls of the last hour's minutes, the running one last
    recent: Recent
    last_posting: datetime | None
    backlog: JournalBacklog  # of this host
    rejected_count: int
    today: Sums
    spending: Spending
    organization_count: int
    suspended_count: int
    newcomers: Sequence[Newcomer]  # of the last seven days, the newest first
    new_today: int

    added: "Added"

    @property
    def calls_last_minute(self) -> int:
        """Of the last minute that is over."""
        return self.by_minute[-2]

    @property
    def calls_last_hour(self) -> int:
        return sum(self.by_minute)

    @property
    def lag_s(self) -> float | None:
        return recent.quantile(self.recent.lags_s, 0.5)

    @property
    def longest_lag_s(self) -> float | None:
        return recent.quantile(self.recent.lags_s, 1)

    @property
    def latency_ms(self) -> float | None:
        return recent.quantile(self.recent.latencies_ms, 0.5)

    @property
    def slow_latency_ms(self) -> float | None:
        return recent.quantile(self.recent.latencies_ms, 0.95)


def look() -> Pulse:
    """As it is, or was at most `KEPT_SECONDS` ago; the spending, `SPENDING_KEPT_SECONDS`, unless repriced since."""
    found: Pulse | None = cache.get(_KEY)
    if found is None:
        kept: Spending | None = cache.get(_SPENDING_KEY)
        if kept is not None and PriceEdit.objects.filter(finished_at__gt=kept.at).exists():
            kept = None
        found = read(timezone.now(), spending=kept)
        cache.set(_KEY, found, KEPT_SECONDS)
        if kept is None:
            cache.set(_SPENDING_KEY, found.spending, SPENDING_KEPT_SECONDS)
    return found


def read(now: datetime, *, spending: Spending | None = None) -> Pulse:
    """Eleven queries, whatever there is; eight with a `spending` that was read before."""
    living = list(Organization.objects.filter(deleted_at=None).only("id", "name", "timezone", "is_active"))
    newcomers = _find_newcomers(now)
    return Pulse(
        at=now,
        by_minute=recent.posted_by_minute(now, minutes=MINUTES),
        recent=recent.read_recent(),
        last_posting=UsageBatch.objects.order_by("-posted_at").values_list("posted_at", flat=True).first(),
        backlog=journal_backlog.weigh(settings.JOURNAL_DIR),
        rejected_count=len(RejectedRecord.objects.values_list("pk")[:_MOST_COUNTED]),
        today=add_sums(service.sums_by_organization(service.days_of(living, now=now)).values()),
        spending=spending or read_spending(living, now),
        organization_count=len(living),
        suspended_count=sum(not one.is_active for one in living),
        newcomers=newcomers,
        added=read_added(),
        new_today=sum(one.created_at > now - timedelta(days=1) for one in newcomers),
    )


def read_spending(organizations: Sequence[Organization], now: datetime) -> Spending:
    month = service.sums_by_organization(service.months_of(organizations, now=now), (*FIGURES, *_QUALITIES))
    names = {one.pk: one.name for one in organizations}
    top = sorted(month, key=lambda pk: (-month[pk].cost_pico_usd, -month[pk].request_count, names[pk]))[:_TOP]
    return Spending(
        at=now,
        month=add_sums(month.values()),
        by_day=_spent_by_day(organizations, now),
        top=[Spender(pk, names[pk], month[pk]) for pk in top],
        unpriced=find_unpriced(organizations, now=now),
    )


def find_unpriced(organizations: Sequence[Organization], *, now: datetime, most: int = 5) -> list[Unpriced]:
    """The models of the last month that have no price, those with the most requests first."""
    return service.find_unpriced(service.days_of(organizations, now=now, count=_UNPRICED_DAYS), most=most)


def read_added() -> Added:
    """From the counters of this host's proxy processes."""
    family = families.ADDED
    counts = [0.0] * (len(family.bounds) + 1)
    try:
        values = exposition.merge(store.read(settings.METRICS_DIR))
    except OSError:
        return Added(None, None)
    for series, value in values.items():
        if series[0] == family.name and series[1].isdecimal():
            counts[int(series[1])] += value
    return Added(_below(counts, family.bounds, 0.5), _below(counts, family.bounds, 0.95))


def _below(counts: Sequence[float], bounds: Sequence[float], part: float) -> float | None:
    """The end, in ms, of the bucket up to which this part of all is counted; None without any, and in the last one."""
    so_far, wanted = 0.0, part * sum(counts)
    for count, bound in zip(counts, bounds, strict=False):
        so_far += count
        if wanted and so_far >= wanted:
            return bound * 1000
    return None


def _spent_by_day(organizations: Sequence[Organization], now: datetime) -> list[tuple[date, int]]:
    days = service.sums_by_day(service.days_of(organizations, now=now, count=DAYS))
    last = max([now.date(), *days])
    return [
        (day, days.get(day, NOTHING).cost_pico_usd)
        for day in (last - timedelta(days=number) for number in reversed(range(DAYS)))
    ]


def _find_newcomers(now: datetime) -> list[Newcomer]:
    """Numbers are given in the order of signing up, so the newest accounts have the highest."""
    rows = User.objects.order_by("-pk").values_list("pk", "email", "created_at")[:_MOST_COUNTED]
    return [Newcomer(*row) for row in rows if row[2] > now - timedelta(days=7)]
