"""People: locking accounts, making somebody staff, giving roles.

Whoever may change people is not by that allowed everything: not to give themselves rights, nor to take over the account
of somebody who has more. Only superusers make superusers.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, Q, QuerySet
from django.forms import CheckboxSelectMultiple, EmailField
from django.http import HttpRequest

from accounts import roles, services
from accounts.models import User
from config.admin import DiscreetAdmin
from config.admin.acts import Refused, act_on_each, confirmed
from config.forms import PlainWords

_ROLES = ("is_staff", "groups")
_RIGHTS = (*_ROLES, "is_superuser", "user_permissions")
_PERSON = ("email", "name")


class NewUserForm(PlainWords, AdminUserCreationForm):  # type: ignore[type-arg]  # these three are not subscriptable
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes = {"email": EmailField}

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


class UserForm(PlainWords, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
        field_classes = {"email": EmailField}

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


def is_in_reach(request: HttpRequest, person: User | None) -> bool:
    """Whether everything about the account is this staff member's to change."""
    if person is None or request.user.is_superuser or person == request.user:
        return True
    return not (person.is_staff or _has_more(request, person))


def _gives_roles(request: HttpRequest, person: User | None) -> bool:
    """To others only, and not to superusers: these have no need of roles."""
    return request.user.has_perm("accounts.give_roles") and not (
        person is None or person == request.user or person.is_superuser
    )


@admin.register(User)
class UserAdmin(DjangoUserAdmin, DiscreetAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "state", "role", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("is_active", "created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", *_RIGHTS)}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)
    actions = ("lock", "unlock")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        return super().get_queryset(request).prefetch_related(Prefetch("groups"))

    @admin.display(description="state", ordering="is_active")
    def state(self, person: User) -> str:
        return "In use" if person.is_active else "Locked"

    @admin.display(description="staff", ordering="is_staff")
    def role(self, person: User) -> str:
        if not person.is_staff:
            return ""
        return "Superuser" if person.is_superuser else roles.names(person.groups.all()) or "Without a role"

    # --- Locking ---

    def is_done(self, act: str, record: User) -> bool:
        return record.is_active == (act == "unlock")

    def has_lock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.lock_user")

    @admin.action(description="Lock: sign them out and keep them out", permissions=["lock"])
    @confirmed(
        what_happens="They are signed out everywhere and cannot sign in. The API keys that they made keep working; "
        "to stop those, revoke them or suspend the organization.",
        button="Lock the accounts",
    )
    def lock(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        def lock(person: User) -> None:
            if person == request.user:
                raise Refused("this is your own account.")
            if not is_in_reach(request, person):
                raise Refused("only superusers do that to staff.")
            services.lock_account(user=person, by=request.user)  # type: ignore[arg-type]
            self.log_change(request, person, "Locked the account.")

        act_on_each(self, request, queryset, lock, done="Locked")

    @admin.action(description="Unlock: let them sign in again", permissions=["lock"])
    def unlock(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        def unlock(person: User) -> None:
            if not is_in_reach(request, person):
                raise Refused("only superusers do that to staff.")
            services.unlock_account(user=person, by=request.user)  # type: ignore[arg-type]
            self.log_change(request, person, "Unlocked the account.")

        act_on_each(self, request, queryset, unlock, done="Unlocked")

    # --- Deleting ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with an account needs no right of its own; an organization must not lose its only owner."""
        deleted, counts, _, _ = super().get_deleted_objects(objs, request)
        kept: list[Model] = [one for person in objs for one in services.organizations_owned_alone(person)]
        kept += [person for person in objs if not is_in_reach(request, person)]
        return deleted, counts, set(), kept

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and is_in_reach(request, obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_account(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        for person in queryset:
            services.delete_account(user=person)

    # --- Who may change what of whom ---

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (is_in_reach(request, obj) or _gives_roles(request, obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002 - Django's
        """Whoever gives roles to other staff does not set their passwords."""
        person = self.get_object(request, id)
        if person is not None and not is_in_reach(request, person):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return self.readonly_fields
        fixed = set(_RIGHTS)
        if _gives_roles(request, obj):
            fixed -= set() if _has_more(request, obj) else set(_ROLES)
        if not is_in_reach(request, obj):
            fixed |= set(_PERSON)
        return (*self.readonly_fields, *sorted(fixed))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Nobody gives a role that has a right of which they have none themselves."""
        if db_field.name == "groups":
            options["widget"] = CheckboxSelectMultiple
            if not request.user.is_superuser:
                options["queryset"] = Group.objects.filter(pk__in=[group.pk for group in _given_by(request)])
        return super().formfield_for_manytomany(db_field, request, **options)


def _given_by(request: HttpRequest) -> list[Group]:
    own = request.user.get_all_permissions()
    groups = Group.objects.prefetch_related("permissions__content_type")
    return [
        group
        for group in groups
        if own >= {f"{right.content_type.app_label}.{right.codename}" for right in group.permissions.all()}
    ]


def _has_more(request: HttpRequest, person: User | None) -> bool:
    """Whether they have a right that this staff member has not, or would have it if they were staff again."""
    if person is None or person.is_superuser:
        return person is not None
    rights = Permission.objects.filter(Q(group__user=person) | Q(user=person)).select_related("content_type")
    own = request.user.get_all_permissions()
    return not own >= {f"{right.content_type.app_label}.{right.codename}" for right in rights}


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """The roles that come with the service, and others that superusers make."""

    list_display = ("name", "people")

    @admin.display(description="people")
    def people(self, group: Group) -> int:
        return group.user_set.count()
