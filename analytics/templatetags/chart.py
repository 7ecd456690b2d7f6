"""What a chart has hundreds of: written here, since a template takes ten times as long."""

from collections.abc import Iterator

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analytics.charts import Chart, Column
from analytics.templatetags.money import money

register = template.Library()

_PARTIAL = SafeString(" data-partial")


@register.simple_tag
def chart_slots(chart: Chart) -> SafeString:
    """The columns from the ground to the top, for the pointer and the crosshair."""
    return format_html_join(
        "\n",
        '<rect class="chart-slot" x="{}%" width="{}%" height="{}" data-title="{}"{}{}><title>{}: {}{}</title></rect>',
        (
            (
                column.x,
                column.width,
                chart.height,
                column.title,
                _PARTIAL if column.is_partial else "",
                "" if column.previous is None else format_html(' data-previous="{}"', column.previous),
                column.title,
                money(column.total),
                " so far" if column.is_partial else "",
            )
            for column in chart.columns
        ),
    )


@register.simple_tag
def chart_rows(chart: Chart, with_previous: object) -> SafeString:
    """The same figures as the rows of a table."""
    rows = ((column.title, _cells(chart, column, bool(with_previous))) for column in chart.columns)
    return format_html_join("\n", '<tr><th scope="row">{}</th>{}</tr>', rows)


def _cells(chart: Chart, column: Column, with_previous: bool) -> SafeString:
    def texts() -> Iterator[tuple[str]]:
        if chart.is_stacked:
            yield from ((money(amount),) for amount in column.amounts)
        yield (money(column.total),)
        if chart.has_previous and with_previous:
            yield ("" if column.previous is None else money(column.previous),)

    return format_html_join("", '<td class="n">{}</td>', texts())
