"""Telling owners that a month's budget is reached to 80 and to 100 percent: once each, whatever fails in between.

Two steps. `notice` writes down, under a lock of the organization, which thresholds are reached: a row of `BudgetAlert`
for each, so that two workers never both see one for the first time. `send_due` mails what is written down and not sent:
whoever takes the row's lease does, outside of any transaction. A process that dies in between leaves an unsent row,
and the lease runs out: the next look sends it. Dying between a mail and the note of it is the one way to mail twice.

The rules, for the calendar month in the organization's time zone:
- A threshold is reached at exactly its share of the budget. Both reached at once are one mail, about the higher.
- It is told again in the same month only under a budget higher than the one it was told under, and only if the spend
  was below it after the raise and reaches it then. Lowering a budget tells only thresholds not told yet this month.
- Calls that are posted or priced late count in the month in which they were made. The month before is looked at until
  the third day of the new one, unless the budget was changed since it ended.
- Mailed are active owners with a verified address, as they are when it is sent: figures go to nobody's guess of an
  address. A mail that cannot be sent, or has nobody to go to, is tried again for three days.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from allauth.account.models import EmailAddress
from django.db import transaction
from django.urls import reverse

from analytics import periods, reports
from analytics.periods import Period
from analytics.reports import Scope
from config import mails
from orgs.models import BudgetAlert, Membership, Organization
from orgs.models.budget import THRESHOLDS, BudgetAlertQuerySet

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # longer than a task may take
GIVEN_UP_AFTER = timedelta(days=3)
_LATE_DAYS = 3

# To tell; reached together with a higher one that is told; may be told again; was above already when raised; the raise
# was taken back.
Step = Literal["tell", "cover", "arm", "accept", "disarm"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a threshold's row of this month says."""

    budget_pico_usd: int
    is_armed: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Whether budget mails reach them, and if not, why."""

    user_id: int
    email: str
    is_active: bool
    is_verified: bool

    @property
    def is_mailed(self) -> bool:
        return self.is_active and self.is_verified


def look(organization_id: int, *, now: datetime) -> None:
    """Notice and mail. Safe to be called by anybody, any number of times."""
    notice(organization_id, now=now)
    send_due(now=now, organization_id=organization_id)


def look_at_all(*, now: datetime) -> None:
    """What no posting led to: prices changed later, mails that failed, processes that died."""
    for pk in list(Organization.objects.with_budget().filter(deleted_at=None).values_list("pk", flat=True)):
        notice(pk, now=now)
    send_due(now=now)


# --- Noticing ---------------------------------------------------------------------------------------------------------


def decide(told: Mapping[int, Told], *, budget_pico_usd: int, spent_pico_usd: int) -> dict[int, Step]:
    """What to do about each threshold; those with nothing to do are left out. Pure."""
    steps: dict[int, Step] = {}
    for threshold in THRESHOLDS:
        is_reached = spent_pico_usd * 100 >= budget_pico_usd * threshold
        before = told.get(threshold)
        if before is None:
            if is_reached:
                steps[threshold] = "tell"
        elif budget_pico_usd <= before.budget_pico_usd:
            if before.is_armed:
                steps[threshold] = "disarm"
        elif is_reached:
            steps[threshold] = "tell" if before.is_armed else "accept"
        elif not before.is_armed:
            steps[threshold] = "arm"
    for threshold in [threshold for threshold, step in steps.items() if step == "tell"][:-1]:
        steps[threshold] = "cover"
    return steps


def notice(organization_id: int, *, now: datetime) -> None:
    """Write down what is reached and not written down yet. Three queries where nothing is new."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None or not any(steps for *_, steps in _news(organization, now)):
        return
    with transaction.atomic():
        # Posting shares this row with the lock, so neither waits for the other.
        locked = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
        for month, spent, steps in _news(locked, now):
            for threshold, step in steps.items():
                _write(locked, month, threshold, step, spent=spent, now=now)


def _news(organization: Organization, now: datetime) -> Iterator[tuple[Period, int, dict[int, Step]]]:
    budget = organization.monthly_budget_pico_usd
    if budget is None or organization.is_deleted:
        return
    for month in _months(organization, now):
        rows = BudgetAlert.objects.filter(organization=organization, month=month.start)
        told = {row.threshold: Told(row.budget_pico_usd, row.is_armed) for row in rows}
        spent = reports.get_total(Scope(organization.pk, month)).cost_pico_usd
        yield month, spent, decide(told, budget_pico_usd=budget, spent_pico_usd=spent)


def _months(organization: Organization, now: datetime) -> list[Period]:
    today = periods.local_day(now, organization.tz)
    month = periods.month_of(today)
    changed_at = organization.budget_changed_at
    was_in_force = changed_at is None or changed_at < periods.start_of(month.start, organization.tz)
    return [*([periods.previous(month)] if today.day <= _LATE_DAYS and was_in_force else []), month]


def _write(organization: Organization, month: Period, threshold: int, step: Step, *, spent: int, now: datetime) -> None:
    budget = organization.monthly_budget_pico_usd
    which: dict[str, Any] = {"organization": organization, "month": month.start, "threshold": threshold}
    rows = BudgetAlert.objects.filter(**which)
    if step in ("tell", "cover"):
        facts: dict[str, Any] = {
            "budget_pico_usd": budget,
            "spent_pico_usd": spent,
            "is_armed": False,
            "reached_at": now,
            "leased_until": None,
            "mailed_user_ids": [],
            "sent_at": now if step == "cover" else None,
        }
        BudgetAlert.objects.update_or_create(**which, defaults=facts)
    elif step == "accept":
        rows.update(budget_pico_usd=budget)
    else:
        rows.update(is_armed=step == "arm")
        rows.unsent().update(sent_at=now)  # not true any more


# --- Mailing ----------------------------------------------------------------------------------------------------------


def owners(organization: Organization) -> list[Owner]:
    """In the order in which they joined. Two queries."""
    found = Membership.objects.owners().filter(organization=organization).select_related("user").order_by("id")
    people = [membership.user for membership in found]
    verified = set(EmailAddress.objects.filter(user__in=people, verified=True).values_list("user_id", "email"))
    return [
        Owner(person.pk, person.email, person.is_active, is_verified=(person.pk, person.email) in verified)
        for person in people
    ]


def send_due(*, now: datetime, organization_id: int | None = None) -> None:
    """Mail what is written down and not sent; of one organization, or of all."""
    due = BudgetAlert.objects.unsent().free(now).filter(reached_at__gt=now - GIVEN_UP_AFTER)
    if organization_id is not None:
        due = due.filter(organization_id=organization_id)
    for alert in due.select_related("organization"):
        if _telling(alert).unsent().free(now).update(leased_until=now + LEASE):
            _send(alert, now)


def _telling(alert: BudgetAlert) -> BudgetAlertQuerySet:
    """The row as long as it is about this crossing of the threshold, and not told again under a higher budget."""
    return BudgetAlert.objects.filter(pk=alert.pk, reached_at=alert.reached_at)


def _send(alert: BudgetAlert, now: datetime) -> None:
    organization = alert.organization
    if organization.monthly_budget_pico_usd is None or organization.is_deleted:
        _telling(alert).update(sent_at=now)
        return
    mailed = list(alert.mailed_user_ids)
    has_failed = False
    for owner in owners(organization):
        if not owner.is_mailed or owner.user_id in mailed:
            continue
        if mails.send("emails/budget_reached", to=owner.email, context=_context(alert)):
            mailed.append(owner.user_id)
            _telling(alert).update(mailed_user_ids=mailed)
        else:
            has_failed = True
    if mailed and not has_failed:
        _telling(alert).update(sent_at=now)
    elif not mailed and not has_failed:
        logger.warning("Organization %d has no owner to mail about its budget.", organization.pk)


def _context(alert: BudgetAlert) -> dict[str, object]:
    slug = alert.organization.slug
    month = periods.month_of(alert.month)  # by its days: the mail may be read in another one
    return {
        "organization": alert.organization,
        "alert": alert,
        "is_used_up": alert.threshold == THRESHOLDS[-1],
        "percent": alert.spent_pico_usd * 100 // alert.budget_pico_usd,
        "dashboard_url": mails.absolute(f"{reverse('dashboard', args=[slug])}?start={month.start}&end={month.end}"),
        "settings_url": mails.absolute(reverse("organization-settings", args=[slug])),
    }
