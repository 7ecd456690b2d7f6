"""An organization's front page: what it spent this month, on what."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import overview, reports
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    if not reports.has_usage(organization.pk):
        return render(request, "analytics/dashboard_empty.html", {"nav": "dashboard"})
    month = overview.read_month(organization_id=organization.pk, zone=organization.tz, now=timezone.now())
    return render(request, "analytics/dashboard.html", {"nav": "dashboard", "overview": month})
