"""One revision of the price book: staff's `ModelPrice` rows laid over the bundled list, and what records cost by it.

A row for one organization goes before a row for all, which goes before the bundled list; the row for a dated name
before the row for the name without its date; of rows in force at the same moment, the one that began last.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from analytics.models import LedgerRecord, ModelPrice
from analytics.price_book import bundled, entries
from analytics.price_book.entries import PriceEntry
from analytics.price_book.stored import record_of
from analytics.pricing import UNPRICED, Cost, Rates, add, complete_rates, price, prompt_tokens, split
from analytics.usage import TokenUsage, UsageRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400 * 10**6
_FOR_ALL = 0
_DATE = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")
# A million dollars for one call is garbage in the counts, and two of those would not fit into the sum of a day.
_MOST_PICO_USD = 10**18


class OwnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A `ModelPrice` row, compiled. The end is exclusive."""

    starts_at: int  # microseconds since the epoch, UTC
    ends_at: int | None
    rates: Rates
    rates_elsewhere: Rates  # the same, for a tier, speed, geography or length that the row says nothing about
    entry: PriceEntry


class PriceBook:
    """Prices as of one revision. Does not change, so threads may share it."""

    def __init__(self, revision: int, prices: Iterable[ModelPrice] = ()) -> None:
        self.revision = revision
        self._own: dict[tuple[int, str, str], list[OwnPrice]] = {}
        for row in sorted(prices, key=lambda row: (row.effective_from, row.pk), reverse=True):
            name = (row.organization_id or _FOR_ALL, row.provider, row.model.lower())
            self._own.setdefault(name, []).append(_compile(row))

    def find_rates(
        self, provider: str, model: str, at: datetime, usage: TokenUsage, organization_id: int
    ) -> Rates | None:
        """The rates that hold for a model at a moment, in the context that `usage` names (tier, speed, geography)."""
        return self._find(provider, model, (at - _EPOCH) // _MICROSECOND, usage, organization_id)

    def find_entry(
        self, provider: str, model: str, at: datetime, usage: TokenUsage, organization_id: int
    ) -> PriceEntry | None:
        """Whose price `find_rates` gives there, and how long it holds."""
        own = self._find_own(provider, model.lower(), (at - _EPOCH) // _MICROSECOND, organization_id)
        return own.entry if own is not None else entries.find_bundled(provider, model, at, usage)

    def has_price_under(self, provider: str, model: str, organization_id: int) -> bool:
        """Whether a price is kept under this very name, at whatever moment; not one that merely matches it."""
        name = model.lower()
        known = bundled.find_model(provider, model)
        is_bundled = known is not None and known.id == name
        return is_bundled or any((owner, provider, name) in self._own for owner in (organization_id, _FOR_ALL))

    def _find(self, provider: str, model: str, at: int, usage: TokenUsage, organization_id: int) -> Rates | None:
        if self._own:
            own = self._find_own(provider, model.lower(), at, organization_id)
            if own is not None:
                is_usual = _is_standard(usage) and not _is_long(provider, model, at, usage)
                return own.rates if is_usual else own.rates_elsewhere
        return bundled.find_rates(provider, model, at // _DAY_US, usage.service_tier, usage.speed, usage.inference_geo)

    def _find_own(self, provider: str, model: str, at: int, organization_id: int) -> OwnPrice | None:
        names = (model, _without_date(provider, model))
        for owner in (organization_id, _FOR_ALL):
            for name in names:
                for own in self._own.get((owner, provider, name), ()):
                    if own.starts_at <= at and (own.ends_at is None or at < own.ends_at):
                        return own
        return None

    def cost_of(self, record: UsageRecord, organization_id: int) -> Cost:
        """What a record costs its organization, and the status under which the ledger books it."""
        if record.state == "simulated":
            return Cost(pico_usd=0, status="simulated")
        if record.state == "interrupted":
            return Cost(pico_usd=None, status="interrupted")
        if record.metering == "unmetered":
            return Cost(pico_usd=None, status="unmetered")
        if record.usage_source == "none":
            # An answer about which nothing is known does cost something. A refusal (also one told inside a 200 stream
            # before any text), or a call that the provider never worked on, costs nothing.
            is_answer = 200 <= record.status < 300 and not record.is_error
            return UNPRICED if is_answer else Cost(pico_usd=0, status="priced")
        cost = self._price_shares(record, organization_id)
        if cost.pico_usd is None or cost.pico_usd > _MOST_PICO_USD:
            return UNPRICED
        if record.usage_source == "estimated":
            return msgspec.structs.replace(cost, status="estimated")
        return cost

    def cost_of_row(self, row: LedgerRecord) -> Cost:
        """The same for a record that has been posted."""
        return self.cost_of(record_of(row), row.organization_id)

    def _price_shares(self, record: UsageRecord, organization_id: int) -> Cost:
        """The answering model at its rates, further ones at theirs."""
        main, others = split(record.usage)
        model = record.model or record.model_requested
        cost = price(main, self._find(record.provider, model, record.started_at, main, organization_id), model)
        if not others:
            return cost
        return add(
            (
                cost,
                *(
                    price(share, self._find(record.provider, name, record.started_at, share, organization_id), name)
                    for name, share in others
                ),
            )
        )


def _is_standard(usage: TokenUsage) -> bool:
    return (
        usage.service_tier in bundled.STANDARD_TIERS
        and usage.speed in bundled.STANDARD_SPEEDS
        and usage.inference_geo in bundled.STANDARD_GEOS
    )


def _is_long(provider: str, model: str, at: int, usage: TokenUsage) -> bool:
    """Whether the provider sells a prompt of this length at another price."""
    rates = bundled.find_rates(provider, model, at // _DAY_US, "", "", "")
    return rates is not None and rates.for_prompt(prompt_tokens(usage)) is not rates


@lru_cache(maxsize=4096)
def _without_date(provider: str, model: str) -> str:
    """The name that covers a dated one, because the bundled list knows them as one model or not at all; else itself.

    Answers name `gpt-4o-2024-08-06` where staff price `gpt-4o`; `gpt-4o-2024-05-13` is a model with a price of its own.
    """
    undated = _DATE.sub("", model)
    known = bundled.find_model(provider, model)
    return undated if known is None or known is bundled.find_model(provider, undated) else model


def _compile(row: ModelPrice) -> OwnPrice:
    # 0 for a search is what a row says that says nothing about searches; nobody sells them for nothing.
    sold = {
        "input": row.input_pico_usd,
        "cache_read": row.cache_read_pico_usd,
        "cache_write_5m": row.cache_write_5m_pico_usd,
        "cache_write_1h": row.cache_write_1h_pico_usd,
        "input_audio": row.input_audio_pico_usd,
        "output": row.output_pico_usd,
        "output_audio": row.output_audio_pico_usd,
        "web_searches": row.web_search_pico_usd or None,
    }
    until = row.effective_until
    return OwnPrice(
        starts_at=(row.effective_from - _EPOCH) // _MICROSECOND,
        ends_at=None if until is None else (until - _EPOCH) // _MICROSECOND,
        rates=complete_rates(sold),
        rates_elsewhere=complete_rates(sold, is_exact=False),
        entry=PriceEntry("organization" if row.organization_id else "service", row.model, row.effective_from, until),
    )
