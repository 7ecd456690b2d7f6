"""Posted records, prices that are saved for them, and what they cost then."""

from datetime import UTC, date, datetime
from typing import Any

from analytics import price_book, price_changes, rollups
from analytics.models import LedgerRecord, ModelPrice
from orgs.models import ApiKey
from tests.analytics.usage_lines import make_record, post, rollup_rows

# At these, the usual 1,000 tokens in and 100 out cost 1,000 x 3,000,000 + 100 x 20,000,000.
NEW_RATES = {"input_pico_usd": 3_000_000, "output_pico_usd": 20_000_000}
NEW_COST = 5_000_000_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def save(model: str = "gpt-4o", **fields: Any) -> ModelPrice:
    """Save a price, and let what follows in the background come to its end."""
    given: dict[str, Any] = {"provider": "openai", "effective_from": LONG_AGO, **NEW_RATES}
    price = price_book.save_price(price=ModelPrice(model=model, **(given | fields)))
    price_changes.catch_up()
    return price


def posted(key: ApiKey, **changes: Any) -> LedgerRecord:
    record = make_record(key, **changes)
    assert post(record).rejected_count == 0
    return LedgerRecord.objects.get(pk=record.id)


def cost_of(record: LedgerRecord) -> tuple[int | None, str]:
    record.refresh_from_db()
    return record.cost_pico_usd, record.cost_status


def assert_rollups_are_those_of_the_records(key: ApiKey) -> None:
    before = rollup_rows(key.organization_id)
    rollups.rebuild(key.organization_id, date(2020, 1, 1), date(2030, 1, 1))
    assert rollup_rows(key.organization_id) == before
