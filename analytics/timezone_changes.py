"""Changing an organization's time zone in the background: doing it, and how far it is. `analytics.tasks` starts it.

How far it is stands in the cache, since nothing of the one transaction can be seen before its end. A change that is
lost with its process has changed nothing, and can be started again once it has been silent for a while.
"""

from dataclasses import asdict, dataclass, replace
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import transaction

from analytics import rollups
from orgs.models import Organization
from orgs.services import audit

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
# Longer than any one step takes: without news for so long, the change is taken for lost.
SILENCE_SECONDS = 10 * 60


class AlreadyUnderWay(Exception):
    """Another change of this organization's time zone has not ended yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the page shows."""

    before: str
    after: str
    state: str
    done_days: int = 0
    total_days: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.state in (WAITING, RUNNING)


def find(organization_id: int) -> Change | None:
    """The change that is under way, or ended within the last minutes."""
    kept = cache.get(_key(organization_id))
    return Change(**kept) if kept else None


def announce(*, organization: Organization, timezone: str) -> None:
    """Take the organization's one place for a change.

    Raises `AlreadyUnderWay`, and `zoneinfo.ZoneInfoNotFoundError` for an unknown name.
    """
    ZoneInfo(timezone)
    last = find(organization.pk)
    if last is not None and not last.is_under_way:
        cache.delete(_key(organization.pk))
    change = Change(organization.timezone, timezone, WAITING)
    if not cache.add(_key(organization.pk), asdict(change), SILENCE_SECONDS):
        raise AlreadyUnderWay


def carry_out(*, organization_id: int, timezone: str, by_id: int) -> None:
    """Do it here and now. Doing it twice is doing it once."""
    with transaction.atomic():
        organization = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
        if organization.timezone == timezone:
            _tell(organization_id, Change(timezone, timezone, DONE))
            return
        change = Change(organization.timezone, timezone, RUNNING)
        _tell(organization_id, change)
        rollups.change_timezone(
            organization_id,
            timezone,
            on_day=lambda done, total: _tell(organization_id, replace(change, done_days=done, total_days=total)),
        )
        audit.record(
            organization_id=organization_id,
            action="organization.timezone_changed",
            target=organization.name,
            by=get_user_model().objects.filter(pk=by_id).first(),
            before=change.before,
            after=timezone,
        )
    _tell(organization_id, replace(change, state=DONE))


def tell_failed(organization_id: int) -> None:
    """All is as it was before."""
    change = find(organization_id)
    if change is not None:
        _tell(organization_id, replace(change, state=FAILED))


def _tell(organization_id: int, change: Change) -> None:
    cache.set(_key(organization_id), asdict(change), SILENCE_SECONDS)


def _key(organization_id: int) -> str:
    return f"timezone-change:{organization_id}"
