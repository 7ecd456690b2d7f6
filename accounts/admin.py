from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.forms import EmailField
from django.http import HttpRequest

from accounts import second_factor, services
from accounts.models import User
from config.admin import DiscreetAdmin

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # these three are not subscriptable
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes = {"email": EmailField}

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
        field_classes = {"email": EmailField}

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "created_at", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", *_RIGHTS)}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with an account needs no right of its own; an organization must not lose its only owner."""
        deleted, counts, _, _ = super().get_deleted_objects(objs, request)
        kept: list[Model] = [one for person in objs for one in services.organizations_owned_alone(person)]
        kept += [person for person in objs if not self._is_in_reach(request, person)]
        return deleted, counts, set(), kept

    # Whoever may change people is not by that allowed everything: not to give themselves rights, nor to take over the
    # account of somebody who has them all.

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, *_RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_in_reach(request, obj)

    def _is_in_reach(self, request: HttpRequest, person: User | None) -> bool:
        return person is None or request.user.is_superuser or person == request.user or not person.is_staff

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_account(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            services.delete_account(user=person)


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
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for person in User.objects.filter(pk__in=queryset.values("user_id")):
            services.turn_off_second_factor(user=person)
            self.log_change(request, person, "Turned off two-factor sign-in.")


second_factor.guard(admin.site)
