"""Calls whose usage comes later, and the calls that bring it: for tests of what becomes of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics import rollups
from analytics.models import LedgerRecord
from analytics.usage import Alias, Completion, OtherModelUsage, TokenUsage, UsageRecord
from orgs.models import ApiKey
from tests.analytics.usage_lines import NOON, make_record, rollup_rows

EVER = (date(2020, 1, 1), date(2030, 1, 1))
NOTHING: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none"}
LATER = NOON + timedelta(hours=3)
# The price list knows batches of models that were sold in that month.
AUTUMN = datetime(2026, 11, 10, 12, tzinfo=UTC)

# 2,000 tokens in and 300 out of gpt-4o: 2,000 x $2.50 and 300 x $10 a million.
ANSWERED = Completion(
    object_id="resp_1",
    model="gpt-4o-2024-08-06",
    usage=TokenUsage(input=2000, output=300),
    finish_reason="completed",
)
ANSWER_COST = 8_000_000_000

# As the batch itself tells it, and as its lines do: one short prompt, and 300,000 tokens in two that are long. By the
# list Claude Sonnet 4.5 costs $3 and $15 a million, above 200,000 tokens $6 and $22.50; a batch costs half of that.
SHORT = OtherModelUsage(model="claude-sonnet-4-5", input=1000, output=100, longest_prompt=1000)
LONG = OtherModelUsage(model="claude-sonnet-4-5", input=600_000, output=200, longest_prompt=300_000)
SUMMED = Completion(
    object_id="batch_1",
    model="claude-sonnet-4-5",
    usage=TokenUsage(input=601_000, output=300, service_tier="batch", is_partial=True),
    finish_reason="ended",
    is_final=False,
)
RESULTS = Completion(
    object_id="file_1",
    model="claude-sonnet-4-5",
    usage=TokenUsage(input=601_000, output=300, service_tier="batch", other_models=(SHORT, LONG)),
    finish_reason="ended",
)
# (1,000 x 3 + 100 x 15 + 600,000 x 6 + 200 x 22.5) / 2 millionths of a dollar.
RESULTS_COST = 1_804_500_000_000


def background(key: ApiKey, object_id: str = "resp_1", **changes: Any) -> UsageRecord:
    """A response that is made in the background."""
    fields = {
        "route": "responses",
        "state": "pending",
        "object_id": object_id,
        "finish_reason": "",
        "prompt_key": "greeting",
        "tags": ("beta", "chat"),
        **NOTHING,
    }
    return make_record(key, **(fields | changes))


def batch(key: ApiKey, object_id: str = "batch_1", **changes: Any) -> UsageRecord:
    return background(
        key,
        object_id,
        **(
            {"at": AUTUMN, "provider": "anthropic", "route": "messages/batches", "model": "", "model_requested": ""}
            | changes
        ),
    )


def fetched(
    key: ApiKey, *completions: Completion, at: datetime = LATER, provider: str = "openai", **changes: Any
) -> UsageRecord:
    """A call that tells of an earlier one."""
    fields = {
        "route": "responses/{id}",
        "method": "GET",
        "metering": "free",
        "provider": provider,
        "model": "",
        "model_requested": "",
        "completion": completions[0] if completions else None,
        **NOTHING,
    }
    return make_record(key, at=at, **(fields | changes))


def named(key: ApiKey, *pairs: tuple[str, str], provider: str = "anthropic") -> UsageRecord:
    """A call whose answer told which files hold the results of which batches."""
    return fetched(key, provider=provider, aliases=tuple(Alias(*pair) for pair in pairs))


# --- Afterwards -------------------------------------------------------------------------------------------------------


def stored(record: UsageRecord) -> LedgerRecord:
    return LedgerRecord.objects.get(pk=record.id)


def cost_of(record: UsageRecord) -> tuple[int | None, str]:
    row = stored(record)
    return row.cost_pico_usd, row.cost_status


def assert_rollups_are_those_of_the_records(key: ApiKey) -> None:
    before = rollup_rows(key.organization_id)
    rollups.rebuild(key.organization_id, *EVER)
    assert rollup_rows(key.organization_id) == before
