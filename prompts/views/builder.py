"""The prompt builder: for now the code that sends a request, for every language."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    return render(request, "prompts/builder.html", {"nav": "builder"})
