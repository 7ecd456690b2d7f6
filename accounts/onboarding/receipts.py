"""What one call cost, read back from the ledger: the lines of its price, its tokens and labels."""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from analytics import price_book
from analytics.models import LedgerRecord
from analytics.price_book.stored import record_of
from analytics.pricing import TOKEN_BUCKETS, Line
from orgs.models import ApiKey, Organization

_BUCKETS = {
    "input": "Input",
    "cache_read": "Input, read from the cache",
    "cache_write_5m": "Input, cached for 5 minutes",
    "cache_write_1h": "Input, cached for an hour",
    "input_audio": "Input, audio",
    "output": "Output",
    "output_audio": "Output, audio",
    "web_searches": "Web searches",
}
_PER_MILLION = 10**6


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    name: str
    quantity: int
    rate_pico_usd: int  # for a million tokens, or for each one
    is_each: bool
    amount_pico_usd: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """`cost_pico_usd` is None where the model has no price; of a simulated call it is what a real one would cost."""

    record: LedgerRecord
    lines: tuple[ReceiptLine, ...]
    cost_pico_usd: int | None
    key: ApiKey | None

    @property
    def is_simulated(self) -> bool:
        return self.record.state == "simulated"

    @property
    def tokens(self) -> int:
        return sum(getattr(self.record, f"{bucket}_tokens") for bucket in TOKEN_BUCKETS)

    @property
    def model(self) -> str:
        return self.record.model or self.record.model_requested

    @property
    def latency(self) -> str:
        milliseconds = self.record.latency_ms
        return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def find_receipt(organization: Organization, call_id: UUID) -> Receipt | None:
    """None while the call is not posted; and for good when it is another organization's, or none at all."""
    record = LedgerRecord.objects.filter(pk=call_id, organization_id=organization.pk).first()
    if record is None:
        return None
    usage = msgspec.structs.replace(record_of(record), state="complete")
    cost = price_book.current().cost_of(usage, organization.pk)
    booked = cost.pico_usd if record.state == "simulated" else record.cost_pico_usd
    key = ApiKey.objects.of(organization).with_people().filter(pk=record.api_key_id).first()
    return Receipt(record, tuple(_line_of(line) for line in cost.lines), booked, key)


def _line_of(line: Line) -> ReceiptLine:
    is_each = line.bucket == "web_searches"
    rate = line.rate if is_each else line.rate * _PER_MILLION
    return ReceiptLine(_BUCKETS[line.bucket], line.quantity, rate, is_each, line.amount)
