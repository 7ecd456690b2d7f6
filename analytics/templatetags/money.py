"""Amounts of money in pages. What has no price says so; what is not zero never shows as zero."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from django import template

from analytics.reports import Sums, to_usd

register = template.Library()

NO_PRICE = "no price"
_CENT = Decimal("0.01")
_FOUR_FIGURES = Context(prec=4, rounding=ROUND_HALF_EVEN)
_EXACT = Context(prec=60)


@register.filter
def money(pico_usd: int | None) -> str:
    """Two decimals from a dollar on, else four significant figures: $1,234.50, $0.42, $0.004213."""
    if pico_usd is None:
        return NO_PRICE
    return _signed(pico_usd, _rounded(to_usd(abs(pico_usd))))


@register.filter
def money_exact(pico_usd: int | None) -> str:
    """Every digit, at least two decimals: for tooltips and exports."""
    if pico_usd is None:
        return NO_PRICE
    return _signed(pico_usd, to_usd(abs(pico_usd)))


@register.filter
def cost(sums: Sums) -> str:
    """The cost of a report's row: "no price" where none of its requests has one."""
    return money(None if has_no_price(sums) else sums.cost_pico_usd)


@register.filter
def cost_exact(sums: Sums) -> str:
    return money_exact(None if has_no_price(sums) else sums.cost_pico_usd)


@register.filter
def average_cost(sums: Sums) -> str:
    """Per request that has a price."""
    return _signed(sums.cost_pico_usd, _rounded(abs(sums.average_cost_usd)))


def has_no_price(sums: Sums) -> bool:
    return not sums.cost_pico_usd and not sums.priced_count and sums.unpriced_count > 0


@register.filter
def money_tick(pico_usd: int) -> str:
    """An axis' round amount, without needless decimals."""
    return money(pico_usd).removesuffix(".00")


@register.filter
def figure(number: int | None) -> str:
    """A whole number with its thousands separated."""
    return "" if number is None else f"{number:,}"


@register.filter
def percent_of(part: int, whole: int) -> str:
    """The share of the whole, 0 to 100, as an SVG length understands it. 0 of 0 is 0."""
    if whole <= 0 or part <= 0:
        return "0"
    return f"{min(Decimal(100), Decimal(part) * 100 / Decimal(whole)):.2f}"


def _rounded(usd: Decimal) -> Decimal:
    if usd >= 1:
        return _EXACT.quantize(usd, _CENT)
    return _FOUR_FIGURES.plus(usd)


def _signed(pico_usd: int, usd: Decimal) -> str:
    digits = f"{usd:,f}"
    if "." in digits:
        digits = digits.rstrip("0")
    whole, _, decimals = digits.partition(".")
    return f"{'-' if pico_usd < 0 else ''}${whole}.{decimals.ljust(2, '0')}"
