"""An organization's front page: what it spent this month, on what."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    return render(request, "analytics/dashboard.html", {"nav": "dashboard"})
