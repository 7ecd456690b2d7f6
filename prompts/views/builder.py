"""The prompt builder: for now the code that sends a request, for each provider and language."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page
from prompts import snippets


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    providers = [
        (label, snippets.write(provider=provider, public_url=settings.PUBLIC_URL))
        for provider, label in snippets.PROVIDERS.items()
    ]
    return render(request, "prompts/builder.html", {"nav": "builder", "providers": providers})
