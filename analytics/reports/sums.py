"""What adds up: counts, tokens and money. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from operator import attrgetter, sub

_PICO_USD_PER_USD_EXPONENT = -12
# Averages may be smaller than the smallest amount: three more digits.
_AVERAGE_STEP = Decimal("1e-15")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Everything that adds up. The names are those of the roll-ups' columns, the order is that of CSV files.

    `request_count` is the sum of the priced (the partial and estimated are among them), unpriced, unmetered and
    pending.
    """

    cost_pico_usd: int = 0
    request_count: int = 0
    priced_count: int = 0
    unpriced_count: int = 0
    partial_count: int = 0
    estimated_count: int = 0
    unmetered_count: int = 0
    interrupted_count: int = 0
    error_count: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: int = 0
    pending_count: int = 0
    failed_request_count: int = 0
    input_image_tokens: int = 0
    output_image_tokens: int = 0
    file_searches: int = 0
    characters: int = 0
    audio_ms: int = 0

    @property
    def cost_usd(self) -> Decimal:
        return to_usd(self.cost_pico_usd)

    @property
    def average_cost_usd(self) -> Decimal:
        """Dollars per priced request, to 1e-15; 0 when no request has a price."""
        if not self.priced_count:
            return Decimal(0)
        with localcontext(prec=60):
            return (to_usd(self.cost_pico_usd) / self.priced_count).quantize(_AVERAGE_STEP)

    @property
    def call_count(self) -> int:
        """Requests and failed calls. A request that failed is one call."""
        return self.request_count + self.error_count - self.failed_request_count

    @property
    def error_share(self) -> float | None:
        """Of all calls, those that failed, 0 to 1; None without calls."""
        return self.error_count / self.call_count if self.call_count else None

    @property
    def is_empty(self) -> bool:
        return not any(_amounts_of(self))


SUM_COLUMNS = tuple(field.name for field in fields(Sums))
# What a page with many rows reads, being a third of the work: all it shows, and whether there was anything at all.
FIGURES = (
    "cost_pico_usd",
    "request_count",
    "priced_count",
    "unpriced_count",
    "pending_count",
    "interrupted_count",
    "error_count",
    "failed_request_count",
)
NOTHING = Sums()
_amounts_of = attrgetter(*SUM_COLUMNS)


def sums_from(amounts: Iterable[int], columns: Sequence[str] = SUM_COLUMNS) -> Sums:
    """From the amounts of the columns, in that order; the others are 0."""
    return Sums(**dict(zip(columns, amounts, strict=True)))


def add_sums(counted: Iterable[Sums]) -> Sums:
    amounts = [_amounts_of(sums) for sums in counted]
    return sums_from(map(sum, zip(*amounts, strict=True))) if amounts else NOTHING


def take_off(sums: Sums, part: Sums) -> Sums:
    """What is left of the sums without a part of them."""
    return sums_from(map(sub, _amounts_of(sums), _amounts_of(part)))


def to_usd(pico_usd: int) -> Decimal:
    """Dollars, exactly."""
    with localcontext(prec=60):
        return Decimal(pico_usd).scaleb(_PICO_USD_PER_USD_EXPONENT)
