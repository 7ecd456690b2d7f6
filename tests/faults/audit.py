"""The comparison after every fault: what the clients and the provider saw against what the ledger holds.

The fake provider's log is the reference; costs are worked out here from the providers' list prices.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Sum

from analytics import condensing
from analytics.models import CondensedTotals, DailyTagUsage, DailyUsage, LedgerRecord
from analytics.usage import UsageRecord
from orgs.models import Organization
from tests.fake_provider import Exchange, FakeProvider, Used
from tests.faults.load import NUMBER, Call, Load
from tests.servers import wait_until

# Pico-USD a token, in and out: gpt-4o at $2.50 and $10 a million, claude-haiku-4-5 at $1 and $5. Batches at half.
_RATES = {"openai": (2_500_000, 10_000_000), "anthropic": (1_000_000, 5_000_000)}
# Of answers that their clients saw whole; in some scenarios those tell no usage.
_PRICED = frozenset({"priced", "pending"})
_EXPECTED = {"html": {"estimated"}, "no-usage": {"estimated"}, "garbage-event": {"estimated", "priced"}}
_SUMS = (
    *("request_count", "priced_count", "estimated_count", "pending_count", "unpriced_count", "interrupted_count"),
    *("error_count", "failed_request_count", "cost_pico_usd", "input_tokens", "output_tokens"),
)
Sums = dict[tuple[Any, ...], Counter[str]]
UsedBy = Mapping[str, Sequence[Used]]


@dataclasses.dataclass
class Findings:
    """What must be empty, a sentence for each."""

    lost: list[str] = dataclasses.field(default_factory=list)
    doubled: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        parts = [("lost", self.lost), ("doubled", self.doubled), ("wrong", self.wrong)]
        return "\n".join(f"{len(found)} {name}: {'; '.join(found[:3])}" for name, found in parts if found)


# --- Waiting ----------------------------------------------------------------------------------------------------------


def wait_until_whole(journal: Path, seconds: float = 60, processes: int = 1) -> None:
    """Until nothing waits in the journal: the living processes' directories, and every segment has its receipt."""

    def is_whole() -> bool:
        return len(list(journal.iterdir())) == processes and is_shipped(journal)

    wait_until(is_whole, "everything in the journal is posted", seconds)


def wait_for_records(organization: Organization, count: int, seconds: float = 60) -> None:
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


# --- Comparing --------------------------------------------------------------------------------------------------------


def check_ledger(organization: Organization, load: Load, provider: FakeProvider) -> Counter[str]:
    """Everything that must hold. Returns how many records there are of each state."""
    rows = list(LedgerRecord.objects.filter(organization_id=organization.pk))
    findings = compare(rows, load.calls, provider.log, {})
    findings.wrong += rollup_differences(organization, rows)
    assert not findings, str(findings)
    return Counter(row.state for row in rows)


def compare(
    rows: Sequence[LedgerRecord],
    calls: Sequence[Call],
    exchanges: Sequence[Exchange],
    used: UsedBy,
    *,
    told: Iterable[str] = (),
    is_power_lost: bool = False,
) -> Findings:
    """Of every call that reached the provider there is one record, as the call ended, and none of any other.

    `told` are the created objects whose outcome a client has fetched. After a power loss that holds of calls whose end
    a client saw.
    """
    found = Findings()
    by_id = {row.id: row for row in rows}
    by_number = _by_number(found, exchanges)
    claimed = set()
    for call in calls:
        row = by_id.get(UUID(call.id)) if call.id else None
        if row is not None:
            claimed.add(row.id)
            if call.is_complete:
                _check_answered(found, call, row, by_number.get(call.number))
        elif call.is_complete or (call.id and call.number in by_number and not is_power_lost):
            found.lost.append(f"{call} of {by_number.get(call.number)!s:.200}")
    _check_nameless(found, [row for row in rows if row.id not in claimed], calls, set(by_number), is_power_lost)
    by_request = {exchange.request_id: exchange for exchange in exchanges if exchange.request_id}
    for request_id, count in Counter(row.provider_request_id for row in rows).items():
        if request_id and count > 1:
            found.doubled.append(f"{count} records of the provider's request {request_id}")
    outcomes = set(told)
    for row in rows:
        if problem := _mistake(row, by_request.get(row.provider_request_id), used, row.object_id in outcomes):
            found.wrong.append(f"{problem}: {row.id} {row.route} {row.state} {row.cost_status} {row.error_code}")
    return found


def _by_number(found: Findings, exchanges: Iterable[Exchange]) -> dict[int, Exchange]:
    by_number: dict[int, Exchange] = {}
    for exchange in exchanges:
        number = int(exchange.header(NUMBER))
        if by_number.setdefault(number, exchange) is not exchange:
            found.doubled.append(f"the provider was called twice for call {number}")
    return by_number


def _check_answered(found: Findings, call: Call, row: LedgerRecord, exchange: Exchange | None) -> None:
    if row.state == "interrupted":
        found.lost.append(f"the outcome of {call}")
    elif call.is_free:
        return
    elif row.cost_status not in _EXPECTED.get(exchange.header("x-fake-scenario") if exchange else "", _PRICED):
        found.wrong.append(f"{call} is {row.cost_status}, usage from {row.usage_source}")


def _check_nameless(
    found: Findings, rows: Sequence[LedgerRecord], calls: Sequence[Call], called: set[int], is_power_lost: bool
) -> None:
    """Calls that broke before their client heard a name: as many records as calls, by prompt."""
    made = Counter(call.prompt_key for call in calls if not call.id)
    owed = Counter(call.prompt_key for call in calls if not call.id and call.number in called)
    there = Counter(row.prompt_key for row in rows)
    if not is_power_lost:
        found.lost += [f"{count} calls of {key!r} without an answer" for key, count in (owed - there).items()]
    found.doubled += [f"{count} records of {key!r} too many" for key, count in (there - made).items()]


def _mistake(row: LedgerRecord, exchange: Exchange | None, used: UsedBy, is_told: bool) -> str:
    """What is wrong with a record, or nothing."""
    if row.metering == "free":
        return "" if (not row.cost_pico_usd and not row.is_request) else "a free call costs something"
    if row.state == "interrupted":
        is_right = (row.cost_pico_usd, row.cost_status, row.is_request) == (None, "interrupted", False)
        return "" if is_right else "an interrupted call costs something"
    if row.object_id and row.cost_status == "pending":
        return "its outcome was fetched, and it is pending" if is_told else ""
    if row.usage_source != "provider":
        return ""  # the provider's numbers did not arrive
    if exchange is None:
        return "the provider knows nothing of it"
    amounts = [one.usage for one in used[row.object_id]] if row.object_id else [exchange.usage or {}]
    tokens = [_tokens(amounts, "prompt_tokens", "input_tokens"), _tokens(amounts, "completion_tokens", "output_tokens")]
    if [row.input_tokens, row.output_tokens] != tokens:
        return f"it has {row.input_tokens} and {row.output_tokens} tokens instead of {tokens}"
    cost = sum(map(int.__mul__, tokens, _RATES[exchange.provider])) // (2 if "batches" in row.route else 1)
    return "" if row.cost_pico_usd == cost else f"it costs {row.cost_pico_usd} instead of {cost}"


def _tokens(amounts: Iterable[Mapping[str, Any]], *names: str) -> int:
    return sum(int(amount[name]) for amount in amounts for name in names if name in amount)


def check_written_calls(written: Sequence[UsageRecord], rows: Sequence[LedgerRecord]) -> None:
    """What a dead process had written down is in the ledger as it was, and has not become an interrupted call."""
    states = {row.id: (row.state, row.output_tokens) for row in rows}
    for record in written:
        assert states[UUID(record.id)] == (record.state, record.usage.output), record


# --- Roll-ups ---------------------------------------------------------------------------------------------------------


def rollup_differences(organization: Organization, rows: Iterable[LedgerRecord]) -> list[str]:
    """Where the roll-ups are not the sums of the records, by every column that makes up their keys."""
    expected: Sums = defaultdict(Counter)
    expected_by_tag: Sums = defaultdict(Counter)
    for row in rows:
        if row.cost_status in {"free", "simulated"}:
            continue
        sums = _sums_of(row)
        model = row.model or row.model_requested
        key = (row.local_day, row.api_key_id, row.prompt_key, row.version, row.provider, model)
        expected[key].update(sums)
        for tag in row.tags or [""]:
            expected_by_tag[(*key, tag)].update(sums)
    names = ("day", "api_key_id", "prompt_key", "version", "provider", "model")
    return [
        f"{model.__name__} {key}: {stored.get(key)} instead of {wanted.get(key)}"
        for model, columns, summed in (
            (DailyUsage, names, expected),
            (DailyTagUsage, (*names, "tag"), expected_by_tag),
        )
        for stored, wanted in [(_stored_sums(model, organization, columns), _without_zeros(summed))]
        for key in stored.keys() | wanted.keys()
        if stored.get(key) != wanted.get(key)
    ]


def _sums_of(row: LedgerRecord) -> dict[str, int]:
    return {
        "request_count": int(row.is_request),
        "priced_count": int(row.is_request and row.cost_status in {"priced", "partial", "estimated"}),
        "estimated_count": int(row.is_request and row.cost_status == "estimated"),
        "pending_count": int(row.is_request and row.cost_status == "pending"),
        "unpriced_count": int(row.is_request and row.cost_status == "unpriced"),
        "interrupted_count": int(row.state == "interrupted"),
        "error_count": int(row.is_error),
        "failed_request_count": int(row.is_error and row.is_request),
        "cost_pico_usd": row.cost_pico_usd or 0,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
    }


def _stored_sums(
    model: type[DailyUsage] | type[DailyTagUsage], organization: Organization, names: tuple[str, ...]
) -> Sums:
    found: Sums = defaultdict(Counter)
    for row in model.objects.filter(organization_id=organization.pk).values(*names, *_SUMS):
        found[tuple(row[name] for name in names)].update({name: int(row[name] or 0) for name in _SUMS})
    return _without_zeros(found)


def _without_zeros(sums: Sums) -> Sums:
    return {key: +values for key, values in sums.items() if +values}


def condensed_differences(organization: Organization) -> list[str]:
    """Spans that are vouched for and are not what their days add up to."""
    columns = ("request_count", "error_count", "cost_pico_usd", "input_tokens", "output_tokens")
    found = DailyUsage.objects.filter(organization_id=organization.pk).values("day").annotate(**_sum(columns))
    days: list[dict[str, Any]] = [dict(day) for day in found]
    wrong = []
    totals = CondensedTotals.objects.filter(organization_id=organization.pk, tag=None)
    for span in condensing.find_ready(organization.pk):
        condensed = totals.filter(kind=span.kind, start=span.start).aggregate(**_sum(columns))
        inside = [day for day in days if span.start <= day["day"] <= span.end]
        wanted = {f"sum_{name}": sum(day[f"sum_{name}"] for day in inside) for name in columns}
        if {name: value or 0 for name, value in condensed.items()} != wanted:
            wrong.append(f"{span}: {condensed} instead of {wanted}")
    return wrong


def _sum(columns: Iterable[str]) -> dict[str, Any]:
    return {f"sum_{name}": Sum(name) for name in columns}
