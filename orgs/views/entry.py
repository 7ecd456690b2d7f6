"""The way into the signed-in pages: which organization comes first, and making another one."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from orgs import access
from orgs.forms import OrganizationForm
from orgs.services import organizations
from orgs.web import LAST_ORGANIZATION


@require_safe
@login_required
def enter(request: HttpRequest) -> HttpResponse:
    """To the organization that this session saw last, else to the first by name, else to making one."""
    slugs = [membership.organization.slug for membership in access.memberships_of(request.user)]
    if not slugs:
        return redirect("organization-new")
    last = request.session.get(LAST_ORGANIZATION)
    return redirect("dashboard", slug=last if last in slugs else slugs[0])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create_organization(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        owner = cast(AbstractBaseUser, request.user)
        organization = organizations.create(
            name=form.cleaned_data["name"], timezone=form.cleaned_data["timezone"], owner=owner
        )
        messages.success(request, f"{organization.name} is yours. Next: a team and its first API key.")
        return redirect("dashboard", slug=organization.slug)
    return render(request, "orgs/new.html", {"form": form, "deleted": access.deleted_memberships_of(request.user)})
