"""The guide's entrance, and its first two steps: an organization and its first API key."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import invitations
from accounts.models import User
from accounts.onboarding import steps
from accounts.services import proposed_timezone
from accounts.views.onboarding.forms import WelcomeForm
from accounts.views.onboarding.progress import find_place, frame, remember
from orgs import access
from orgs.forms import KeyForm
from orgs.services import keys, teams
from orgs.web import OrganizationRequest, organization_page

_ROUTES = {step.id: step.route for step in steps.STEPS}


@require_safe
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """To the step that comes next; from the beginning for whoever has been through it."""
    if path := invitations.find_landing_path(request):
        return redirect(path)
    slugs = [membership.organization.slug for membership in access.memberships_of(request.user)]
    place = find_place(request)
    if place and place[0] in slugs:
        return redirect(_ROUTES[place[1]], slug=place[0])
    return redirect("onboarding", slug=slugs[0]) if len(slugs) == 1 else redirect("onboarding-welcome")


@require_safe
@organization_page()
def resume(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    place = find_place(request)
    step = place[1] if place and place[0] == organization.slug else steps.find_step(organization)
    if step == "welcome":
        return redirect("onboarding-welcome")
    return redirect(_ROUTES[step], slug=organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def welcome(request: HttpRequest) -> HttpResponse:
    person = cast(User, request.user)
    memberships = list(access.memberships_of(person))
    if request.method == "POST" and memberships:  # sent twice, or in another window
        return redirect("onboarding-key", slug=memberships[0].organization.slug)
    initial = {"name": steps.propose_name(person.email), "timezone": proposed_timezone(person)}
    form = WelcomeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            organization = steps.begin(owner=person, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("onboarding-key", slug=organization.slug)
    followed = invitations.find(request) if invitations.is_invited(request) else None
    context = {"form": form, "memberships": memberships, "invitation": followed.invitation if followed else None}
    return render(request, "accounts/onboarding/welcome.html", frame("welcome") | context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@organization_page(writes=True)
def key(request: OrganizationRequest) -> HttpResponse:
    """The key is in the answer to the POST that makes it, and nowhere else on this side."""
    organization = request.access.organization
    remember(request, organization, "key")
    is_sent = request.method == "POST"
    form = KeyForm(request.POST if is_sent else None, organization=organization, initial={"description": "First key"})
    context = {"form": form, "active_count": organization.api_keys.active().count()}
    if is_sent and form.is_valid():
        try:
            context["new_record"], context["new_key"] = _issue(request, form)
        except keys.AlreadyIssued as error:
            messages.warning(
                request,
                f"This form has made its key already: {error.record.label}. A key is shown only once. "
                "If you did not copy it, create another one.",
            )
            return redirect("onboarding-key", slug=organization.slug)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            remember(request, organization, "prompt")
    return render(request, "accounts/onboarding/key.html", frame("key", organization) | context)


def _issue(request: OrganizationRequest, form: KeyForm) -> tuple[object, str]:
    """Raises what the services raise."""
    facts = {
        "by": request.user,
        "description": form.cleaned_data["description"],
        "form_id": form.cleaned_data["form_id"],
    }
    if team := form.cleaned_data.get("team"):
        return keys.issue(team=team, **facts)
    return teams.create_with_key(organization=request.access.organization, name=form.cleaned_data["new_team"], **facts)
