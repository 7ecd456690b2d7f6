"""Durations on the staff's pages, which may be long: something waits."""

from django import template

from analytics.templatetags.versions import duration

register = template.Library()


@register.filter
def seconds(number: float | None) -> str:
    """As `duration` says it, and hours: 400 ms, 12 s, 3 min, 5 h."""
    if number is None or number < 7200:
        return duration(None if number is None else number * 1000)
    return f"{number / 3600:,.0f} h"
