"""Amounts of money in pages. What has no price says so; what is not zero never shows as zero."""

from django import template

from analytics.reports import Sums

register = template.Library()

NO_PRICE = "no price"
# Amounts are whole numbers of such a part of a dollar. A page writes hundreds of them, which decimal numbers make slow.
_PICO = 12
_FEMTO = 15  # of averages: `Sums.average_cost_usd` goes as far


@register.filter
def money(pico_usd: int | None) -> str:
    """Two decimals from a dollar on, else four significant figures: $1,234.50, $0.42, $0.004213."""
    if pico_usd is None:
        return NO_PRICE
    return _write(_rounded(pico_usd, _PICO), _PICO)


@register.filter
def money_exact(pico_usd: int | None) -> str:
    """Every digit, at least two decimals: for tooltips and exports."""
    if pico_usd is None:
        return NO_PRICE
    return _write(pico_usd, _PICO)


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
    average = _divide(sums.cost_pico_usd * 10 ** (_FEMTO - _PICO), sums.priced_count) if sums.priced_count else 0
    return _write(_rounded(average, _FEMTO), _FEMTO)


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
    hundredths = min(10_000, _divide(part * 10_000, whole))
    return f"{hundredths // 100}.{hundredths % 100:02}"


def _rounded(amount: int, places: int) -> int:
    """To cents from a dollar on, else to four figures."""
    is_cents = abs(amount) >= 10**places
    step: int = 10 ** (places - 2 if is_cents else max(0, len(str(abs(amount))) - 4))
    return _divide(amount, step) * step


def _divide(amount: int, by: int) -> int:
    """The nearest whole number, of two the even one. `by` is positive."""
    quotient, rest = divmod(amount, by)
    return quotient + (2 * rest > by or (2 * rest == by and quotient % 2))


def _write(amount: int, places: int) -> str:
    whole, rest = divmod(abs(amount), 10**places)
    decimals = f"{rest:0{places}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}${whole:,}.{decimals}"
