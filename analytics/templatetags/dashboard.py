"""Figures of the dashboard that say their direction or their part of the whole."""

from django import template

from analytics import provider_names
from analytics.templatetags.versions import share

register = template.Library()


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
