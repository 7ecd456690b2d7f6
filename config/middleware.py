"""Response headers that the server leaves to us."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import http_date


class DateHeader:
    """Add `Date` to Django's answers (RFC 9110, section 6.6.1).

    uvicorn's own is off, because a proxied answer carries the provider's.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _dated(response)
        return self._later(response)

    async def _later(self, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return _dated(await response)


def _dated(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Date", http_date())
    return response
