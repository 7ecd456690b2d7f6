"""JSON for the REST API with exact numbers: a Decimal leaves as a JSON number in plain digits, never through a float.

Knows nothing about what it renders.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

_LARGEST_NATIVE = 2**63 - 1
_encoder = msgspec.json.Encoder(enc_hook=JSONEncoder().default)


def plain_digits(number: Decimal) -> str:
    """All digits of a number, without an exponent or trailing zeros; zero is "0".

    Raises ValueError for NaN and infinity.
    """
    if not number.is_finite():
        raise ValueError("JSON has no number for NaN and infinity.")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if number.is_zero() else text


class ExactJSONRenderer(BaseRenderer):
    """The API's only renderer."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else _encoder.encode(_exact(data)) + b"\n"


class OnlyJSON(BaseContentNegotiation):
    """JSON for what REST framework renders, errors above all. The views heed `Accept` (analytics/api/questions.py)."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), ExactJSONRenderer.media_type


def _exact(value: Any) -> Any:
    """The same value with every number that the encoder would not write exactly replaced by its digits."""
    if isinstance(value, Mapping):
        return {str(key): _exact(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(member) for member in value]
    if isinstance(value, Decimal):
        return msgspec.Raw(plain_digits(value).encode())
    if isinstance(value, str | Promise):
        return str(value)
    if isinstance(value, int) and abs(value) > _LARGEST_NATIVE:
        return msgspec.Raw(str(int(value)).encode())
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("JSON has no number for NaN and infinity.")
    return value
