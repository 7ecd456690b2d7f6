"""Whether requests arrive from outside the guide; and if none does, what was wrong with the last one."""

from dataclasses import dataclass
from datetime import datetime

from accounts.onboarding.sandbox import PROMPT_KEY
from accounts.onboarding.words import Explanation, explain
from analytics.models import LedgerRecord
from orgs.models import ApiKey, Organization, RefusedCall


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that came and did not work."""

    at: datetime
    explanation: Explanation
    code: str
    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """`record` is the last request that worked. `trouble` is there when it came after that."""

    record: LedgerRecord | None
    trouble: Trouble | None


def find_arrival(organization: Organization) -> Arrival:
    """Three queries, four with trouble."""
    outside = LedgerRecord.objects.filter(organization_id=organization.pk).exclude(prompt_key=PROMPT_KEY)
    outside = outside.order_by("-started_at")
    worked = outside.filter(is_error=False).first()
    failed = outside.filter(is_error=True).first()
    refused = RefusedCall.objects.of(organization.pk).select_related("api_key__team").first()
    trouble = _later(_of_record(organization, failed), _of_refusal(refused))
    if worked is not None and trouble is not None and trouble.at <= worked.started_at:
        trouble = None
    return Arrival(worked, trouble)


def _of_record(organization: Organization, record: LedgerRecord | None) -> Trouble | None:
    if record is None:
        return None
    explanation = explain(code=record.error_code, status=record.status, provider=record.provider)
    key = ApiKey.objects.of(organization).filter(pk=record.api_key_id).first()
    return Trouble(record.started_at, explanation, record.error_code, key)


def _of_refusal(refused: RefusedCall | None) -> Trouble | None:
    if refused is None:
        return None
    return Trouble(refused.created_at, explain(code=refused.code, status=0, provider=""), refused.code, refused.api_key)


def _later(one: Trouble | None, other: Trouble | None) -> Trouble | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda trouble: trouble.at)
