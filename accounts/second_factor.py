"""Who may enter the admin pages: staff, and with ADMIN_REQUIRES_2FA only those whose account asks for a code."""

from typing import cast

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts.models import User


def guard(site: AdminSite) -> None:
    """Staff sign in where everybody does: with the same limits, and with their second factor."""
    sign_in = secure_admin_login(site.login)

    def login(request: HttpRequest, *arguments: object, **options: object) -> HttpResponseBase:
        if _is_staff(request) and not _may_enter(request):
            messages.error(request, "The admin pages are for accounts with two-factor sign-in: turn it on here first.")
            return redirect("mfa_index")
        return cast(HttpResponseBase, sign_in(request, *arguments, **options))

    site.has_permission = _may_enter  # type: ignore[method-assign]
    site.login = login  # type: ignore[method-assign,assignment]


def _is_staff(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_active and request.user.is_staff


def _may_enter(request: HttpRequest) -> bool:
    if not _is_staff(request):
        return False
    return not settings.ADMIN_REQUIRES_2FA or _has_second_factor(request)


def _has_second_factor(request: HttpRequest) -> bool:
    """One query for each request."""
    known: bool | None = getattr(request, "_has_second_factor", None)
    if known is None:
        known = Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.TOTP).exists()
        request._has_second_factor = known  # type: ignore[attr-defined]
    return known
