"""The pages of prompts."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def list_prompts(request: OrganizationRequest) -> HttpResponse:
    return render(request, "prompts/list.html", {"nav": "prompts"})
