"""Response headers that the server, and Django's own middleware, leave to us."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import http_date

from config import request_ids

# What no page of ours asks a browser for, nor anything that was smuggled into one.
_NOT_ASKED_FOR = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "usb",
)
_PERMISSIONS = ", ".join(f"{feature}=()" for feature in _NOT_ASKED_FOR)


class PageHeaders:
    """Add to Django's answers: `Date`, which features a page may use, that nobody keeps what a person was shown, and
    the id under which the log has the request.

    uvicorn's own `Date` (RFC 9110, section 6.6.1) is off, because a proxied answer carries the provider's.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request_id = request_ids.begin()
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _complete(request, response, request_id)
        return self._later(request, response, request_id)

    async def _later(
        self, request: HttpRequest, response: Awaitable[HttpResponseBase], request_id: str
    ) -> HttpResponseBase:
        return _complete(request, await response, request_id)


def _complete(request: HttpRequest, response: HttpResponseBase, request_id: str) -> HttpResponseBase:
    response.headers.setdefault(request_ids.HEADER, request_id)
    response.headers.setdefault("Date", http_date())
    response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
    if _is_personal(request):
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def _is_personal(request: HttpRequest) -> bool:
    """Whether the answer may depend on a session, signed in or on the way: looks only where the page has looked."""
    session = getattr(request, "session", None)
    return session is not None and session.accessed and not session.is_empty()
