"""The documentation for users, signed in or not."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from prompts import documentation


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return page(request, documentation.SLUGS[0])


@require_safe
def page(request: HttpRequest, page: str) -> HttpResponse:
    try:
        shown = documentation.get_page(settings.DOCS_DIR, page, settings.PUBLIC_URL)
    except documentation.NoSuchPage:
        raise Http404 from None
    pages = documentation.read_all(settings.DOCS_DIR, settings.PUBLIC_URL)
    at = pages.index(shown)
    context = {
        "nav": "docs",
        "shell": "app.html" if request.user.is_authenticated else "site.html",
        "pages": pages,
        "page": shown,
        "following": pages[at + 1] if at + 1 < len(pages) else None,
    }
    return render(request, "docs/page.html", context)
