"""The front page, and in DEBUG the page that shows every part of the design."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import sample

_SNIPPET = """\
from openai import OpenAI

client = OpenAI(
    base_url="{public_url}/api/proxy/v1/openai",
    api_key="apc_...",  # the key of your team
    default_headers={{"X-Provider-Key": "sk-..."}},  # your own key
)"""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    snippet = _SNIPPET.format(public_url=settings.PUBLIC_URL)
    return render(request, "site/home.html", {"sample": sample.draw(), "snippet": snippet})


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """For whoever builds pages; there is no such address without DEBUG."""
    if not settings.DEBUG:
        raise Http404
    messages.success(request, "A toast says that something went well.")
    messages.error(request, "A banner stays: something has to be mended first.")
    return render(request, "site/design.html", {"sample": sample.draw(), "snippet": _SNIPPET})
