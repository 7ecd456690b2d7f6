"""Inviting people (owners), and what the invited see behind their link."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import invitations as own_invitation
from accounts.invitations import Unconfirmed
from accounts.models import User
from accounts.services import has_verified_email, is_address_taken
from orgs import access
from orgs.forms import InviteForm
from orgs.models import Invitation
from orgs.services import invitations
from orgs.services.invitations import Followed, InvitationClosed, NotInvited
from orgs.views.members import render_members
from orgs.web import OrganizationRequest, organization_page

# --- Owners -----------------------------------------------------------------------------------------------------------


@require_POST
@organization_page("owner", writes=True)
def invite(request: OrganizationRequest) -> HttpResponse:
    if not has_verified_email(request.user):
        return _refuse_unverified(request)
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            invitation, was_sent = invitations.invite(
                organization=request.access.organization,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                by=request.user,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _tell_sent(request, invitation, was_sent)
            return _back(request)
    return render_members(request, form)


@require_POST
@organization_page("owner", writes=True)
def send_again(request: OrganizationRequest, invitation_id: int) -> HttpResponse:
    if not has_verified_email(request.user):
        return _refuse_unverified(request)
    invitation = _get_open(request, invitation_id)
    try:
        was_sent = invitations.send_again(invitation=invitation, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except InvitationClosed as closed:
        messages.error(request, f"The invitation of {invitation.email} was {closed.state} in the meantime.")
    else:
        _tell_sent(request, invitation, was_sent)
    return _back(request)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page("owner")
def revoke(request: OrganizationRequest, invitation_id: int) -> HttpResponse:
    invitation = _get_open(request, invitation_id)
    if request.method != "POST":
        return render(request, "orgs/invitation_revoke.html", {"nav": "organization", "invitation": invitation})
    try:
        invitations.revoke(invitation=invitation, by=request.user)
    except InvitationClosed as closed:
        messages.error(request, f"The invitation of {invitation.email} was {closed.state} in the meantime.")
    else:
        messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return _back(request)


def _get_open(request: OrganizationRequest, invitation_id: int) -> Invitation:
    found = Invitation.objects.of(request.access.organization).open().with_inviters()
    return get_object_or_404(found, pk=invitation_id)


def _refuse_unverified(request: OrganizationRequest) -> HttpResponse:
    messages.error(request, "Confirm your e-mail address first: then you can invite people.")
    return _back(request)


def _tell_sent(request: OrganizationRequest, invitation: Invitation, was_sent: bool) -> None:
    if own_invitation.is_without_mail():
        messages.success(request, f"{invitation.email} is invited. Mails go to the console here: copy the link below.")
    elif was_sent:
        messages.success(request, f"The invitation is on its way to {invitation.email}.")
    else:
        words = f"The mail to {invitation.email} could not be sent. Copy the link below and pass it on yourself."
        messages.warning(request, words)


def _back(request: OrganizationRequest) -> HttpResponse:
    return redirect("organization", slug=request.access.organization.slug)


# --- The invited ------------------------------------------------------------------------------------------------------


@require_safe
@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail: the session remembers it, so that it lasts over signing in or up."""
    followed = invitations.find_followed(token)
    if followed is None:
        return render(request, "orgs/invitation_unknown.html", status=404)
    own_invitation.remember(request, followed)
    return redirect("invitation")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def answer(request: HttpRequest) -> HttpResponse:
    """Where this session's invitation stands, and the button to accept it."""
    followed = own_invitation.find(request)
    if followed is None:
        return render(request, "orgs/invitation_unknown.html", status=404)
    if request.method == "POST" and isinstance(request.user, User):
        try:
            membership = own_invitation.join(request, user=request.user)
        except (InvitationClosed, NotInvited, Unconfirmed):
            return redirect("invitation")
        messages.success(request, f"Welcome to {membership.organization.name}.")
        return redirect("dashboard", slug=membership.organization.slug)
    return _render_answer(request, followed)


def _render_answer(request: HttpRequest, followed: Followed) -> HttpResponse:
    invitation = followed.invitation
    context: dict[str, Any] = {"invitation": invitation, "organization": invitation.organization}
    if not invitation.is_usable:
        context["state"] = invitation.state
        memberships = access.memberships_of(request.user)
        context["is_member"] = any(found.organization_id == invitation.organization_id for found in memberships)
        return render(request, "orgs/invitation_closed.html", context)
    if not request.user.is_authenticated:
        # Whoever reads the mail of the address may know whether it has an account; holders of a copied link may not.
        context["has_account"] = is_address_taken(invitation.email) if followed.is_mailed else None
        return render(request, "orgs/invitation.html", context)
    if request.user.get_username() != invitation.email:
        token = (invitations.mailed_token if followed.is_mailed else invitations.copied_token)(invitation)
        context["token"] = token
        return render(request, "orgs/invitation_other_address.html", context)
    if not own_invitation.may_join(request, request.user):
        return render(request, "orgs/invitation_unconfirmed.html", context)
    return render(request, "orgs/invitation.html", context)
