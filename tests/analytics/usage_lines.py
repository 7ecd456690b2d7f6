"""Usage records and journal segments for tests of posting, and what to compare afterwards."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db.models import Model

from analytics import usage
from analytics.models import DailyTagUsage, DailyUsage, UsageBatch
from analytics.usage import TokenUsage, UsageRecord
from orgs.models import ApiKey
from proxy import tasks
from proxy.call import new_call_id

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
# 1,000 tokens in at $2.50 and 100 out at $10 a million.
USUAL = TokenUsage(input=1000, output=100)
USUAL_COST = 3_500_000_000


def id_at(moment: datetime) -> str:
    """As the proxy gives them to calls that begin then."""
    return new_call_id(round(moment.timestamp() * 1_000_000))


def make_record(key: ApiKey, *, at: datetime = NOON, **changes: Any) -> UsageRecord:
    """A plain successful call of gpt-4o at noon, changed as told."""
    fields: dict[str, Any] = {
        "v": usage.FORMAT_VERSION,
        "id": id_at(at),
        "started_at": round(at.timestamp() * 1_000_000),
        "organization_id": key.organization_id,
        "team_id": key.team_id,
        "api_key_id": key.pk,
        "provider": "openai",
        "route": "chat/completions",
        "model_requested": "gpt-4o",
        "model": "gpt-4o-2024-08-06",
        "status": 200,
        "usage": USUAL,
        "usage_source": "provider",
        "latency_ms": 850,
        "first_byte_ms": 840,
        "finish_reason": "stop",
    }
    return UsageRecord(**(fields | changes))


def lines_of(*records: UsageRecord) -> list[str]:
    return [usage.encode_line(record).decode().removesuffix("\n") for record in records]


def post_lines(lines: Sequence[str], *, segment_id: str = "", now: datetime = NOON) -> UsageBatch:
    """Post a segment, a new one unless its id is given; returns its receipt."""
    segment_id = segment_id or str(uuid4())
    tasks.post_batch(segment_id, lines, now=now)
    return UsageBatch.objects.get(segment_id=segment_id)


def post(*records: UsageRecord, segment_id: str = "", now: datetime = NOON) -> UsageBatch:
    return post_lines(lines_of(*records), segment_id=segment_id, now=now)


def rollup_rows(organization_id: int) -> dict[type[Model], list[dict[str, Any]]]:
    """Both roll-ups of an organization, in an order of their own, without the rows' ids."""

    def rows(model: type[DailyUsage] | type[DailyTagUsage]) -> list[dict[str, Any]]:
        names = [field.attname for field in model._meta.concrete_fields if field.attname != "id"]
        found = model.objects.filter(organization_id=organization_id).values(*names)
        return sorted(found, key=lambda row: [str(value) for value in row.values()])

    return {DailyUsage: rows(DailyUsage), DailyTagUsage: rows(DailyTagUsage)}
