"""The third and fourth step: a test prompt through the proxy, and what it cost.

Neither the keys, nor the prompt, nor the answer are kept: the answer is in the POST's answer alone.
"""

import asyncio
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.onboarding import sandbox
from accounts.views.onboarding.forms import PromptForm
from accounts.views.onboarding.progress import frame, remember
from analytics.provider_names import PROVIDERS
from analytics.receipts import Receipt, find_receipt
from orgs.models import Organization
from orgs.web import OrganizationRequest, organization_page

# Posting takes about a second. The answer waits a little for it; after that the page asks, so many times.
_WAIT_STEPS = 20
_WAIT_STEP_SECONDS = 0.1
_MOST_QUESTIONS = 20


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("platform_key", "provider_key", "prompt")
@organization_page(writes=True)
@sensitive_variables()
async def ask(request: OrganizationRequest) -> HttpResponse:
    """`?provider=anthropic` asks Anthropic. The POST's `mode` is "simulate" or "send"."""
    organization = request.access.organization
    provider = request.GET.get("provider", "")
    provider = provider if provider in PROVIDERS else "openai"
    is_simulated = request.POST.get("mode") == "simulate"
    form, is_ready = await sync_to_async(_read_form)(request, organization, provider, is_simulated)
    context = frame("prompt", organization) | {
        "form": form,
        "provider": provider,
        "provider_label": PROVIDERS[provider],
        "providers": PROVIDERS,
    }
    if is_ready:
        wanted = form.cleaned_data
        outcome = await sandbox.send(provider=provider, is_simulated=is_simulated, **wanted)
        if outcome.problem is None and outcome.call_id is not None:
            receipt = await _wait_for_receipt(organization, outcome.call_id)
            return await sync_to_async(_show_results)(request, outcome.call_id, receipt, outcome=outcome)
        context |= {"outcome": outcome}
    return await sync_to_async(render)(request, "accounts/onboarding/prompt.html", context)


@require_safe
@never_cache
@organization_page()
def results(request: OrganizationRequest, call_id: UUID) -> HttpResponse:
    """What the call cost, without the answer, which is gone. For HTMX the receipt alone, while it is waited for."""
    receipt = find_receipt(request.access.organization, call_id)
    if not getattr(request, "htmx", False):
        return _show_results(request, call_id, receipt)
    asked = request.GET.get("asked", "")
    context = _receipt_context(request, call_id, receipt, asked=int(asked) + 1 if asked.isdecimal() else 1)
    return render(request, "accounts/onboarding/_receipt.html", context)


def _read_form(
    request: OrganizationRequest, organization: Organization, provider: str, is_simulated: bool
) -> tuple[PromptForm, bool]:
    """The form, and whether it was sent and is complete."""
    remember(request, organization, "prompt")
    is_sent = request.method == "POST"
    form = PromptForm(
        request.POST if is_sent else None,
        organization=organization,
        provider=provider,
        now=timezone.now(),
        is_simulated=is_simulated,
    )
    return form, is_sent and form.is_valid()


async def _wait_for_receipt(organization: Organization, call_id: UUID) -> Receipt | None:
    for _ in range(_WAIT_STEPS):
        if receipt := await sync_to_async(find_receipt)(organization, call_id):
            return receipt
        await asyncio.sleep(_WAIT_STEP_SECONDS)
    return None


def _show_results(
    request: OrganizationRequest, call_id: UUID, receipt: Receipt | None, *, outcome: sandbox.Outcome | None = None
) -> HttpResponse:
    organization = request.access.organization
    remember(request, organization, "code")
    context = frame("results", organization) | _receipt_context(request, call_id, receipt, asked=0)
    response = render(request, "accounts/onboarding/results.html", context | {"outcome": outcome})
    if outcome is not None and getattr(request, "htmx", False):
        response.headers["HX-Push-Url"] = reverse("onboarding-results", args=[organization.slug, call_id])
    return response


def _receipt_context(
    request: OrganizationRequest, call_id: UUID, receipt: Receipt | None, *, asked: int
) -> dict[str, Any]:
    return {
        "organization": request.access.organization,
        "call_id": call_id,
        "receipt": receipt,
        "asked": asked,
        "is_given_up": receipt is None and asked >= _MOST_QUESTIONS,
    }
