"""Versions of a prompt: adding one, also one that requests have named already; which is active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from analytics.provider_names import PROVIDERS
from orgs.web import OrganizationRequest, organization_page
from prompts import history, model_choices, services
from prompts.forms import VersionForm
from prompts.history import VersionRow
from prompts.model_choices import ModelChoice
from prompts.models import MAX_VERSION_NUMBER, Prompt, PromptVersion


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A row of a prompt's page, with what its model charges; None where no price is known."""

    row: VersionRow
    price: ModelChoice | None


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(writes=True)
def create(request: OrganizationRequest, pk: int) -> HttpResponse:
    """`?number=` fills in a number that requests have named, with the model that answered them."""
    prompt = _get_prompt(request, pk)
    if prompt.is_archived:
        messages.error(request, f"{prompt.key} is archived. Restore it to give it another version.")
        return _to(prompt, request)
    latest = prompt.versions.order_by("-number").first()
    next_number = min((latest.number if latest else 0) + 1, MAX_VERSION_NUMBER)
    wanted = _read_number(request.GET)
    form = VersionForm(
        _data_of(request) if request.method == "POST" else None,
        initial=_initial(prompt, latest, wanted),
        next_number=next_number,
    )
    if form.is_valid():
        try:
            version = _add(request, prompt, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
            form = _renewed(form, latest)
        else:
            _say_added(request, version, is_active=form.cleaned_data["is_active"])
            return _to(prompt, request)
    context = {
        "nav": "prompts",
        "prompt": prompt,
        "form": form,
        "latest": latest,
        "wanted": wanted,
        "choices": _choices(request),
        "active": prompt.activations.open().select_related("version").first(),
    }
    return render(request, "prompts/version_new.html", context)


@require_POST
@organization_page(writes=True)
def activate(request: OrganizationRequest, pk: int, number: int) -> HttpResponse:
    prompt = _get_prompt(request, pk)
    version = get_object_or_404(prompt.versions.select_related("prompt"), number=number)
    try:
        services.activate(version=version, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"v{number} is active. Requests that name no version count as v{number} from now on.")
    return _to(prompt, request)


@require_POST
@organization_page(writes=True)
def deactivate(request: OrganizationRequest, pk: int) -> HttpResponse:
    """`number` in the form says which version is meant, so that nobody ends one that they did not see."""
    prompt = _get_prompt(request, pk)
    number = _read_number(request.POST)
    try:
        services.deactivate(prompt=prompt, number=number, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "No version is active. Requests that name none count as “no version” from now on.")
    return _to(prompt, request)


def _get_prompt(request: OrganizationRequest, pk: int) -> Prompt:
    """Of this organization, archived or not; else 404."""
    return get_object_or_404(Prompt.objects.of(request.access.organization.pk), pk=pk)


def _to(prompt: Prompt, request: OrganizationRequest) -> HttpResponse:
    return redirect("prompt", slug=request.access.organization.slug, pk=prompt.pk)


def _read_number(params: Mapping[str, str]) -> int | None:
    text = params.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) if 1 <= int(text) <= MAX_VERSION_NUMBER else None


def _initial(prompt: Prompt, latest: PromptVersion | None, wanted: int | None) -> dict[str, Any]:
    """What requests tell of the number asked for; else the latest version, of which usually one thing changes."""
    known: dict[str, Any] = {"latest": latest.number if latest else 0}
    if wanted is not None:
        return {**known, "number": wanted, "model": history.guess_registration(prompt, wanted, now=timezone.now())}
    if latest is None:
        return {**known, "is_active": True}
    return {
        **known,
        "model": latest.model,
        "temperature": latest.temperature,
        "max_tokens": latest.max_tokens,
    }


def _data_of(request: OrganizationRequest) -> QueryDict:
    """Without `latest` where a number is given: then it says nothing. (The one-click registration has none.)"""
    data = request.POST.copy()
    if data.get("number") and not data.get("latest"):
        data["latest"] = "0"
    return data


def _add(request: OrganizationRequest, prompt: Prompt, typed: Mapping[str, Any]) -> PromptVersion:
    number = typed["number"]
    return services.add_version(
        prompt=prompt,
        number=number,
        latest=typed["latest"] if number is None else None,
        model=typed["model"],
        temperature=typed["temperature"],
        max_tokens=typed["max_tokens"],
        note=typed["note"],
        activate=typed["is_active"],
        by=request.user,
    )


def _renewed(form: VersionForm, latest: PromptVersion | None) -> VersionForm:
    """The same form, which has now been told of the latest version."""
    form.data = {**dict(form.data.items()), "latest": str(latest.number if latest else 0)}
    return form


def _say_added(request: OrganizationRequest, version: PromptVersion, *, is_active: bool) -> None:
    words = f"v{version.number} is registered with {version.model}"
    more = ", and active: requests that name no version count as it from now on." if is_active else "."
    messages.success(request, words + more)


def _choices(request: OrganizationRequest) -> list[tuple[str, Any]]:
    found = model_choices.list_choices(request.access.organization.pk, now=timezone.now())
    return [(PROVIDERS[provider], choices) for provider, choices in found.items()]
