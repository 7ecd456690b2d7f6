"""What a receipt says in words: whence the token counts, why a cost is unknown or in doubt, whose price it is."""

from collections.abc import Iterator
from datetime import datetime

from analytics.models import CostStatus, LedgerRecord
from analytics.price_book import bundled
from analytics.price_book.entries import PriceEntry
from analytics.pricing import BUCKETS
from analytics.quantities import COLUMNS
from analytics.receipts import BUCKET_NAMES, UNITS, Receipt, in_units

_UNKNOWN_COSTS: dict[str, str] = {
    CostStatus.UNPRICED: "There is no price for this model yet, so the request counts without one. "
    "It is priced as soon as there is.",
    CostStatus.INTERRUPTED: "The proxy was cut off during this call. Whether the provider charged for it is not known.",
    CostStatus.UNMETERED: "This route is only forwarded: its usage is not read, so its cost is not known here.",
    CostStatus.PENDING: "The answer is made in the background. Its cost is booked when its result is fetched through "
    "the proxy.",
}
_PENDING_BATCH = (
    "The batch is worked on in the background. Its cost is booked when its results are fetched through the proxy."
)


def say_unknown(record: LedgerRecord) -> str:
    """Why the cost is not known; "" where it is."""
    if record.cost_status == CostStatus.PENDING and _is_batch(record):
        return _PENDING_BATCH
    if record.cost_status == CostStatus.UNPRICED and record.usage_source == "none":
        return "The provider told no usage that could be read, so the request counts without a cost."
    return _UNKNOWN_COSTS.get(record.cost_status, "")


def say_source(receipt: Receipt) -> str:
    """Where the token counts come from."""
    record = receipt.record
    if record.cost_status == CostStatus.SIMULATED:
        return "Made up by the sandbox: no provider was called."
    if record.usage_source == "provider":
        return _say_provider(receipt)
    if record.usage_source == "request":
        return "Counted in the request, as the provider bills it: its answer tells no usage."
    if record.usage_source == "estimated":
        return (
            "Estimated from the lengths of the texts (four bytes a token), because the answer ended before the "
            "provider reported its usage, or all of it. What it did report is kept."
        )
    if record.cost_status == CostStatus.INTERRUPTED:
        return "Unknown: the proxy was cut off before the answer had come."
    if record.cost_status == CostStatus.PENDING:
        return "Not known yet: the answer said only that the work has begun."
    if record.cost_status == CostStatus.FREE:
        return "None: a call like this one costs nothing. It is no request and in no figure."
    if record.metering == "unmetered":
        return "Not read: the usage of this route is not metered."
    if record.is_error:
        return "None: the call failed before anything was used."
    return "None: the answer told no usage that could be read." if record.is_request else "None: nothing was used."


def _say_provider(receipt: Receipt) -> str:
    if receipt.record.completed_at is None:
        return "Reported by the provider in its answer."
    if not _is_batch(receipt.record):
        return "Reported by the provider later, in an answer that was fetched through the proxy."
    if receipt.is_provisional:
        return (
            "Reported by the provider for the batch as a whole. Once its results are fetched through the proxy, they "
            "are counted one by one and priced by the lengths of their prompts."
        )
    return "Reported by the provider with each result of the batch, and added up when they were fetched."


def _is_batch(record: LedgerRecord) -> bool:
    return record.route.endswith("batches")


def say_doubts(receipt: Receipt) -> Iterator[str]:
    """Why a known cost may be off; nothing where it is exact."""
    record = receipt.record
    if receipt.cost_pico_usd is None or not receipt.shares:
        return
    if record.usage_source == "estimated":
        yield "The token counts are estimated, and so is the cost."
    if receipt.is_in_groups:
        yield "The prompts of a batch are priced in groups of one model and similar length, each by its longest prompt."
    if record.is_usage_partial and receipt.is_in_groups:
        yield "The batch has more models and lengths of prompts than are told apart: the last group has all the others."
    elif receipt.is_provisional:
        yield "Until its results are fetched, the batch is priced as if all its prompts were of their average length."
    elif record.is_usage_partial:
        yield "The numbers that the provider reported contradict each other. They were cut off at zero."
    if any(not share.is_exact for share in receipt.shares):
        context = ", ".join(contexts(record)) or "what this model sells besides its tokens"
        yield f"There is no price of its own for {context}: these are the nearest rates known."
    if any(line.is_stand_in for line in receipt.lines):
        yield "A rate marked * stands in for one that the price does not have."


def contexts(record: LedgerRecord) -> list[str]:
    """What the answer named that may change the price."""
    found = []
    if record.service_tier not in bundled.STANDARD_TIERS:
        found.append(f"service tier {record.service_tier}")
    if record.speed not in bundled.STANDARD_SPEEDS:
        found.append(f"speed {record.speed}")
    if record.inference_geo not in bundled.STANDARD_GEOS:
        found.append(f"inference in {record.inference_geo}")
    return found


def used_buckets(record: LedgerRecord) -> list[tuple[str, str]]:
    """What was used, for calls whose price cannot tell."""
    found = []
    for bucket in BUCKETS:
        unit = UNITS.get(bucket, "token")
        if count := getattr(record, COLUMNS[bucket]):
            seconds = " s" if unit == "second" else ""
            found.append((BUCKET_NAMES[bucket], f"{in_units(unit, count):,}{seconds}"))
    return found


def say_owner(entry: PriceEntry, list_version: str) -> str:
    if entry.source == "organization":
        return "Your organization's own price"
    if entry.source == "service":
        return "A price entered by the operators of this service"
    return f"The bundled price list (genai-prices {list_version})"


def say_validity(entry: PriceEntry) -> str:
    """In UTC, in which price lists change."""
    start, end = entry.effective_from, entry.effective_until
    if start is None and end is None:
        return "the only price that the list has had for it"
    if start is None:
        return f"until {_say(end)}"
    return f"since {_say(start)}" if end is None else f"from {_say(start)} until {_say(end)}"


def _say(moment: datetime | None) -> str:
    assert moment is not None
    is_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%-d %B %Y" if is_midnight else "%-d %B %Y, %H:%M UTC")


def say_retry(count: int) -> str:
    """What `x-stainless-retry-count` of the official SDKs says."""
    if not count:
        return "First attempt, as far as the client says"
    ordinal = {1: "first", 2: "second", 3: "third"}.get(count, f"{count}th")
    return f"The {ordinal} retry by the client's SDK"
