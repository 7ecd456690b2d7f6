"""The documentation for users, signed in or not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "docs/page.html", {"nav": "docs"})


@require_safe
def page(request: HttpRequest, page: str) -> HttpResponse:
    return render(request, "docs/page.html", {"nav": "docs"})
