"""A person's own account: name, what it is protected by, leaving. Most of its sub-pages are allauth's."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import activate_totp as allauth_activate_totp
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import ProfileForm, TypedForm
from accounts.models import User
from orgs import access


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    person = cast(User, request.user)
    form = ProfileForm(request.POST or None, initial={"name": person.name})
    if request.method == "POST" and form.is_valid():
        services.rename(user=person, name=form.cleaned_data["name"])
        messages.success(request, "Your name is saved.")
        return redirect("profile")
    context = {
        "form": form,
        "is_verified": services.has_verified_email(person),
        "has_totp": Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists(),
        "connected_count": SocialAccount.objects.filter(user=person).count(),
        "deleted_organizations": [found.organization for found in access.deleted_memberships_of(person)],
    }
    return render(request, "accounts/profile.html", context)


@require_POST
@login_required
def resend_verification(request: HttpRequest) -> HttpResponse:
    """The answer of allauth's own messages says where the mail went."""
    if not services.send_verification(request, user=cast(User, request.user)):
        messages.info(request, "The last mail is only minutes old. Look for it among the unwanted ones, too.")
    return redirect(get_next_redirect_url(request) or "profile")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def activate_totp(request: HttpRequest) -> HttpResponseBase:
    """A stranger could otherwise sign up with somebody's address and lock them out of it for good."""
    if not services.has_verified_email(request.user):
        messages.error(request, "Confirm your e-mail address first: then two-factor sign-in can be turned on.")
        return redirect("mfa_index")
    page: HttpResponseBase = allauth_activate_totp(request)
    return page


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@reauthentication_required(app="allauth.account")  # type: ignore[untyped-decorator]  # allauth has no types
def delete(request: HttpRequest) -> HttpResponse:
    person = cast(User, request.user)
    owned_alone = services.organizations_owned_alone(person)
    form = TypedForm(request.POST or None, expected=person.email, label="Type your e-mail address")
    if request.method == "POST" and not owned_alone and form.is_valid():
        try:
            services.delete_account(user=person)
        except ValidationError:  # an owner of theirs has left at this moment
            return redirect("delete-account")
        logout(request)
        messages.success(request, "Your account is deleted.")
        return redirect("home")
    context = {"form": form, "owned_alone": owned_alone, "memberships_count": access.memberships_of(person).count()}
    return render(request, "accounts/delete.html", context)
