"""What the builder knows of an organization: its prompts, a prompt's versions and real tokens, prices. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from analytics import periods, price_book, reports
from analytics.periods import Period
from analytics.price_book import PriceBook
from analytics.price_book.models import list_current_models
from analytics.pricing import TOKEN_BUCKETS, Rates, prompt_tokens
from analytics.reports import Scope
from analytics.usage import TokenUsage
from analytics.versions import Configured
from prompts import builder, catalog
from prompts.builder import ASSUMED, Estimate
from prompts.catalog import Registered
from prompts.models import Prompt

MEASURED_DAYS = 30
_MOST_KEYS = 500  # of suggestions
_MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Offer:
    """A model to choose, with its price for this organization: pico-USD per million tokens."""

    name: str
    provider: str
    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Priced:
    """An estimate, and what it stands on. `calls` is how many were measured, 0 where none were."""

    estimate: Estimate
    measured: TokenUsage
    calls: int
    rates: Rates | None

    @property
    def measured_input(self) -> int:
        return prompt_tokens(self.measured)

    @property
    def measured_output(self) -> int:
        return self.measured.output + self.measured.output_audio

    @property
    def cached(self) -> int:
        """How many of the tokens that go in are read from the provider's cache, on average."""
        return self.estimate.usage.cache_read

    @property
    def input_per_million(self) -> int | None:
        return None if self.rates is None else self.rates.input * _MILLION

    @property
    def output_per_million(self) -> int | None:
        return None if self.rates is None else self.rates.output * _MILLION


@dataclass(frozen=True, slots=True)
class Facts:
    keys: Sequence[str]  # of the prompts to choose from
    registered: Registered | None  # the prompt that the key names
    offers: Sequence[Offer]  # of both providers, each one's cheapest first
    priced: Priced

    @property
    def active(self) -> Configured | None:
        return next((one for one in self.registered.versions if one.is_active), None) if self.registered else None


def gather(
    organization_id: int,
    *,
    provider: str,
    model: str,
    prompt_key: str,
    typed: tuple[int | None, int | None],
    now: datetime,
    zone: tzinfo,
) -> Facts:
    """`typed`: tokens in and out that go before what was measured. Six queries, two without a prompt's key."""
    book = price_book.current()
    measured, calls = _measure(organization_id, prompt_key, now, zone)
    usage = builder.with_typed(measured, input_tokens=typed[0], output_tokens=typed[1])
    rates = book.find_rates(provider, model, now, usage, organization_id)
    return Facts(
        keys=list_keys(organization_id),
        registered=find_prompt(organization_id, prompt_key),
        offers=[offer for name in ("openai", "anthropic") for offer in _list_offers(book, name, organization_id, now)],
        priced=Priced(builder.estimate(usage, rates), measured, calls, rates),
    )


def find_prompt(organization_id: int, key: str) -> Registered | None:
    """Three queries, one where there is none, none without a key."""
    return catalog.find_registered(organization_id, key) if key else None


def list_keys(organization_id: int) -> list[str]:
    """Those of prompts in use, to suggest. One query."""
    found = Prompt.objects.of(organization_id).current().order_by("key").values_list("key", flat=True)
    return list(found[:_MOST_KEYS])


def _list_offers(book: PriceBook, provider: str, organization_id: int, now: datetime) -> list[Offer]:
    offers = []
    for model in list_current_models(provider, now):
        rates = book.find_rates(provider, model.name, now, TokenUsage(), organization_id)
        if rates is not None:
            offers.append(Offer(model.name, provider, rates.input * _MILLION, rates.output * _MILLION))
    return sorted(offers, key=lambda offer: (offer.input + offer.output, offer.name))


def _measure(organization_id: int, prompt_key: str, now: datetime, zone: tzinfo) -> tuple[TokenUsage, int]:
    """What a call of the prompt used in the last 30 days, and how many calls that is known from."""
    if not prompt_key:
        return ASSUMED, 0
    today = periods.local_day(now, zone)
    period = Period(today - timedelta(days=MEASURED_DAYS - 1), today)
    sums = reports.get_total(Scope(organization_id, period, prompt_key=prompt_key))
    tokens = {bucket: getattr(sums, f"{bucket}_tokens") for bucket in TOKEN_BUCKETS}
    calls = sums.request_count - sums.unmetered_count
    if calls <= 0 or not any(tokens.values()):
        return ASSUMED, 0
    return builder.average_usage({**tokens, "web_searches": sums.web_searches}, calls), calls
