"""The people of an organization: who they are, their roles, their going. Inviting is in `invitations`."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone as clock
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.invitations import is_without_mail
from accounts.services import has_verified_email
from orgs.forms import InviteForm, RoleForm
from orgs.models import Invitation, Membership
from orgs.services import invitations, members
from orgs.services.members import NoLongerMember
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    return render_members(request, InviteForm())


def render_members(request: OrganizationRequest, form: InviteForm) -> HttpResponse:
    organization = request.access.organization
    now = clock.now()
    pending = Invitation.objects.of(organization).open().with_inviters()
    people = list(Membership.objects.inside(organization))
    context = {
        "nav": "organization",
        "form": form,
        "people": people,
        "has_one_owner": sum(membership.is_owner for membership in people) == 1,
        "pending": [
            {
                "invitation": invitation,
                "is_expired": invitation.expires_at <= now,
                "link": invitations.link(invitations.copied_token(invitation)) if request.access.is_owner else "",
            }
            for invitation in pending
        ],
        "may_invite": request.access.is_owner and has_verified_email(request.user),
        "is_without_mail": is_without_mail(),
    }
    return render(request, "orgs/members.html", context)


@require_POST
@organization_page("owner", writes=True)
def change_role(request: OrganizationRequest, membership_id: int) -> HttpResponse:
    membership = _get_membership(request, membership_id)
    form = RoleForm(request.POST)
    try:
        if not form.is_valid():
            raise ValidationError("Choose one of the roles.")
        members.change_role(membership=membership, role=form.cleaned_data["role"], by=request.user)
    except (ValidationError, NoLongerMember) as error:
        messages.error(request, _words(error, membership))
    else:
        role = "an owner" if membership.is_owner else "a member"
        messages.success(request, f"{membership.user.get_username()} is {role} now.")
    return _back(request)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page("owner")
def remove(request: OrganizationRequest, membership_id: int) -> HttpResponse:
    membership = _get_membership(request, membership_id)
    if membership.user_id == request.user.pk:
        return redirect("leave", slug=request.access.organization.slug)
    if request.method != "POST":
        return render(request, "orgs/member_remove.html", {"nav": "organization", "membership": membership})
    try:
        members.remove(membership=membership, by=request.user)
    except (ValidationError, NoLongerMember) as error:
        messages.error(request, _words(error, membership))
    else:
        messages.success(request, f"{membership.user.get_username()} has no access any more.")
    return _back(request)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page()
def leave(request: OrganizationRequest) -> HttpResponse:
    membership = get_object_or_404(Membership.objects.inside(request.access.organization), user_id=request.user.pk)
    if request.method != "POST":
        context = {"nav": "organization", "is_last_owner": members.is_last_owner(membership)}
        return render(request, "orgs/member_leave.html", context)
    try:
        members.leave(membership=membership)
    except ValidationError as error:
        messages.error(request, _words(error, membership))
        return _back(request)
    except NoLongerMember:
        pass
    messages.success(request, f"You left {request.access.organization.name}.")
    return redirect("app")


def _get_membership(request: OrganizationRequest, membership_id: int) -> Membership:
    return get_object_or_404(Membership.objects.inside(request.access.organization), pk=membership_id)


def _words(error: Exception, membership: Membership) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return f"{membership.user.get_username()} is no member any more."


def _back(request: OrganizationRequest) -> HttpResponse:
    return redirect("organization", slug=request.access.organization.slug)
