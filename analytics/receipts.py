"""What one call cost, read back from the ledger: the lines of its price, whose price that is, what else is known.

The ledger keeps the amount, not the rates. The lines are worked out again, and shown as those of the booked amount only
where they add up to it exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from analytics import price_book
from analytics.models import CostStatus, CreatedObject, LedgerRecord
from analytics.price_book import PriceBook, revisions
from analytics.price_book.entries import PriceEntry, list_version
from analytics.price_book.stored import record_of
from analytics.pricing import BUCKETS, TOKEN_BUCKETS, Cost, Discounted, Rates, amount_of
from analytics.quantities import COLUMNS
from analytics.usage import TokenUsage, UsageRecord
from orgs.models import ApiKey, Organization, Team

BUCKET_NAMES = {
    "input": "Input",
    "cache_read": "Input, read from the cache",
    "cache_write_5m": "Input, cached for 5 minutes",
    "cache_write_1h": "Input, cached for an hour",
    "input_audio": "Input, audio",
    "input_image": "Input, images",
    "output": "Output",
    "output_audio": "Output, audio",
    "output_image": "Output, images",
    "web_searches": "Web searches",
    "file_searches": "File searches",
    "characters": "Characters spoken",
    "audio_ms": "Recording",
}
# By bucket, what a line counts; anything else is tokens. A million tokens or characters have a rate, and each search.
UNITS = {"web_searches": "search", "file_searches": "search", "characters": "character", "audio_ms": "second"}
_PER_MILLION = 10**6
# Whose prices the lines are of: those by which the amount was booked, or today's, which make another amount.
Basis = Literal["booked", "today"]


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    bucket: str
    name: str
    unit: str  # token, search, character or second
    quantity: int | Decimal
    rate_pico_usd: int
    rate_per: int  # for how many units the rate is: a million tokens or characters, one search, a minute or an hour
    amount_pico_usd: int
    is_stand_in: bool  # The price has no rate for this bucket: another bucket's holds.


@dataclass(frozen=True, slots=True)
class Share:
    """One model's part of a call. Most calls have a single one."""

    model: str
    lines: tuple[ReceiptLine, ...]
    entry: PriceEntry | None
    above_tokens: int | None  # The rates are those of a prompt longer than so many tokens.
    longest_prompt: int | None  # Of a batch: the share is that of prompts up to so many tokens.
    is_exact: bool  # False: these are standard rates, for want of a price for the call's tier, speed or geography.

    @property
    def amount_pico_usd(self) -> int:
        return sum(line.amount_pico_usd for line in self.lines)


@dataclass(frozen=True, slots=True)
class Receipt:
    """`cost_pico_usd` is None where the cost is not known; of a simulated call it is what a real one would cost."""

    record: LedgerRecord
    shares: tuple[Share, ...]
    cost_pico_usd: int | None
    basis: Basis
    # What the lines come to, and what is left of it after the discount. That differs from the booked amount exactly
    # where the basis is "today".
    lines_pico_usd: int | None
    discount: Discounted | None
    total_pico_usd: int | None
    today_pico_usd: int | None  # by the prices of today; differs where a price changed and the call was not repriced
    list_version: str
    is_provisional: bool  # The batch as the provider summed it up; it is priced anew once its results are fetched.
    key: ApiKey | None
    team: Team | None

    @property
    def lines(self) -> tuple[ReceiptLine, ...]:
        return tuple(line for share in self.shares for line in share.lines)

    @property
    def is_by_million(self) -> bool:
        """Whether all rates are for a million, so that this need not be said of each."""
        return all(line.rate_per == _PER_MILLION for line in self.lines)

    @property
    def has_only_tokens(self) -> bool:
        return all(line.unit == "token" for line in self.lines)

    @property
    def is_in_groups(self) -> bool:
        return len(self.shares) > 1 and any(share.longest_prompt for share in self.shares)

    @property
    def is_simulated(self) -> bool:
        return self.record.cost_status == CostStatus.SIMULATED

    @property
    def is_outdated(self) -> bool:
        """Whether today's prices would make another amount of it."""
        return not self.is_simulated and self.today_pico_usd != self.cost_pico_usd

    @property
    def tokens(self) -> int:
        return count_tokens(self.record)

    @property
    def used(self) -> tuple[str, str]:
        return say_used(self.record)

    @property
    def model(self) -> str:
        return self.record.model or self.record.model_requested

    @property
    def latency(self) -> str:
        return say_duration(self.record.latency_ms)


def find_receipt(organization: Organization, call_id: UUID) -> Receipt | None:
    """None while the call is not posted; and for good when it is another organization's, or none at all."""
    record = LedgerRecord.objects.filter(pk=call_id, organization_id=organization.pk).first()
    if record is None:
        return None
    usage = record_of(record)
    if usage.state == "simulated":
        usage = msgspec.structs.replace(usage, state="complete")
    today = price_book.current()
    cost = today.cost_of(usage, organization.pk)
    booked = cost.pico_usd if record.state == "simulated" else record.cost_pico_usd
    book, shown = _find_booked(usage, organization.pk, booked, today, cost, record.price_revision)
    return Receipt(
        record=record,
        shares=tuple(_shares_of(shown, book, usage, organization.pk)),
        cost_pico_usd=booked,
        basis="booked" if shown.pico_usd == booked else "today",
        lines_pico_usd=_before_discount(shown),
        discount=shown.discount,
        total_pico_usd=shown.pico_usd,
        today_pico_usd=cost.pico_usd,
        list_version=list_version(),
        is_provisional=_is_provisional(record),
        key=ApiKey.objects.of(organization).with_people().filter(pk=record.api_key_id).first(),
        team=Team.objects.filter(organization=organization, pk=record.team_id).first(),
    )


def _find_booked(
    usage: UsageRecord, organization_id: int, booked: int | None, today: PriceBook, cost: Cost, revision: int
) -> tuple[PriceBook, Cost]:
    """The prices by which the booked amount comes out, and the cost by them; today's where there are none to find."""
    if booked is None or cost.pico_usd == booked:
        return today, cost
    for book in revisions.earlier(revision):
        earlier = book.cost_of(usage, organization_id)
        if earlier.pico_usd == booked:
            return book, earlier
    return today, cost


def _before_discount(cost: Cost) -> int | None:
    return cost.pico_usd if cost.pico_usd is None or cost.discount is None else cost.pico_usd + cost.discount.pico_usd


def _is_provisional(record: LedgerRecord) -> bool:
    return (
        record.completed_at is not None
        and CreatedObject.objects.filter(
            organization_id=record.organization_id,
            provider=record.provider,
            object_id=record.object_id,
            is_final=False,
        ).exists()
    )


def _shares_of(cost: Cost, book: PriceBook, record: UsageRecord, organization_id: int) -> Iterator[Share]:
    at = revisions.moment_of(record.started_at)
    answering = record.model or record.model_requested
    is_in_groups = any(other.longest_prompt for other in record.usage.other_models)
    for share in cost.shares:
        requested = record.model_requested if share.model == answering else ""
        context = (record.provider, share.model, at, share.usage, organization_id)
        yield Share(
            model=share.model,
            lines=tuple(_lines_of(share.usage, share.rates)),
            entry=book.find_entry(*context, requested=requested),
            above_tokens=_threshold(book.find_rates(*context, requested=requested), share.longest_prompt),
            longest_prompt=share.longest_prompt if is_in_groups else None,
            is_exact=share.rates.is_exact,
        )


def _lines_of(usage: TokenUsage, rates: Rates) -> Iterator[ReceiptLine]:
    for bucket in BUCKETS:
        quantity, rate = getattr(usage, bucket), getattr(rates, bucket)
        if quantity:
            unit = UNITS.get(bucket, "token")
            rate_pico_usd, rate_per = _rate_of(unit, rate)
            yield ReceiptLine(
                bucket=bucket,
                name=BUCKET_NAMES[bucket],
                unit=unit,
                quantity=in_units(unit, quantity),
                rate_pico_usd=rate_pico_usd,
                rate_per=rate_per,
                amount_pico_usd=amount_of(bucket, quantity, rate),
                is_stand_in=bucket in rates.unsure,
            )


def in_units(unit: str, quantity: int) -> int | Decimal:
    """A quantity of a bucket as people count it: recordings, kept in milliseconds, in seconds."""
    if unit != "second":
        return quantity
    return (Decimal(quantity) / 1000).normalize() if quantity % 1000 else quantity // 1000


def _rate_of(unit: str, rate: int) -> tuple[int, int]:
    """A rate as price lists say it, and for how many units it is."""
    if unit == "second":  # kept for the hour
        return (rate // 60, 60) if rate % 60 == 0 else (rate, 3600)
    return (rate, 1) if unit == "search" else (rate * _PER_MILLION, _PER_MILLION)


def _threshold(rates: Rates | None, longest_prompt: int) -> int | None:
    passed = [start for start, _ in rates.long_context if longest_prompt > start] if rates else []
    return passed[-1] if passed else None


def count_tokens(record: LedgerRecord) -> int:
    return sum(getattr(record, COLUMNS[bucket]) for bucket in TOKEN_BUCKETS)


def say_used(record: LedgerRecord) -> tuple[str, str]:
    """How much, after what it is: tokens, or what was sold in their place."""
    tokens = count_tokens(record)
    if record.audio_ms and not tokens:
        return "Recording", f"{in_units('second', record.audio_ms):,} s"
    if record.characters and not tokens:
        return "Characters", f"{record.characters:,}"
    return "Tokens", f"{tokens:,}"


def say_duration(milliseconds: int) -> str:
    """ "850 ms", "1.24 s", "2 min 05 s"."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds // 60_000} min {milliseconds % 60_000 // 1000:02} s"
