"""Staff looking at an organization as its members see it: for an hour, for a reason that its owners can read."""

from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from orgs.access import Look
from orgs.models import Organization
from orgs.services import audit

LASTS = timedelta(hours=1)
MAX_REASON_LENGTH = 200


@transaction.atomic
def begin(*, organization: Organization, by: AbstractBaseUser, reason: str, now: datetime | None = None) -> Look:
    """Whether `by` may do so is for `orgs.access` to say, with each page. Raises `ValidationError` without a reason."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise ValidationError(f"Give a reason, in at most {MAX_REASON_LENGTH} characters.", code="reason")
    until = (now or clock.now()) + LASTS
    audit.record(
        organization_id=organization.pk,
        action="organization.looked_at",
        target=organization.name,
        by=by,
        reason=reason,
        until=f"{until:%H:%M} UTC",
    )
    return Look(organization_id=organization.pk, slug=organization.slug, name=organization.name, until=until)
