"""The last step: the code to go on with, and whether its first request has arrived."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.onboarding.arrivals import find_arrival
from accounts.views.onboarding.forms import PREFERRED_MODELS
from accounts.views.onboarding.progress import frame, remember
from analytics.provider_names import PROVIDERS
from orgs.web import OrganizationRequest, organization_page
from prompts import snippets

_MOST_QUESTIONS = 300  # a quarter of an hour; after that a link asks again
_PROMPT_KEY = "my-first-prompt"
_TAGS = ("getting-started",)


@require_safe
@never_cache
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    remember(request, organization, "code")
    context = {"tabs": _tabs(), "key_placeholder": snippets.KEY_PLACEHOLDER}
    return render(
        request, "accounts/onboarding/code.html", frame("code", organization) | context | _arrival_context(request, 0)
    )


@require_safe
@never_cache
@organization_page()
def arrival(request: OrganizationRequest) -> HttpResponse:
    """A part of the page, which asks for itself again. Followed as a link it is the page."""
    if not getattr(request, "htmx", False):
        return redirect("onboarding-code", slug=request.access.organization.slug)
    asked = request.GET.get("asked", "")
    number = int(asked) + 1 if asked.isdecimal() and len(asked) < 6 else 1
    return render(request, "accounts/onboarding/_arrival.html", _arrival_context(request, number))


def _arrival_context(request: OrganizationRequest, asked: int) -> dict[str, Any]:
    organization = request.access.organization
    return {
        "organization": organization,
        "arrival": find_arrival(organization),
        "asked": asked,
        "is_given_up": asked >= _MOST_QUESTIONS,
    }


def _tabs() -> list[dict[str, Any]]:
    """One for each way to send a request, with a snippet for each provider that it speaks to."""
    samples = {
        provider: snippets.Sample(
            public_url=settings.PUBLIC_URL,
            provider=provider,
            model=PREFERRED_MODELS[provider],
            prompt_key=_PROMPT_KEY,
            feature_tags=_TAGS,
        )
        for provider in PROVIDERS
    }
    return [
        {
            "kind": kind,
            "snippets": [
                {
                    "id": f"snippet-{kind.id}-{provider}",
                    "label": kind.label if len(kind.providers) == 1 else f"{kind.label}, to {PROVIDERS[provider]}",
                    "code": snippets.render(kind.id, samples[provider]),
                }
                for provider in kind.providers
            ],
        }
        for kind in snippets.KINDS
    ]
