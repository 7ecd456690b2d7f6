"""Single records and prices, not saved, for tests of which price holds for which record."""

from datetime import UTC, datetime
from typing import Any

from analytics.models import ModelPrice
from analytics.price_book import PriceBook
from analytics.usage import TokenUsage, UsageRecord
from tests.analytics.usage_lines import NOON

ONE = TokenUsage(input=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def record(**changes: Any) -> UsageRecord:
    fields: dict[str, Any] = {
        "v": 1,
        "id": "0" * 32,
        "started_at": round(NOON.timestamp() * 10**6),
        "organization_id": 1,
        "team_id": 1,
        "api_key_id": 1,
        "provider": "openai",
        "route": "chat/completions",
        "model": "gpt-4o",
        "status": 200,
        "usage": ONE,
        "usage_source": "provider",
    }
    return UsageRecord(**(fields | changes))


def own(model: str = "gpt-4o", rate: int = 7, **fields: Any) -> ModelPrice:
    """A price for the input of a model, not saved."""
    given: dict[str, Any] = {
        "provider": "openai",
        "effective_from": LONG_AGO,
        "input_pico_usd": rate,
        "output_pico_usd": rate * 4,
    }
    return ModelPrice(model=model, **(given | fields))


def booked(*prices: ModelPrice, organization_id: int = 1, **changes: Any) -> tuple[int | None, str]:
    cost = PriceBook(1, prices).cost_of(record(**changes), organization_id)
    return cost.pico_usd, cost.status
