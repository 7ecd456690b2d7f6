"""Addresses in the pages of prompts."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django import template

register = template.Library()


@register.filter
def query(parameters: Mapping[str, str]) -> str:
    """As the query of an address, without the question mark."""
    return urlencode(parameters)
