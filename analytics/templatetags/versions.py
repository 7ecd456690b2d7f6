"""Figures of the version comparison: shares, durations, tokens, and amounts that say their direction."""

from decimal import Decimal
from typing import Literal

from django import template

from analytics.filters import Filters
from analytics.templatetags.money import money, money_exact
from analytics.versions.comparison import Line, Quantity

register = template.Library()

NOTHING = "\N{EN DASH}"


@register.filter
def share(part: float | None) -> str:
    """0 to 1 as a percentage; what is not nothing never shows as 0 %."""
    if part is None:
        return NOTHING
    percent = part * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.1f} %" if percent < 10 and round(percent, 1) != round(percent) else f"{percent:.0f} %"


@register.filter
def duration(milliseconds: float | None) -> str:
    """Estimates, so with two figures: 0.25 ms, 480 ms, 1.2 s, 14 s, 3 min."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 9.5:
        return f"{milliseconds:.2g} ms"
    if milliseconds < 995:
        return f"{round(milliseconds, -1):.0f} ms" if milliseconds >= 100 else f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@register.filter
def tokens(per_request: float | Literal[""] | None) -> str:
    """Whole tokens, unless there are few of them. Templates give "" for a figure of nothing."""
    if per_request is None or per_request == "":
        return NOTHING
    return (
        f"{per_request:,.1f}" if 0 < per_request < 10 and per_request != round(per_request) else f"{per_request:,.0f}"
    )


@register.filter
def amount_of(line: Line, quantity: Quantity) -> str:
    """Per request, in the quantity's unit."""
    return tokens(line.amount_of(quantity))


@register.filter
def signed_money(pico_usd: int | None) -> str:
    if pico_usd is None:
        return NOTHING
    return f"+{money(pico_usd)}" if pico_usd > 0 else money(pico_usd)


@register.filter
def signed_money_exact(pico_usd: int) -> str:
    return f"+{money_exact(pico_usd)}" if pico_usd > 0 else money_exact(pico_usd)


@register.filter
def signed_percent(percent: int | None) -> str:
    if percent is None:
        return NOTHING
    return f"+{percent:,} %" if percent > 0 else f"{percent:,} %"


@register.filter
def temperature(degrees: float | None) -> str:
    """Without needless digits."""
    return NOTHING if degrees is None else f"{Decimal(str(degrees)).normalize():f}"


@register.filter
def unbroken(sentence: str) -> str:
    """A percentage stays on one line."""
    return sentence.replace(" %", "\N{NO-BREAK SPACE}%")


@register.filter
def of_version(filters: Filters, number: int) -> str:
    """The query of an address that narrows to a version; 0 is usage without one."""
    return filters.query(version=number)
