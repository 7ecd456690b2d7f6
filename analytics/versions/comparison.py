"""Puts the comparison together: what was used, by `analytics.reports`; what it is worth, by the price book.

What is registered about a prompt's versions is given by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from fractions import Fraction

from analytics import charts, price_book, reports
from analytics.price_book import PriceBook
from analytics.pricing import BUCKETS, UNITS_PER_RATE
from analytics.quantities import COLUMNS
from analytics.reports import Durations, Scope, Sums, VersionSums
from analytics.usage import TokenUsage
from analytics.versions.causes import CACHE_WRITE_BUCKETS, Cause, Spending
from analytics.versions.models_seen import Drift, Seen, find_drift
from analytics.versions.words import Difference, Reference, Side, choose_reference, describe, name_cause, say_change

_WITHOUT_VERSION = "usage without a version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What is registered about a version."""

    number: int
    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    note: str = ""
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity per request that is shown where any version used it."""

    name: str
    unit: str
    column: str  # of the roll-ups
    per_unit: int = 1


_UNUSUAL = (
    Quantity("Audio in", "tokens", "input_audio_tokens"),
    Quantity("Audio out", "tokens", "output_audio_tokens"),
    Quantity("Images in", "tokens", "input_image_tokens"),
    Quantity("Images out", "tokens", "output_image_tokens"),
    Quantity("Web", "searches", "web_searches"),
    Quantity("Files", "searches", "file_searches"),
    Quantity("Spoken", "characters", "characters"),
    Quantity("Recorded", "seconds", "audio_ms", per_unit=1000),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One cause of a difference. The amounts of all of them add up to the difference, to the pico-USD."""

    name: str
    change: str
    pico_usd: int


@dataclass(frozen=True, slots=True)
class Line:
    """One version, or the usage without one."""

    used: VersionSums
    configured: Configured | None
    seen: tuple[Seen, ...]  # most requests first
    drift: Drift | None
    side: Side
    is_reference: bool = False
    difference: Difference | None = None  # None for the reference, and without one
    parts: tuple[Part, ...] = ()

    @property
    def name(self) -> str:
        return self.used.name

    @property
    def number(self) -> int:
        return self.used.number

    @property
    def sums(self) -> Sums:
        return self.used.sums

    @property
    def is_active(self) -> bool:
        return self.side.is_active

    @property
    def is_unregistered(self) -> bool:
        return bool(self.number) and self.configured is None

    @property
    def cache_writes_per_request(self) -> float | None:
        used = self.used.per_request
        return sum(used[COLUMNS[bucket]] for bucket in CACHE_WRITE_BUCKETS) if used else None

    def amount_of(self, quantity: Quantity) -> float | None:
        used = self.used.per_request
        return used[quantity.column] / quantity.per_unit if used else None

    @property
    def difference_pico_usd(self) -> int | None:
        return None if self.difference is None or self.difference.pico_usd is None else round(self.difference.pico_usd)


@dataclass(frozen=True, slots=True)
class Comparison:
    lines: tuple[Line, ...]  # the newest version first, usage without a version last
    numbers: tuple[int, ...]  # of all versions in that order, also of those that the scope leaves out
    reference: Reference
    total: Sums  # of the lines
    bars: charts.CompareBars  # total cost and requests of the lines that were used

    @property
    def is_empty(self) -> bool:
        """Whether nothing was used: all lines, if any, are of registered versions."""
        return self.total.is_empty

    @property
    def used(self) -> list[Line]:
        return [line for line in self.lines if not line.sums.is_empty]

    @property
    def differences(self) -> list[Line]:
        """The lines about which there is something to say."""
        return [line for line in self.lines if line.difference and line.difference.words]

    @property
    def configured(self) -> list[Line]:
        return [line for line in self.lines if line.configured or line.seen]

    @property
    def unusual(self) -> list[Quantity]:
        """What was used besides text and the cache."""
        return [quantity for quantity in _UNUSUAL if getattr(self.total, quantity.column)]

    @property
    def has_cache_writes(self) -> bool:
        return bool(self.total.cache_write_5m_tokens or self.total.cache_write_1h_tokens)

    @property
    def has_streams(self) -> bool:
        return any(line.used.first_token.count for line in self.lines)


def compare(scope: Scope, configured: Sequence[Configured], *, now: datetime) -> Comparison:
    """The versions of the scope's prompt. Two queries, one without usage.

    A scope with a version shows that one and what it is compared with.
    """
    used = {line.number: line for line in reports.version_sums(replace(scope, version=None))}
    registered = {one.number: one for one in configured}
    numbers = sorted({*used, *registered}, reverse=True)
    book = price_book.current() if used else None
    at = min(now, datetime.combine(scope.period.end, time.max, UTC))
    lines = [
        _line(used.get(number) or _unused(number), registered.get(number), book, at, scope.organization_id)
        for number in numbers
    ]
    reference = choose_reference([line.side for line in lines])
    compared = [_compared(line, reference.side) for line in lines]
    shown = tuple(line for line in compared if scope.version in {None, line.number} or line.is_reference)
    with_usage = [line for line in shown if not line.sums.is_empty]
    bars = charts.compare_bars(
        [line.name for line in with_usage],
        [line.sums.cost_pico_usd if line.sums.priced_count else None for line in with_usage],
        [line.sums.request_count for line in with_usage],
    )
    return Comparison(shown, tuple(numbers), reference, reports.add_sums(line.sums for line in shown), bars)


def _unused(number: int) -> VersionSums:
    return VersionSums(number, reports.NOTHING, Durations(()), Durations(()), ())


def _line(
    used: VersionSums, configured: Configured | None, book: PriceBook | None, at: datetime, organization_id: int
) -> Line:
    seen = [Seen(row.value[0], row.value[1], row.sums.request_count) for row in used.models if row.sums.request_count]
    seen.sort(key=lambda one: (-one.requests, one.provider, one.model))
    priced = sorted((row for row in used.models if row.sums.priced_count), key=lambda row: -row.sums.priced_count)
    side = Side(
        name=used.name if used.number else _WITHOUT_VERSION,
        spending=_spending([(*row.value, row.sums) for row in priced], book, at, organization_id),
        models=tuple(row.value[1] for row in priced),
        request_count=used.sums.request_count,
        is_active=configured is not None and configured.is_active,
        is_numbered=bool(used.number),
    )
    drift = find_drift(configured.model, seen) if configured else None
    return Line(used, configured, tuple(seen), drift, side)


def _spending(
    models: Sequence[tuple[str, str, Sums]], book: PriceBook | None, at: datetime, organization_id: int
) -> Spending:
    """Of the models that have priced requests: (provider, model, sums) each.

    A bucket's list price is weighted by its tokens; where nothing used it, by the models' requests. The roll-ups keep
    one count of tokens for a model's requests with and without a price: those with one are taken for an equal share.
    """
    rated = []
    for provider, model, sums in models:
        rates = book.find_rates(provider, model, at, TokenUsage(), organization_id) if book else None
        if rates is not None:
            rated.append((rates, sums))
    list_rates = {}
    for bucket in BUCKETS if rated else ():
        weights = [_priced_quantity(sums, bucket) for _, sums in rated]
        if not any(weights):
            weights = [Fraction(sums.priced_count) for _, sums in rated]
        worth = (weight * int(getattr(rates, bucket)) for weight, (rates, _) in zip(weights, rated, strict=True))
        list_rates[bucket] = sum(worth, Fraction(0)) / sum(weights) / UNITS_PER_RATE.get(bucket, 1)
    total = reports.add_sums(sums for *_, sums in models)
    used = {bucket: sum((_priced_quantity(sums, bucket) for *_, sums in models), Fraction(0)) for bucket in BUCKETS}
    return Spending(total.priced_count, total.cost_pico_usd, used, list_rates)


def _priced_quantity(sums: Sums, bucket: str) -> Fraction:
    quantity = int(getattr(sums, COLUMNS[bucket]))
    return Fraction(quantity * sums.priced_count, sums.priced_count + sums.unpriced_count)


def _compared(line: Line, reference: Side | None) -> Line:
    if reference is None:
        return line
    if line.side is reference:
        return replace(line, is_reference=True)
    difference = describe(line.side, reference)
    if not difference.is_judged:
        return replace(line, difference=difference)
    return replace(line, difference=difference, parts=_parts(difference, line.side, reference))


def _parts(difference: Difference, side: Side, reference: Side) -> tuple[Part, ...]:
    """In whole pico-USD; what rounding leaves over goes to the largest."""
    assert difference.pico_usd is not None
    amounts = [round(cause.pico_usd) for cause in difference.causes]
    if amounts:
        amounts[0] += round(difference.pico_usd) - sum(amounts)
    return tuple(
        _part(cause, amount, side, reference) for cause, amount in zip(difference.causes, amounts, strict=True)
    )


def _part(cause: Cause, pico_usd: int, side: Side, reference: Side) -> Part:
    return Part(name_cause(cause.kind), say_change(cause.kind, side, reference), pico_usd)
