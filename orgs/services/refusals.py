"""Keeping the last refused calls of an organization. When there are more, the oldest go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orgs.models import ApiKey, RefusedCall

KEPT = 20  # of each organization


@dataclass(frozen=True, slots=True)
class Refused:
    organization_id: int
    api_key_id: int
    code: str
    at: datetime


@transaction.atomic
def record(*, organization_id: int, refused: Iterable[Refused]) -> None:
    """Calls with keys that are gone by now, with a purged organization, are left out."""
    calls = list(refused)
    known = set(ApiKey.objects.filter(pk__in={call.api_key_id for call in calls}).values_list("pk", flat=True))
    RefusedCall.objects.bulk_create(
        RefusedCall(
            organization_id=organization_id, api_key_id=call.api_key_id, code=call.code[:64], created_at=call.at
        )
        for call in calls
        if call.api_key_id in known
    )
    beyond = list(RefusedCall.objects.of(organization_id).values_list("pk", flat=True)[KEPT : KEPT + 10 * KEPT])
    RefusedCall.objects.filter(pk__in=beyond).delete()
