"""The page of a request that failed: our fault, or a database or Redis that is away."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.decorators.csrf import requires_csrf_token

from config.outages import is_outage

_RETRY_SECONDS = "5"


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without context: whatever failed must not be asked again."""
    if is_outage(sys.exc_info()[1]):
        page = loader.get_template("503.html").render()
        return HttpResponse(page, status=503, headers={"Retry-After": _RETRY_SECONDS})
    return HttpResponse(loader.get_template("500.html").render(), status=500)
