"""Posts the demo's history to the ledger, as a worker would post journal segments. A second run adds nothing twice."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from accounts.demo import history
from accounts.demo.history import Payer
from accounts.demo.organization import DemoOrganization
from accounts.demo.workload import PROMPTS
from analytics.usage import UsageRecord, encode_line
from proxy import tasks

_SEGMENTS = UUID("6c1f7ac2-52a3-4f0e-9d4e-1b1f6d6d6e01")


def post_history(demo: DemoOrganization, now: datetime, report: Callable[[date, int], None]) -> int:
    """All days from the first to today, today's up to the last full hour. Returns how many calls that history has.

    `report` is told after each day.
    """
    organization_id = demo.organization.pk
    payers = {plan: Payer(organization_id, demo.teams[plan.team].pk, demo.keys[plan.key].pk) for plan in PROMPTS}
    total = 0
    for day in _days(demo.first_day, now.date()):
        records = history.records_of(day, demo.first_day, payers)
        if day == now.date():
            full_hour = now.replace(minute=0, second=0, microsecond=0)
            until = int(full_hour.timestamp() * 1_000_000)
            records = [record for record in records if record.started_at < until]
            name = f"{day} until {full_hour:%H}"
        else:
            name = day.isoformat()
        if records:
            _post(organization_id, name, records)
        total += len(records)
        report(day, total)
    return total


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _post(organization_id: int, name: str, records: list[UsageRecord]) -> None:
    """A day that was posted in part keeps what it has: its records' ids are the same each time."""
    segment_id = uuid5(_SEGMENTS, f"{organization_id} {name}").hex
    tasks.post_batch(segment_id, [encode_line(record).decode().removesuffix("\n") for record in records])
