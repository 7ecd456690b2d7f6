"""What allauth keeps about people: to look at, without its secrets."""

from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts import services
from accounts.admin.users import is_in_reach
from accounts.models import User
from config.admin import DiscreetAdmin
from config.admin.acts import Refused, act_on_each, confirmed
from orgs.admin import staff

# allauth's own pages show secrets (second factors, sessions, providers' tokens) and change what only its flows may.
ALLAUTH_APPS = ("account", "mfa", "socialaccount", "usersessions")
for _app in ALLAUTH_APPS:
    import_module(f"allauth.{_app}.admin")
for _model in [model for model in admin.site._registry if model._meta.app_label in ALLAUTH_APPS]:
    admin.site.unregister(_model)


class LookAtAdmin(DiscreetAdmin):
    list_select_related = ("user",)
    search_fields = ("user__email",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(EmailAddress)
class EmailAddressAdmin(LookAtAdmin):
    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified",)


@admin.register(SocialAccount)
class SocialAccountAdmin(LookAtAdmin):
    list_display = ("user", "provider", "last_login", "date_joined")
    list_filter = ("provider",)
    fields = ("user", "provider", "uid", "last_login", "date_joined")


@admin.register(Authenticator)
class AuthenticatorAdmin(LookAtAdmin):
    """Whoever has lost phone and recovery codes is let in by an action here, and hears of it by mail."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    fields = ("user", "type", "created_at", "last_used_at")
    actions = ("turn_off",)

    def has_turn_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mfa.delete_authenticator")

    @admin.action(description="Turn off two-factor sign-in of these people", permissions=["turn_off"])
    @confirmed(
        what_happens="Their passwords alone will open their accounts. They are told by mail. "
        "Be sure that it is they who ask.",
        button="Turn off two-factor sign-in",
    )
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        def turn_off(person: User) -> None:
            if not is_in_reach(request, person):
                raise Refused("only superusers do that to staff.")
            services.turn_off_second_factor(user=person, by=staff(request))
            self.log_change(request, person, "Turned off two-factor sign-in.")

        people = User.objects.filter(pk__in=queryset.values("user_id"))
        act_on_each(self, request, people, turn_off, done="Turned off for")
