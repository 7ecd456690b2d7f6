"""All prices there are, to browse: the bundled list's, interval by interval in each context, and those of staff.

A price of staff's is laid over the bundled ones (`book` says which holds); here they stand side by side.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from analytics.models import ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import bundled, entries
from analytics.pricing import BUCKETS, Rates
from analytics.usage import TokenUsage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

# For how many units a price is in lists and forms. Sound is kept by the hour already.
UNITS: Mapping[str, int] = {
    **dict.fromkeys(BUCKETS, 10**6),
    "web_searches": 1000,
    "file_searches": 1000,
    "audio_ms": 1,
}
STANDARD = "standard"
ANY = "any"  # Staff's prices have no context: they hold in all of them, with costs that are partial but in this one.
# A model may have a price for each of thousands of organizations: a page has the latest of them.
MOST_OWN = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """`rates` are pico-USD for as many units as `UNITS` says; a bucket that is not sold apart is not in it."""

    provider: str
    model: str
    context: str
    starts_at: datetime | None  # None: as far back as the list goes
    ends_at: datetime | None  # exclusive
    rates: Mapping[str, int]
    own: ModelPrice | None = None  # None: the bundled list's

    def holds_at(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Question:
    search: str = ""
    provider: str = ""
    source: str = ""  # "bundled" or "own"
    at: datetime | None = None  # None: whenever


@dataclass(frozen=True, slots=True)
class ListedModel:
    provider: str
    model: str
    prices: tuple[ListedPrice, ...]
    left_out: int = 0  # further prices of staff's


@dataclass(frozen=True, slots=True)
class Page:
    models: tuple[ListedModel, ...] = field(default_factory=tuple)
    after: str = ""  # where the next page begins, "" at the end


def read_page(question: Question, *, after: str = "", size: int = 40) -> Page:
    """So many models, by provider and name, those after `after` ("provider/model")."""
    place = tuple(after.partition("/")[::2])
    names = sorted(name for name in _names(question) if name > place)
    chosen = names[:size]
    own = _own_of(chosen, question) if question.source != "bundled" else {}
    models = []
    for provider, model in chosen:
        found, count = own.get((provider, model), ([], 0))
        listed = list_bundled(provider, model) if question.source != "own" else ()
        prices = (*found, *listed)
        if question.at is not None:
            prices = tuple(price for price in prices if price.holds_at(question.at))
        models.append(ListedModel(provider, model, prices, count - len(found)))
    is_more = len(names) > size
    return Page(tuple(one for one in models if one.prices), "/".join(chosen[-1]) if is_more else "")


def list_bundled(provider: str, model: str) -> tuple[ListedPrice, ...]:
    """All intervals that the bundled list has under this name, by context; the earliest of each first."""
    return _bundled().get((provider, model), ())


def list_own(provider: str, model: str) -> list[ListedPrice]:
    """Staff's prices under this name, as far as a page goes."""
    return _own_of([(provider, model)], Question()).get((provider, model), ([], 0))[0]


def sold(row: ModelPrice) -> dict[str, int]:
    found = ((bucket, getattr(row, column)) for bucket, column in RATE_COLUMNS.items())
    return {bucket: rate * UNITS[bucket] for bucket, rate in found if rate is not None}


def _names(question: Question) -> set[tuple[str, str]]:
    names: set[tuple[str, str]] = set()
    if question.source != "own":
        names |= _bundled().keys()
    if question.source != "bundled":
        # Ordered by us: a database's order of names is that of its language.
        names |= set(ModelPrice.objects.filter(_holding(question.at)).values_list("provider", "model").distinct())
    wanted = question.search.lower()
    return {
        (provider, model)
        for provider, model in names
        if wanted in model and (not question.provider or provider == question.provider)
    }


def _holding(at: datetime | None) -> Q:
    if at is None:
        return Q()
    return Q(effective_from__lte=at) & (Q(effective_until=None) | Q(effective_until__gt=at))


def _own_of(
    names: Iterable[tuple[str, str]], question: Question
) -> dict[tuple[str, str], tuple[list[ListedPrice], int]]:
    """By name, the latest of staff's prices, those for everybody first, and how many there are."""
    models = [model for _, model in names]
    rows = ModelPrice.objects.filter(_holding(question.at), model__in=models)
    numbered = rows.annotate(
        number=Window(
            RowNumber(),
            partition_by=[F("provider"), F("model")],
            order_by=[F("organization_id").asc(nulls_first=True), F("effective_from").desc()],
        )
    )
    counts: dict[tuple[str, str], int] = {}
    for provider, model in rows.values_list("provider", "model"):
        counts[provider, model] = counts.get((provider, model), 0) + 1
    found: dict[tuple[str, str], tuple[list[ListedPrice], int]] = {}
    for row in numbered.filter(number__lte=MOST_OWN).select_related("organization", "created_by").order_by("number"):
        name = (row.provider, row.model)
        price = ListedPrice(row.provider, row.model, ANY, row.effective_from, row.effective_until, sold(row), own=row)
        found.setdefault(name, ([], counts[name]))[0].append(price)
    return found


# --- The bundled list -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _bundled() -> dict[tuple[str, str], tuple[ListedPrice, ...]]:
    return {
        (provider, info.id): tuple(_intervals(provider, info))
        for provider in bundled.PROVIDERS
        for info in bundled.list_models(provider)
    }


def _intervals(provider: str, info: "ModelInfo") -> Iterator[ListedPrice]:
    for tier, speed in bundled.list_contexts(info):
        usage = TokenUsage(service_tier=tier, speed=speed)
        # What a standard price changed may be the price of a context as well.
        days = sorted(set(entries.start_days(info, TokenUsage())) | set(entries.start_days(info, usage)))
        starts: list[datetime | None] = [None, *(entries.midnight(day) for day in days)]
        found: list[ListedPrice] = []
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            at = start or _EPOCH
            rates = bundled.rates_of(provider, info, info.id, at, tier, speed, "")
            if rates is None or not bundled.has_context(info, at, tier, speed):
                continue
            for context, longer in _by_length(" ".join(filter(None, (tier, speed))) or STANDARD, rates):
                found.append(ListedPrice(provider, info.id, context, start, end, _sold(longer)))
        yield from _joined(found)


def _by_length(context: str, rates: Rates) -> Iterator[tuple[str, Rates]]:
    yield context, rates
    for threshold, longer in rates.long_context:
        yield f"{context}, over {threshold:,} tokens", longer


def _sold(rates: Rates) -> dict[str, int]:
    """Without what merely stands in."""
    found = {bucket: getattr(rates, bucket) for bucket in BUCKETS if bucket not in rates.unsure}
    if found.get("output_image") == found.get("output"):
        found.pop("output_image", None)
    return {bucket: rate * UNITS[bucket] for bucket, rate in found.items()}


def _joined(prices: list[ListedPrice]) -> Iterator[ListedPrice]:
    """By context, intervals at whose border nothing changes as one."""
    for context in dict.fromkeys(price.context for price in prices):
        last: ListedPrice | None = None
        for price in (price for price in prices if price.context == context):
            if last is not None and last.ends_at == price.starts_at and last.rates == price.rates:
                last = ListedPrice(last.provider, last.model, context, last.starts_at, price.ends_at, last.rates)
                continue
            if last is not None:
                yield last
            last = price
        if last is not None:
            yield last
