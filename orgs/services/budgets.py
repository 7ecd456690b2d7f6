"""The monthly budget: one amount for an organization, or none. It stops nothing; it is shown and told about.

What is spent of it is in `analytics.budget`, the mails are in `analytics.budget_alerts`.
"""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from orgs.models import Organization
from orgs.services import audit

LARGEST_USD = Decimal(9_000_000)  # in pico-USD it fits the column
_PICO_USD_PER_USD = 10**12


@transaction.atomic
def change(
    *,
    organization: Organization,
    amount: Decimal | None,
    by: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> bool:
    """Set the budget to so many dollars a month, or to none. Returns whether that is a change.

    Raises `ValidationError` for what is not above 0, more than `LARGEST_USD`, or finer than a cent.
    """
    wanted = None if amount is None else _to_pico_usd(amount)
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    before = locked.monthly_budget_pico_usd
    if before != wanted:
        locked.monthly_budget_pico_usd, locked.budget_changed_at = wanted, now or clock.now()
        locked.save(update_fields=["monthly_budget_pico_usd", "budget_changed_at"])
        _record(locked, before, by)
    organization.monthly_budget_pico_usd = locked.monthly_budget_pico_usd
    organization.budget_changed_at = locked.budget_changed_at
    return before != wanted


def amount_of(organization: Organization) -> Decimal | None:
    """Dollars, to the cent."""
    pico_usd = organization.monthly_budget_pico_usd
    return None if pico_usd is None else (Decimal(pico_usd) / _PICO_USD_PER_USD).quantize(Decimal("0.01"))


def _to_pico_usd(amount: Decimal) -> int:
    if not amount.is_finite() or amount <= 0:
        raise ValidationError("A budget is more than $0. Leave it empty to have none.", code="not_positive")
    if amount > LARGEST_USD:
        raise ValidationError(f"A budget is at most ${LARGEST_USD:,}.", code="too_large")
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValidationError("A budget has whole cents: two decimals at most.", code="too_fine")
    return int(cents) * (_PICO_USD_PER_USD // 100)


def _record(organization: Organization, before: int | None, by: AbstractBaseUser | None) -> None:
    after = organization.monthly_budget_pico_usd
    action = "budget_set" if before is None else "budget_removed" if after is None else "budget_changed"
    amounts = {"before": before, "after": after}
    audit.record(
        organization_id=organization.pk,
        action=f"organization.{action}",
        target=organization.name,
        by=by,
        **{name: in_words(pico_usd) for name, pico_usd in amounts.items() if pico_usd is not None},
    )


def in_words(pico_usd: int) -> str:
    return f"${Decimal(pico_usd) / _PICO_USD_PER_USD:,.2f}"
