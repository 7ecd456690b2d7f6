"""What the facts of a request are called outside, in the REST API and in CSV files alike (docs/requests.md).

The names are a contract and never change; further fields stand behind them. None can hold a prompt or an answer.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from analytics import reports
from analytics.models import LedgerRecord
from analytics.quantities import QUANTITY_COLUMNS
from analytics.receipts import Receipt, Share
from analytics.request_log import Names, flags_of

# Those of the first release. Later ones stand behind all fields that there were.
_FIRST_QUANTITIES = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "output_tokens",
    "output_audio_tokens",
    "reasoning_tokens",
    "web_searches",
)

_Reader = Callable[[LedgerRecord, Names], Any]


def say_moment(moment: datetime) -> str:
    """ISO 8601, in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _usd(pico_usd: int | None) -> Any:
    return None if pico_usd is None else reports.to_usd(pico_usd)


def _column(name: str) -> _Reader:
    return lambda record, _: getattr(record, name)


def _text(name: str) -> _Reader:
    """None where there is none."""
    return lambda record, _: getattr(record, name) or None


_READERS: Mapping[str, _Reader] = {
    "id": lambda record, _: record.pk.hex,
    "started_at": lambda record, _: say_moment(record.started_at),
    "local_day": _column("local_day"),
    "prompt_key": lambda record, _: record.prompt_key or reports.UNKNOWN_PROMPT,
    "version_number": lambda record, _: record.version or None,
    "provider": _column("provider"),
    "model": lambda record, _: record.model or record.model_requested or None,
    "model_requested": _text("model_requested"),
    "team_id": _column("team_id"),
    "team_name": lambda record, names: names.teams[record.team_id],
    "api_key_id": _column("api_key_id"),
    "api_key_name": lambda record, names: names.keys[record.api_key_id],
    "tags": lambda record, _: list(record.tags),
    "status": lambda record, _: "error" if record.is_error else "ok",
    "http_status": lambda record, _: record.status or None,
    "error_code": _text("error_code"),
    "flags": lambda record, _: list(flags_of(record)),
    "is_request": _column("is_request"),
    "cost": lambda record, _: _usd(record.cost_pico_usd),
    "cost_status": _column("cost_status"),
    "previous_cost": lambda record, _: _usd(record.previous_cost_pico_usd),
    "usage_source": _column("usage_source"),
    **{name: _column(name) for name in _FIRST_QUANTITIES},
    "service_tier": _text("service_tier"),
    "speed": _text("speed"),
    "inference_geo": _text("inference_geo"),
    "latency_ms": lambda record, _: None if record.state == "interrupted" else record.latency_ms,
    "first_byte_ms": _column("first_byte_ms"),
    "first_token_ms": _column("first_token_ms"),
    "finish_reason": _text("finish_reason"),
    "sdk_retry_count": _column("sdk_retry_count"),
    "provider_request_id": _text("provider_request_id"),
    "route": _column("route"),
    "method": _column("method"),
    **{name: _column(name) for name in QUANTITY_COLUMNS if name not in _FIRST_QUANTITIES},
    "object_id": _text("object_id"),
    "completed_at": lambda record, _: record.completed_at and say_moment(record.completed_at),
}
FIELDS = tuple(_READERS)


def values_of(record: LedgerRecord, names: Names) -> list[Any]:
    """In the order of `FIELDS`. The names must know the record's team and key."""
    return [read(record, names) for read in _READERS.values()]


def fields_of(record: LedgerRecord, names: Names) -> dict[str, Any]:
    return dict(zip(FIELDS, values_of(record, names), strict=True))


def fields_of_receipt(receipt: Receipt) -> dict[str, Any]:
    """What the receipt of a request says beside the request's own fields."""
    is_today = receipt.basis == "today"
    return {
        "lines": [line for share in receipt.shares for line in _lines_of(share)],
        "lines_total": _usd(receipt.lines_pico_usd),
        "lines_are": "of today's prices" if is_today else "as booked",
        "cost_at_todays_prices": _usd(receipt.today_pico_usd),
        "prices": [_price_of(share) for share in receipt.shares],
        "price_list": receipt.list_version,
        "discount": _usd(receipt.discount.pico_usd) if receipt.discount else None,
        "discount_percent": Decimal(receipt.discount.basis_points) / 100 if receipt.discount else None,
    }


def _lines_of(share: Share) -> list[dict[str, Any]]:
    return [
        {
            "model": share.model,
            "bucket": line.bucket,
            "unit": line.unit,
            "quantity": line.quantity,
            "rate": _usd(line.rate_pico_usd),
            "rate_per": line.rate_per,
            "amount": _usd(line.amount_pico_usd),
            "is_stand_in_rate": line.is_stand_in,
        }
        for line in share.lines
    ]


def _price_of(share: Share) -> dict[str, Any]:
    entry = share.entry
    return {
        "model": share.model,
        "priced_as": entry.model if entry else None,
        "source": entry.source if entry else None,
        "effective_from": say_moment(entry.effective_from) if entry and entry.effective_from else None,
        "effective_until": say_moment(entry.effective_until) if entry and entry.effective_until else None,
        "long_context_above_tokens": share.above_tokens,
        "is_exact": share.is_exact,
    }
