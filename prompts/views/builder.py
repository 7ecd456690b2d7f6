"""The prompt builder: for now the code that sends a request, for each provider and language."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orgs.web import OrganizationRequest, organization_page
from prompts import snippets
from prompts.snippets import Sample

_PROVIDERS = {"openai": ("OpenAI", "gpt-4o-mini"), "anthropic": ("Anthropic", "claude-haiku-4-5")}


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    sections = [_section(provider) for provider in _PROVIDERS]
    return render(request, "prompts/builder.html", {"nav": "builder", "sections": sections})


def _section(provider: str) -> dict[str, Any]:
    label, model = _PROVIDERS[provider]
    sample = Sample(public_url=settings.PUBLIC_URL, provider=provider, model=model, prompt_key="greeting")
    written = [
        {
            "id": f"{provider}-{kind.id}",
            "kind": kind,
            "label": f"{label}, {kind.label}",
            "code": snippets.render(kind.id, sample),
        }
        for kind in snippets.kinds_for(provider)
    ]
    return {"label": label, "provider_key": sample.provider_key, "written": written}
