"""What people type about their own account. Most of it is allauth's, in our words and under our rules."""

from typing import Any

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from allauth.core import context, ratelimit
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.socialaccount import forms as social
from django import forms
from django.contrib.auth.hashers import make_password
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import invitations, services
from accounts.models import User
from config.forms import PlainWords

MAX_ADDRESS_LENGTH = 254
PASSWORD_HELP = "At least 8 characters. No common word, not only digits, nothing like your address."  # noqa: S105


def _say(form: forms.Form, field: str, label: str, help_text: str = "") -> None:
    """Our label and help; the label says what a placeholder would."""
    form.fields[field].label, form.fields[field].help_text = label, help_text
    form.fields[field].widget.attrs.pop("placeholder", None)


def _limit_address(form: forms.Form) -> None:
    """To what the database takes, which is less than what Django's field does."""
    form.fields["email"].validators.append(MaxLengthValidator(MAX_ADDRESS_LENGTH))


class TwicePassword(forms.BaseForm):
    """Says in our words that the two passwords differ."""

    def add_error(self, field: str | None, error: Any) -> None:
        if field == "password2" and not isinstance(error, forms.ValidationError):  # allauth's alone comes as a text
            error = "The two passwords differ. Type the same one twice."
        super().add_error(field, error)


class SignInForm(PlainWords, allauth.LoginForm):  # type: ignore[misc]  # allauth has no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "login", "E-mail address")
        _say(self, "password", "Password")
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autofocus": True}


class SignUpForm(PlainWords, allauth.SignupForm):  # type: ignore[misc]
    # Filled in by static/js/timezone.js; whatever else comes is taken for nothing.
    timezone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-timezone": True}))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "email", "E-mail address")
        _say(self, "password1", "Password", PASSWORD_HELP)
        self.fields["email"].widget.attrs |= {"autofocus": True}
        _limit_address(self)

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if not invitations.may_sign_up(context.request, email):
            raise forms.ValidationError("Only the invited address can sign up here.", code="not_invited")
        return email

    def validate_unique_email(self, value: str) -> str:
        """A taken address is no error that would tell a stranger who has an account: see `try_save`."""
        self.account_already_exists = services.is_address_taken(value)
        return value

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if not self.account_already_exists:
            try:
                with transaction.atomic():
                    return self.save(request), None
            except IntegrityError:  # the same address at the same moment
                if not services.is_address_taken(self.cleaned_data["email"]):
                    raise
        make_password(self.cleaned_data["password1"])  # takes the time that a new account would
        email = self.cleaned_data["email"]
        # The owner of the address is told, and shown the way in. Only so often: the address may be a stranger's.
        if ratelimit.consume(request, action="confirm_email", key=email.lower()):
            get_adapter().send_account_already_exists_mail(email)
        return None, redirect("account_email_verification_sent")


class ResetPasswordForm(PlainWords, allauth.ResetPasswordForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "email", "E-mail address")
        self.fields["email"].widget.attrs |= {"autofocus": True}

    def clean_email(self) -> str:
        email: str = super().clean_email()
        # An address that an account only asked to change to does not open it.
        self.users: list[User] = [user for user in self.users if user.email == email.lower()]
        return email


class NewPasswordForm(TwicePassword, PlainWords, allauth.ResetPasswordKeyForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "password1", "New password", PASSWORD_HELP)
        _say(self, "password2", "New password again")

    def save(self) -> None:
        super().save()
        services.drop_pending_addresses(user=self.user)


class ChangePasswordForm(TwicePassword, PlainWords, allauth.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "oldpassword", "Current password")
        _say(self, "password1", "New password", PASSWORD_HELP)
        _say(self, "password2", "New password again")

    def save(self) -> None:
        super().save()
        assert isinstance(self.user, User)
        services.drop_pending_addresses(user=self.user)


class SetPasswordForm(TwicePassword, PlainWords, allauth.SetPasswordForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "password1", "New password", PASSWORD_HELP)
        _say(self, "password2", "New password again")


class PasswordAgainForm(PlainWords, allauth.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "password", "Your password")
        self.fields["password"].widget.attrs |= {"autofocus": True}


class CodeForm(PlainWords, mfa.AuthenticateForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "code", "Code")
        self.fields["code"].widget.attrs |= {"autofocus": True}


class CodeAgainForm(PlainWords, mfa.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "code", "Code")
        self.fields["code"].widget.attrs |= {"autofocus": True}


class ActivateCodeForm(PlainWords, totp.ActivateTOTPForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "code", "Code", "The six digits that the app shows.")
        self.fields["code"].widget.attrs |= {"inputmode": "numeric"}


class DisconnectForm(PlainWords, social.DisconnectForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "account", "Account to disconnect")


class SocialSignUpForm(PlainWords, social.SignupForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "email", "E-mail address")


class ChangeEmailForm(PlainWords, allauth.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _say(self, "email", "New e-mail address", "We send a link there. Until it is followed, nothing changes.")
        _limit_address(self)

    def save(self, request: HttpRequest) -> Any:
        assert isinstance(self.user, User)
        return services.request_email_change(request, user=self.user, email=self.cleaned_data["email"])


class ProfileForm(PlainWords, forms.Form):
    name = forms.CharField(
        label="Name",
        required=False,
        max_length=User._meta.get_field("name").max_length,
        help_text="Shown to the members of your organizations.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class TypedForm(PlainWords, forms.Form):
    """Something that cannot be taken back lightly: its name is typed."""

    typed = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *arguments: Any, expected: str, label: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._expected = expected
        self.fields["typed"].label = label
        self.fields["typed"].error_messages["required"] = f"{label} to go on."

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if " ".join(typed.split()).casefold() != self._expected.casefold():
            raise forms.ValidationError("This is not “%(expected)s”.", params={"expected": self._expected})
        return typed
