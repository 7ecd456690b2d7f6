"""The front page. Signing in and out are Django's own views, see `accounts.urls`."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs import access


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For a visitor what this is; for a member the organizations they belong to."""
    if not request.user.is_authenticated:
        return render(request, "accounts/welcome.html", {"public_url": settings.PUBLIC_URL})
    context = {"memberships": access.memberships_of(request.user), "public_url": settings.PUBLIC_URL}
    return render(request, "accounts/home.html", context)
