"""How complete an organization's figures are: the numbers behind this month's requests, and what is on its way.

For its owners, and for staff who look at it.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import completeness, periods
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page("owner or staff")
def show(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    now = timezone.now()
    month = periods.month_of(periods.local_day(now, organization.tz))
    meter = completeness.read_meter(organization_id=organization.pk, period=month, now=now)
    context = {"nav": "dashboard", "meter": meter, "month": month, "now": now, "zone": organization.tz}
    return render(request, "analytics/completeness.html", context)
