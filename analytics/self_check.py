"""The ledger looks at itself: every night a past day of each organization is made anew aside, and compared.

Writes nothing to the roll-ups. What differs is an error in the log, a row that staff see, and a number for Prometheus.
"""

import logging
import random
import time
from datetime import date, datetime, timedelta

from django.db import DatabaseError
from django.db.models import Max, Min

from analytics import periods, verification
from analytics.models import DailyUsage, LedgerDifference
from config.metrics import counting, families
from orgs.models import Organization

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 120.0  # below the time limit of a task; another night has another order
_TOLD = 20


def check(*, now: datetime, patience_seconds: float = PATIENCE_SECONDS, choose: random.Random | None = None) -> int:
    """One day of each organization, as many as there is time for, and those days that differed before, first.

    Returns how many days differ now, of those looked at.
    """
    choose = choose or random.SystemRandom()
    until = time.monotonic() + patience_seconds
    days = list(LedgerDifference.objects.order_by("found_at").values_list("organization_id", "day"))
    organizations = list(Organization.objects.filter(deleted_at=None))
    choose.shuffle(organizations)
    for organization in organizations:
        day = _find_day(organization, now, choose)
        if day is not None and (organization.pk, day) not in days:
            days.append((organization.pk, day))
    differing = 0
    for organization_id, day in days:
        if time.monotonic() > until:
            logger.info("There was no time to check the roll-ups of all organizations.")
            break
        differing += _check(organization_id, day, now)
    return differing


def _find_day(organization: Organization, now: datetime, choose: random.Random) -> date | None:
    """A day with usage that is over, each as likely as the gap before it is long."""
    over = periods.local_day(now, organization.tz) - timedelta(days=1)
    used = DailyUsage.objects.filter(organization_id=organization.pk, day__lt=over)
    reach = used.aggregate(first=Min("day"), last=Max("day"))
    if reach["first"] is None:
        return None
    wanted = reach["first"] + timedelta(days=choose.randrange((reach["last"] - reach["first"]).days + 1))
    return used.filter(day__gte=wanted).order_by("day").values_list("day", flat=True).first()


def _check(organization_id: int, day: date, now: datetime) -> bool:
    try:
        found = verification.check_day(organization_id, day)
    except DatabaseError:
        logger.exception("The roll-ups of organization %d on %s could not be checked.", organization_id, day)
        return False
    counting.count(families.DAYS_CHECKED)
    which = LedgerDifference.objects.filter(organization_id=organization_id, day=day)
    if not found:
        which.delete()
        return False
    tells = [difference.tells for difference in found]
    logger.error(
        "The roll-ups of organization %d on %s differ from the records in %d places: %s",
        organization_id,
        day,
        len(tells),
        tells[0],
    )
    more = [f"and {len(tells) - _TOLD} more"] if len(tells) > _TOLD else []
    if not which.update(tells="\n".join([*tells[:_TOLD], *more])):
        LedgerDifference.objects.create(
            organization_id=organization_id, day=day, tells="\n".join([*tells[:_TOLD], *more]), found_at=now
        )
    return True
