"""Who did what in the organization, and when. For owners."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.forms import AuditFilterForm
from orgs.models import AuditEntry
from orgs.web import OrganizationRequest, organization_page

PAGE_SIZE = 50


@require_safe
@organization_page("owner")
def show(request: OrganizationRequest) -> HttpResponse:
    entries = AuditEntry.objects.of(request.access.organization)
    form = AuditFilterForm(request.GET, people=entries.people())
    wanted = form.wanted()
    if wanted["subject"]:
        entries = entries.about(wanted["subject"])
    if wanted["person"]:
        entries = entries.by(int(wanted["person"]) or None)
    if wanted["text"]:
        entries = entries.naming(wanted["text"])
    page = Paginator(entries.with_actors(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "nav": "organization",
        "form": form,
        "page": page,
        "is_filtered": any(wanted.values()),
        "timezone": request.access.organization.tz,
    }
    return render(request, "orgs/audit.html", context)
