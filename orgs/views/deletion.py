"""Deleting an organization and having it back. Its page is open to its owners after the deletion, too."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import TypedForm
from orgs import access
from orgs.models import Organization
from orgs.models.organization import PURGED_AFTER
from orgs.services import organizations
from orgs.web import OrganizationRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    organization = _open(request, slug)
    if organization.is_deleted:
        return render(request, "orgs/deleted.html", {"organization": organization})
    form = TypedForm(request.POST or None, expected=organization.name, label=f"Type “{organization.name}”")
    if request.method == "POST" and form.is_valid():
        organizations.delete(organization=organization, by=cast(AbstractBaseUser, request.user))
        return redirect("organization-delete", slug=slug)
    context = {
        "form": form,
        "nav": "organization",
        "organization": organization,
        "key_count": organization.api_keys.active().count(),
        "member_count": organization.memberships.count(),
        "days": PURGED_AFTER.days,
    }
    return render(request, "orgs/delete.html", context)


@require_POST
@login_required
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    organization = _open(request, slug)
    try:
        organizations.undo_deletion(organization=organization, by=cast(AbstractBaseUser, request.user))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("organization-delete", slug=slug)
    messages.success(request, f"{organization.name} is back. Its keys work again.")
    return redirect("dashboard", slug=slug)


def _open(request: HttpRequest, slug: str) -> Organization:
    """The owner's organization, deleted or not. 404 for outsiders, and for members once it is deleted; else 403."""
    found = access.get_access(request.user, slug, or_deleted=True)
    if not found.is_owner:
        raise access.NoAccess if found.organization.is_deleted else PermissionDenied
    if not found.organization.is_deleted:
        cast(OrganizationRequest, request).access = found
    return found.organization
