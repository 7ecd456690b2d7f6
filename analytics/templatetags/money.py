"""Amounts of money in pages. What has no price says so; what is not zero never shows as zero."""

from django import template

from analytics.models.price_edits import say_percent
from analytics.reports import Sums

register = template.Library()

NO_PRICE = "no price"
PENDING = "pending"
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
    """The cost of a report's row; in words where none of its requests has one: "no price", "pending"."""
    return _say_missing(sums) or money(sums.cost_pico_usd)


@register.filter
def cost_exact(sums: Sums) -> str:
    return _say_missing(sums) or money_exact(sums.cost_pico_usd)


@register.filter
def left_out(sums: Sums) -> list[str]:
    """Which requests are not in that cost: "2 without a price", "1 pending". None where the cost says it itself."""
    counted = ((sums.unpriced_count, "without a price"), (sums.pending_count, PENDING))
    parts = [f"{count:,} {words}" for count, words in counted if count]
    return [] if _say_missing(sums) and len(parts) == 1 else parts


@register.filter
def say_left_out(sums: Sums) -> str:
    """The same as a sentence."""
    unpriced, pending = sums.unpriced_count, sums.pending_count
    parts = []
    if unpriced:
        parts.append(f"{unpriced:,} request{'s' if unpriced > 1 else ''} without a price")
    if pending:
        parts.append(f"{pending:,} pending" if unpriced else f"{pending:,} pending request{'s' if pending > 1 else ''}")
    verb = "is" if unpriced + pending == 1 else "are"
    return f"{' and '.join(parts)} {verb} not in the costs." if parts else ""


@register.filter
def average_cost(sums: Sums) -> str:
    """Per request that has a price."""
    average = _divide(sums.cost_pico_usd * 10 ** (_FEMTO - _PICO), sums.priced_count) if sums.priced_count else 0
    return _write(_rounded(average, _FEMTO), _FEMTO)


def _say_missing(sums: Sums) -> str:
    """Why there is no cost to show; "" where there is."""
    if sums.cost_pico_usd or sums.priced_count:
        return ""
    return NO_PRICE if sums.unpriced_count else PENDING if sums.pending_count else ""


@register.filter
def money_tick(pico_usd: int) -> str:
    """An axis' round amount, without needless decimals."""
    return money(pico_usd).removesuffix(".00")


@register.filter
def figure(number: int | None) -> str:
    """A whole number with its thousands separated."""
    return "" if number is None else f"{number:,}"


@register.filter
def percent(basis_points: int) -> str:
    """ "12.5 %"."""
    return say_percent(basis_points)


@register.filter
def money_change(pico_usd: int) -> str:
    """A difference, with its sign and every digit: "+$0.42", "-$1.50", "$0.00"."""
    return f"{'+' if pico_usd > 0 else ''}{money_exact(pico_usd)}"


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
