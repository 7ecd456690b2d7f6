"""How allauth behaves here: who may sign up, where people land, what mails say, which provider's word is believed.

Rules for Google and GitHub. An account of theirs opens one of ours only by an address that the provider calls verified
and that our account has confirmed too: an account that somebody made with a stranger's address never gets its owner's
sign-in, and no sign-in of the maker survives in it. Accounts with an unconfirmed address connect nothing.
"""

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts import invitations, services
from accounts.models import User
from config import mails


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": (
            "This e-mail address and password do not belong together. Capitals matter in the password."
        ),
        "incorrect_password": "This is not your password. Capitals matter.",
        "enter_current_password": "This is not your current password. Capitals matter.",
        "too_many_login_attempts": "Too many attempts. Wait five minutes, or reset the password.",
        "duplicate_email": "This is your address already.",
        "account_inactive": "This account is locked. Write to support.",
        "invalid_login": "This account cannot sign in here.",
        "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN) or invitations.is_invited(request)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.timezone = services.known_timezone(form.cleaned_data.get("timezone", ""))
        return cast(User, super().save_user(request, user, form, commit))

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        return invitations.is_address_proven(request, email)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """False, with a message, when another account has the address by now."""
        user, email = email_address.user, email_address.email
        if User.objects.filter(email=email).exclude(pk=user.pk).exists():
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email})
            return False
        if email == user.email:
            services.drop_pending_addresses(user=user)
        return bool(super().confirm_email(request, email_address))

    # Where people land

    def post_login(self, request: HttpRequest, user: User, *, signup: bool, **facts: Any) -> HttpResponseBase:
        membership = invitations.join_at_sign_up(request, user=user) if signup else None
        if membership is not None:
            messages.success(request, f"Welcome to {membership.organization.name}.")
            facts["redirect_url"] = reverse("dashboard", args=[membership.organization.slug])
        return cast(HttpResponseBase, super().post_login(request, user, signup=signup, **facts))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return invitations.find_landing_path(request) or cast(str, super().get_login_redirect_url(request))

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return invitations.find_landing_path(request) or reverse("onboarding")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("profile")

    # Mails

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        context = context | {"signup_is_open": settings.SIGNUP_OPEN}
        if "signup_url" in context:
            context["signup_url"] = mails.absolute(reverse("account_signup"))
        if template_prefix == "account/email/account_already_exists":
            context["password_reset_url"] = mails.absolute(reverse("account_reset_password"))
            context["login_url"] = mails.absolute(reverse("account_login"))
        mails.send(template_prefix, to=email, context=context)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return mails.absolute(reverse("account_confirm_email", args=[emailconfirmation.key]))

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return mails.absolute(reverse("account_reset_password_from_key", args=[uid, token]))


class ProviderNotConfigured(SocialApp.DoesNotExist, Http404):  # type: ignore[misc]
    """Its pages are not there without the operator's credentials."""


class TwoFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code does not fit. The app shows a new one every 30 seconds: take the latest.",
        "unverified_email": "Confirm your e-mail address first. Then two-factor sign-in can be turned on.",
        "cannot_generate_recovery_codes": "Turn on two-factor sign-in first. Recovery codes come with it.",
        "cannot_delete_authenticator": "Two-factor sign-in cannot be turned off for this account.",
    }


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultSocialAccountAdapter.error_messages | {
        "disconnect_last": "Without this account you could not sign in any more. Set a password first.",
        "no_password": "Set a password first. Without one you could not sign in any more.",
        "no_verified_email": "Confirm your e-mail address first. Then this account can be disconnected.",
        "connected_other": "That account is connected to another account of this service.",
    }

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return invitations.may_sign_up(request, sociallogin.user.email)

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        try:
            return super().get_provider(request, provider, client_id)
        except SocialApp.DoesNotExist:
            raise ProviderNotConfigured from None

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        for email in _verified_addresses(sociallogin):
            owner = EmailAddress.objects.filter(email=email, verified=True).select_related("user").first()
            if owner is not None:
                return owner.user, email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            _refuse_to_connect_unconfirmed(request)
        elif not sociallogin.is_existing:
            _prepare_sign_up(request, sociallogin)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user = cast(User, super().populate_user(request, sociallogin, data))
        name = data.get("name") or " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        user.name = name[: User._meta.get_field("name").max_length]
        return user


def _verified_addresses(sociallogin: Any) -> list[str]:
    """In lower case, the primary one first."""
    addresses = sorted(sociallogin.email_addresses, key=lambda address: not address.primary)
    return [address.email.lower() for address in addresses if address.verified]


def _refuse_to_connect_unconfirmed(request: HttpRequest) -> None:
    if request.user.is_authenticated and not services.has_verified_email(request.user):
        messages.error(request, "Confirm your e-mail address first: then other accounts can be connected.")
        raise ImmediateHttpResponse(redirect("socialaccount_connections"))


def _prepare_sign_up(request: HttpRequest, sociallogin: Any) -> None:
    """One address, verified by the provider and used by no account of ours, goes into the new account."""
    context = {"provider": sociallogin.account.get_provider().name}
    verified = _verified_addresses(sociallogin)
    if not verified:
        raise ImmediateHttpResponse(render(request, "socialaccount/no_verified_email.html", context, status=403))
    invited = invitations.find_invited_address(request)
    email = invited if invited in verified else verified[0]
    if services.is_address_taken(email):
        context["email"] = email
        raise ImmediateHttpResponse(render(request, "socialaccount/address_taken.html", context, status=409))
    services.drop_claims(email=email)
    sociallogin.email_addresses = [EmailAddress(email=email, verified=True, primary=True)]
    sociallogin.user.email = email
