"""The comparison after every fault: what the clients and the provider saw against what the ledger holds.

The fake provider's log is the reference; costs are worked out here from the providers' list prices.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord
from analytics.usage import UsageRecord
from orgs.models import Organization
from tests.fake_provider import Exchange, FakeProvider
from tests.faults.load import Load, prompt_key_of
from tests.servers import wait_until

# Pico-USD a token, in and out: gpt-4o at $2.50 and $10 a million, claude-haiku-4-5 at $1 and $5.
_RATES = {"openai": (2_500_000, 10_000_000), "anthropic": (1_000_000, 5_000_000)}
_NAMES = {"openai": ("prompt_tokens", "completion_tokens"), "anthropic": ("input_tokens", "output_tokens")}
_SUMS = ("request_count", "interrupted_count", "error_count", "cost_pico_usd", "input_tokens", "output_tokens")
Sums = dict[tuple[Any, ...], Counter[str]]


def wait_until_whole(journal: Path, seconds: float = 30) -> None:
    """Until nothing waits in the journal: one directory, the living process's, and every segment has its receipt."""

    def is_whole() -> bool:
        return len(list(journal.iterdir())) == 1 and is_shipped(journal)

    wait_until(is_whole, "everything in the journal is posted", seconds)


def wait_for_records(organization: Organization, count: int, seconds: float = 30) -> None:
    records = LedgerRecord.objects.filter(organization_id=organization.pk)
    wait_until(lambda: records.count() >= count, f"{count} records are in the ledger", seconds)


def is_shipped(journal: Path) -> bool:
    """Whether every record of the journal is in the ledger. The open segments first: they become sealed ones."""
    try:
        if any(path.read_bytes().strip(b"\0") for path in journal.glob("*/*.open")):
            return False
    except FileNotFoundError:
        return False  # sealed while it was read
    return not any(journal.glob("*/*.sealed"))


def check_ledger(organization: Organization, load: Load, provider: FakeProvider) -> Counter[str]:
    """Everything that must hold. Returns how many records there are of each state."""
    rows = {row.prompt_key: row for row in LedgerRecord.objects.filter(organization_id=organization.pk)}
    assert len(rows) == LedgerRecord.objects.filter(organization_id=organization.pk).count(), "a call is doubled"
    exchanges = {prompt_key_of(exchange.body): exchange for exchange in provider.log}
    assert len(exchanges) == len(provider.log), "the provider was called twice for one call"
    check_answered_calls(load, rows)
    assert not exchanges.keys() - rows.keys(), "the provider was called, and there is no record"
    known = {call.prompt_key for call in load.calls}
    assert not rows.keys() - known, "there are records of calls that nobody made"
    for prompt_key, row in rows.items():
        check_cost(row, exchanges.get(prompt_key))
    check_rollups(organization, list(rows.values()))
    return Counter(row.state for row in rows.values())


def check_answered_calls(load: Load, rows: dict[str, LedgerRecord]) -> None:
    """Of every call whose end its client saw there is a record, as that call ended."""
    for call in load.complete:
        assert call.status == 200, call
        row = rows.get(call.prompt_key)
        assert row is not None, f"no record of {call}"
        assert (row.id, row.state, row.usage_source) == (UUID(call.id), "complete", "provider"), call


def check_written_calls(written: Sequence[UsageRecord], rows: Sequence[LedgerRecord]) -> None:
    """What a dead process had written down is in the ledger as it was, and has not become an interrupted call."""
    states = {row.id: (row.state, row.output_tokens) for row in rows}
    for record in written:
        assert states[UUID(record.id)] == (record.state, record.usage.output), record


def check_cost(row: LedgerRecord, exchange: Exchange | None) -> None:
    if row.state == "interrupted":
        assert (row.cost_pico_usd, row.cost_status, row.is_request) == (None, "interrupted", False)
        return
    assert exchange is not None, "a record says complete, and the provider was never called"
    if row.usage_source != "provider":
        return  # the provider's numbers did not arrive
    assert exchange.usage is not None
    tokens = [int(exchange.usage[name]) for name in _NAMES[exchange.provider]]
    assert [row.input_tokens, row.output_tokens] == tokens
    assert row.provider_request_id == exchange.request_id
    assert row.cost_pico_usd == sum(map(int.__mul__, tokens, _RATES[exchange.provider]))


def check_rollups(organization: Organization, rows: list[LedgerRecord]) -> None:
    """The roll-ups are the sums of the records, by every column that makes up their keys."""
    expected: Sums = {}
    expected_by_tag: Sums = {}
    for row in rows:
        sums = Counter(
            request_count=int(row.is_request),
            interrupted_count=int(row.state == "interrupted"),
            error_count=int(row.is_error),
            cost_pico_usd=row.cost_pico_usd or 0,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
        )
        key = (
            row.local_day,
            row.api_key_id,
            row.prompt_key,
            row.version,
            row.provider,
            row.model or row.model_requested,
        )
        expected.setdefault(key, Counter()).update(sums)
        for tag in row.tags or [""]:
            expected_by_tag.setdefault((*key, tag), Counter()).update(sums)
    names = ("day", "api_key_id", "prompt_key", "version", "provider", "model")
    assert stored_sums(DailyUsage, organization, names) == without_zeros(expected)
    assert stored_sums(DailyTagUsage, organization, (*names, "tag")) == without_zeros(expected_by_tag)


def stored_sums(
    model: type[DailyUsage] | type[DailyTagUsage], organization: Organization, names: tuple[str, ...]
) -> Sums:
    found: Sums = {}
    for row in model.objects.filter(organization_id=organization.pk).values(*names, *_SUMS):
        sums = found.setdefault(tuple(row[name] for name in names), Counter())
        sums.update({name: int(row[name] or 0) for name in _SUMS})
    return without_zeros(found)


def without_zeros(sums: Sums) -> Sums:
    return {key: +values for key, values in sums.items()}
