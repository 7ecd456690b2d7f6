"""The pages of prompts."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page
from prompts import catalog


@require_safe
@organization_page()
def list_prompts(request: OrganizationRequest) -> HttpResponse:
    entries = catalog.list_prompts(request.access.organization.pk)
    return render(request, "prompts/list.html", {"nav": "prompts", "entries": entries})
