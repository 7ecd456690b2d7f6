"""Sending an answer, as JSON or as a file, with what it says to caches: nobody but who asked may keep it."""

from hashlib import blake2b
from typing import Any

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.request import Request

from analytics import exports
from analytics.renderers import ExactJSONRenderer

# Figures change at any moment, so what was kept is shown only after asking whether it still holds.
CACHING = "private, no-cache"
_VARIES_BY = ("Accept", "Authorization", "X-Api-Key", "Cookie")


def encode(answer: dict[str, Any]) -> bytes:
    """As JSON with exact numbers."""
    return ExactJSONRenderer().render(answer)


def send_json(request: Request, content: bytes) -> HttpResponse:
    return _send(request, HttpResponse(content, content_type=ExactJSONRenderer.media_type))


def send_csv(request: Request, content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=exports.MEDIA_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return _send(request, response)


def _send(request: Request, response: HttpResponse) -> HttpResponse:
    """With its entity tag, or 304 to whoever has it already (RFC 9110, section 13.1.2)."""
    tag = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    known = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    if tag in known or "*" in known:
        response = HttpResponse(status=304)
        del response.headers["Content-Type"]
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = CACHING
    patch_vary_headers(response, _VARIES_BY)
    return response
