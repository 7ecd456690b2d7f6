"""Figures of the dashboard that say their direction or their part of the whole."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics import provider_names
from analytics.reports import Row
from analytics.templatetags.money import average_cost, cost, cost_exact, figure, money_exact, percent_of
from analytics.templatetags.versions import NOTHING, share, signed_money

register = template.Library()

_NOTHING = SafeString(f'<span class="faint">{NOTHING}</span>')
# The bar is that of components/_share_bar.html.
_FIGURES = SafeString("""\
<td class="n">{}{}</td>
<td class="n wide-only">{}</td>
<td class="n share" title="{}">\
<svg class="share-bar" aria-hidden="true" focusable="false"><rect width="{}%" height="100%" rx="3"/></svg>
{}{}</td>
<td class="n wide-only">{}</td>""")


@register.filter
def signed(number: int) -> str:
    """A whole number with its sign and its thousands separated; 0 has none."""
    return f"{number:+,}" if number else "0"


@register.filter
def share_of(part: int, whole: int) -> str:
    """A part in percent of the whole; "" where there is no whole."""
    return share(part / whole) if whole > 0 else ""


@register.filter
def provider_name(provider: str) -> str:
    return provider_names.name_of(provider)


@register.simple_tag
def rank_figures(row: Row, largest_pico_usd: int, total_pico_usd: int) -> SafeString:
    """The cells of a ranked row beside its name. There are fifty rows, at which a template takes ten times as long."""
    sums = row.sums
    average = average_cost(sums) if sums.priced_count else ""
    part = f", {share_of(sums.cost_pico_usd, total_pico_usd)} of the total" if sums.cost_pico_usd else ""
    percent = row.change_percent
    return format_html(
        _FIGURES,
        figure(sums.request_count),
        _below_requests(row, average),
        average or _NOTHING,
        cost_exact(sums) + part,
        percent_of(sums.cost_pico_usd, largest_pico_usd),
        cost(sums),
        "" if percent is None else format_html('<span class="rank-under narrow-only">{} %</span>', signed(percent)),
        _change(row, percent),
    )


def _below_requests(row: Row, average: str) -> str:
    if average:
        return format_html('<span class="rank-under narrow-only">{}</span>', average)
    if row.sums.error_count and not row.sums.request_count:
        return format_html('<span class="rank-under">{} failed</span>', figure(row.sums.error_count))
    return ""


def _change(row: Row, percent: int | None) -> str:
    if row.before is None or percent is None:
        return "new" if row.before is not None and row.sums.cost_pico_usd else _NOTHING
    text = '{} %<span class="rank-under" title="Before: {}">{}</span>'
    return format_html(text, signed(percent), money_exact(row.before.cost_pico_usd), signed_money(row.change_pico_usd))
