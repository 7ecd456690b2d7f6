"""The documentation for users, signed in or not, and the OpenAPI schema that its reference is made from."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from analytics.api.schema import get_schema
from prompts import documentation
from prompts.documentation import Page, Site, reference, search


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return page(request, documentation.SLUGS[0])


@require_safe
def page(request: HttpRequest, page: str) -> HttpResponse:
    site = _read_site()
    try:
        shown = site.get(page)
    except documentation.NoSuchPage:
        raise Http404 from None
    before, after = site.neighbours(shown)
    further = {"html": _for_reader(request, shown.html), "before": before, "after": after}
    return render(request, "docs/page.html", _frame(request, site, shown) | further)


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    site = _read_site()
    context = _frame(request, site) | {"query": query, "finds": search.find(site.pages, query)}
    return render(request, "docs/search.html", context)


@require_safe
def schema(_request: HttpRequest) -> HttpResponse:
    """For every program of every site: it holds nothing that is not in the documentation."""
    made = get_schema(settings.PUBLIC_URL)
    return JsonResponse(made, json_dumps_params={"indent": 1}, headers={"Access-Control-Allow-Origin": "*"})


def _read_site() -> Site:
    return Site.read(settings.DOCS_DIR, settings.PUBLIC_URL, _read_reference(settings.PUBLIC_URL))


@lru_cache(maxsize=4)
def _read_reference(public_url: str) -> Page:
    return reference.read_page(get_schema(public_url))


def _for_reader(request: HttpRequest, html: str) -> str:
    """The guide needs an account: strangers are led to make one."""
    if request.user.is_authenticated:
        return html
    return html.replace(f'href="{reverse("onboarding")}"', f'href="{reverse("signup")}"')


def _frame(request: HttpRequest, site: Site, shown: Page | None = None) -> dict[str, Any]:
    return {
        "nav": "docs",
        "shell": "app.html" if request.user.is_authenticated else "site.html",
        "groups": site.groups,
        "page": shown,
    }
