"""A posted record as the proxy once wrote it, as far as its cost goes."""

from datetime import UTC, datetime, timedelta

import msgspec

from analytics.caps import OVERFLOW
from analytics.models import LedgerRecord
from analytics.quantities import COLUMNS
from analytics.usage import FORMAT_VERSION, OtherModelUsage, TokenUsage, UsageRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OTHER_MODELS = tuple[OtherModelUsage, ...]


def record_of(row: LedgerRecord) -> UsageRecord:
    """What `PriceBook.cost_of` looks at. Where the cap hid the answering model, the requested one stands in for it."""
    is_hidden = row.model == OVERFLOW
    values = {
        "v": FORMAT_VERSION,
        "id": row.pk.hex,
        "started_at": (row.started_at - _EPOCH) // timedelta(microseconds=1),
        "organization_id": row.organization_id,
        "team_id": row.team_id,
        "api_key_id": row.api_key_id,
        "provider": row.provider,
        "route": row.route,
        "method": row.method,
        "metering": row.metering,
        "model_requested": row.model_requested,
        "model": "" if is_hidden else row.model,
        "state": row.state,
        "status": row.status,
        "error_code": row.error_code,
        "usage_source": row.usage_source,
        "usage": _usage_of(row, is_partial=row.is_usage_partial or is_hidden),
    }
    return msgspec.convert(values, UsageRecord)


def _usage_of(row: LedgerRecord, *, is_partial: bool) -> TokenUsage:
    return TokenUsage(
        **{name: getattr(row, column) for name, column in COLUMNS.items()},
        service_tier=row.service_tier,
        speed=row.speed,
        inference_geo=row.inference_geo,
        is_partial=is_partial,
        other_models=msgspec.convert(row.other_models, _OTHER_MODELS),
    )
