"""One revision of the price book: staff's `ModelPrice` rows laid over the bundled list, what records cost by it, and
what an organization's `Discount` takes off that.

A row for one organization goes before a row for all, which goes before the bundled list; the row for a dated name
before the row for the name without its date, before a row for another alias of the model, before a row for the alias
that was requested (see `names`); of rows in force at the same moment, the one that began last.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import overload

import msgspec

from analytics.models import Discount, LedgerRecord, ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import bundled, entries, names
from analytics.price_book.entries import PriceEntry
from analytics.price_book.stored import record_of
from analytics.pricing import (
    UNPRICED,
    Cost,
    Rates,
    Share,
    add,
    complete_rates,
    discounted,
    price,
    prompt_tokens,
    split,
)
from analytics.usage import TokenUsage, UsageRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400 * 10**6
_FOR_ALL = 0
# A million dollars for one call is garbage in the counts, and two of those would not fit into the sum of a day.
_MOST_PICO_USD = 10**18
_LAST_ID = 2**63  # of a row that is not saved yet
_EMPTY_BATCH = TokenUsage(service_tier="batch")


class OwnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A `ModelPrice` row, compiled. The end is exclusive."""

    starts_at: int  # microseconds since the epoch, UTC
    ends_at: int | None
    rates: Rates
    rates_elsewhere: Rates  # the same, for a tier, speed, geography or length that the row says nothing about
    entry: PriceEntry


class PriceBook:
    """Prices as of one revision. Does not change, so threads may share it."""

    def __init__(self, revision: int, prices: Iterable[ModelPrice] = (), discounts: Iterable[Discount] = ()) -> None:
        self.revision = revision
        self._discounts: dict[tuple[int, str], list[tuple[int, int | None, int]]] = {}
        for one in discounts:
            span = (_moment(one.effective_from), _moment(one.effective_until))
            self._discounts.setdefault((one.organization_id, one.provider), []).append((*span, one.basis_points))
        self._own: dict[tuple[int, str, str], list[OwnPrice]] = {}
        for row in sorted(prices, key=lambda row: (row.effective_from, row.pk or _LAST_ID), reverse=True):
            name = (row.organization_id or _FOR_ALL, row.provider, row.model.lower())
            self._own.setdefault(name, []).append(_compile(row))

    def find_rates(
        self, provider: str, model: str, at: datetime, usage: TokenUsage, organization_id: int, *, requested: str = ""
    ) -> Rates | None:
        """The rates that hold for a model at a moment, in the context that `usage` names (tier, speed, geography).

        `requested` is the name that the request had for the model, where that is known.
        """
        share = Share(model, usage, prompt_tokens(usage))
        return self._find(provider, share, (at - _EPOCH) // _MICROSECOND, organization_id, requested)

    def find_entry(
        self, provider: str, model: str, at: datetime, usage: TokenUsage, organization_id: int, *, requested: str = ""
    ) -> PriceEntry | None:
        """Whose price `find_rates` gives there, and how long it holds."""
        own = self._find_own(provider, model.lower(), (at - _EPOCH) // _MICROSECOND, organization_id, requested)
        return own.entry if own is not None else entries.find_bundled(provider, model, at, usage)

    def has_price_under(self, provider: str, model: str, organization_id: int) -> bool:
        """Whether a price is kept under this very name, at whatever moment; not one that merely matches it."""
        name = model.lower()
        is_bundled = names.find_listed(provider, model) == name != ""
        return is_bundled or any((owner, provider, name) in self._own for owner in (organization_id, _FOR_ALL))

    def _find(self, provider: str, share: Share, at: int, organization_id: int, requested: str = "") -> Rates | None:
        usage, model = share.usage, share.model
        if self._own:
            own = self._find_own(provider, model.lower(), at, organization_id, requested)
            if own is not None:
                is_usual = _is_standard(usage) and not _is_long(provider, model, at, share.longest_prompt)
                return own.rates if is_usual else own.rates_elsewhere
        return bundled.find_rates(provider, model, at // _DAY_US, usage.service_tier, usage.speed, usage.inference_geo)

    def _find_own(self, provider: str, model: str, at: int, organization_id: int, requested: str) -> OwnPrice | None:
        for owner in (organization_id, _FOR_ALL):
            for prices in self._candidates(owner, provider, model, requested.lower()):
                for own in prices:
                    if own.starts_at <= at and (own.ends_at is None or at < own.ends_at):
                        return own
        return None

    def _candidates(self, owner: int, provider: str, model: str, requested: str) -> Iterator[Sequence[OwnPrice]]:
        """The rows of one owner that may hold for a model, the nearest name first."""
        yield self._own.get((owner, provider, model), ())
        if not names.is_dated(model):
            return
        yield self._own.get((owner, provider, names.without_date(provider, model)), ())
        listed = names.find_listed(provider, model)
        if listed:
            yield self._own_aliases.get((owner, provider, listed), ())
        else:
            yield self._own.get((owner, provider, requested), ())

    @cached_property
    def _own_aliases(self) -> dict[tuple[int, str, str], list[OwnPrice]]:
        """The rows for names without a date, by what the bundled list calls their model."""
        found: dict[tuple[int, str, str], list[OwnPrice]] = {}
        for (owner, provider, name), prices in self._own.items():
            listed = names.find_listed(provider, name)
            if listed and not names.is_dated(name):
                found.setdefault((owner, provider, listed), []).extend(prices)
        for prices in found.values():
            prices.sort(key=lambda own: own.starts_at, reverse=True)
        return found

    def cost_of(self, record: UsageRecord, organization_id: int) -> Cost:
        """What a record costs its organization, and the status under which the ledger books it."""
        if record.state == "simulated":
            return Cost(pico_usd=0, status="simulated")
        if record.metering == "free":
            return Cost(pico_usd=0, status="free")
        if record.state == "interrupted":
            return Cost(pico_usd=None, status="interrupted")
        if record.state == "pending":
            return Cost(pico_usd=None, status="pending")
        if record.metering == "unmetered":
            return Cost(pico_usd=None, status="unmetered")
        if record.usage_source == "none":
            # An answer about which nothing is known does cost something. A refusal (also one told inside a 200 stream
            # before any text), or a call that the provider never worked on, costs nothing.
            is_answer = 200 <= record.status < 300 and not record.is_error
            return UNPRICED if is_answer else Cost(pico_usd=0, status="priced")
        if record.usage == _EMPTY_BATCH:
            return Cost(pico_usd=0, status="priced")  # no request of it was answered, by whatever models
        cost = self._price_shares(record, organization_id)
        if cost.pico_usd is None or cost.pico_usd > _MOST_PICO_USD:
            return UNPRICED
        if record.usage_source == "estimated":
            cost = msgspec.structs.replace(cost, status="estimated")
        return self._discount(cost, record, organization_id) if self._discounts else cost

    def cost_of_row(self, row: LedgerRecord) -> Cost:
        """The same for a record that has been posted."""
        return self.cost_of(record_of(row), row.organization_id)

    def _discount(self, cost: Cost, record: UsageRecord, organization_id: int) -> Cost:
        """A discount at the provider goes before one at all of them: they are not added up."""
        for provider in (record.provider, ""):
            for starts_at, ends_at, basis_points in self._discounts.get((organization_id, provider), ()):
                if starts_at <= record.started_at and (ends_at is None or record.started_at < ends_at):
                    return discounted(cost, basis_points)
        return cost

    def _price_shares(self, record: UsageRecord, organization_id: int) -> Cost:
        """The answering model at its rates, what is priced apart at those of its model and length."""
        main, others = split(record.usage)
        model = record.model or record.model_requested
        shares = [Share(other.model or model, other.usage, other.longest_prompt) for other in others]
        if main.is_billable or not shares:  # Of a batch nothing is left beside its shares.
            shares.insert(0, Share(model, main, prompt_tokens(main)))
        costs = [self._price(record, share, organization_id, is_main=share.model == model) for share in shares]
        return costs[0] if len(costs) == 1 else add(costs)

    def _price(self, record: UsageRecord, share: Share, organization_id: int, *, is_main: bool) -> Cost:
        requested = record.model_requested if is_main else ""
        rates = self._find(record.provider, share, record.started_at, organization_id, requested)
        return price(share.usage, rates, share.model, longest_prompt=share.longest_prompt)


def _is_standard(usage: TokenUsage) -> bool:
    return (
        usage.service_tier in bundled.STANDARD_TIERS
        and usage.speed in bundled.STANDARD_SPEEDS
        and usage.inference_geo in bundled.STANDARD_GEOS
    )


def _is_long(provider: str, model: str, at: int, longest_prompt: int) -> bool:
    """Whether the provider sells a prompt of this length at another price."""
    rates = bundled.find_rates(provider, model, at // _DAY_US, "", "", "")
    return rates is not None and rates.for_prompt(longest_prompt) is not rates


def _compile(row: ModelPrice) -> OwnPrice:
    sold = {bucket: getattr(row, column) for bucket, column in RATE_COLUMNS.items()}
    return OwnPrice(
        starts_at=_moment(row.effective_from),
        ends_at=_moment(row.effective_until),
        rates=complete_rates(sold),
        rates_elsewhere=complete_rates(sold, is_exact=False),
        entry=PriceEntry(
            "organization" if row.organization_id else "service", row.model, row.effective_from, row.effective_until
        ),
    )


@overload
def _moment(at: datetime) -> int: ...


@overload
def _moment(at: datetime | None) -> int | None: ...


def _moment(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND
