"""The price book's pages, as tests read them, and prices to save."""

import re
from html import unescape
from typing import Any

from analytics.models import ModelPrice
from tests.analytics.repriced import LONG_AGO, NEW_RATES

BOOK = "/admin/analytics/modelprice/"


def words(response: Any) -> str:
    """What a page says, without its frame."""
    assert response.status_code == 200
    content = response.content.decode().partition('id="content"')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split()).replace(" ,", ",").replace("\N{EN DASH}", "-")


def price_of(model: str = "gpt-4o", **fields: Any) -> ModelPrice:
    """Not saved."""
    return ModelPrice(**({"provider": "openai", "model": model, "effective_from": LONG_AGO, **NEW_RATES} | fields))
