from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from config.admin import DiscreetAdmin
from orgs.models import ApiKey, AuditEntry, Invitation, Membership, Organization, RevocationEntry, Team
from orgs.services import audit, keys, members, organizations, teams


class RecordAdmin(DiscreetAdmin):
    """What carries spend is never deleted, and some fields are chosen once."""

    fields_chosen_once: tuple[str, ...] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(self.fields_chosen_once if obj else ()))

    def save_changes(self, request: HttpRequest, obj: Any, changed: list[str], organization_id: int) -> None:
        """Save the changed fields and note which, not what was in them."""
        if changed:
            obj.save(update_fields=changed)
            kind = str(obj._meta.verbose_name).lower().replace(" ", "_")
            audit.record(
                organization_id=organization_id,
                action=f"{kind}.changed",
                target=str(obj),
                by=request.user if request.user.is_authenticated else None,
                fields=", ".join(changed),
            )


class ReadOnlyAdmin(RecordAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def staff(request: HttpRequest) -> Any:
    """The person at the admin pages, for `by=`."""
    return request.user


@admin.register(Organization)
class OrganizationAdmin(RecordAdmin):
    list_display = ("name", "slug", "timezone", "is_active", "deleted_at", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "is_active", "deleted_at", "created_at")
    readonly_fields = ("slug", "is_active", "deleted_at", "created_at")
    fields_chosen_once = ("timezone",)  # The days of past spend were cut in it.
    actions = ("suspend", "resume")

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        if change:
            self.save_changes(request, obj, form.changed_data, obj.pk)
        else:
            made = organizations.create(name=obj.name, timezone=obj.timezone, by=staff(request))
            obj.pk, obj.slug = made.pk, made.slug

    @admin.action(description="Suspend: refuse all of their keys", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        for organization in queryset:
            organizations.suspend(organization=organization, by=staff(request))

    @admin.action(description="Resume: accept their keys again", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        for organization in queryset:
            organizations.resume(organization=organization, by=staff(request))


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name", "organization__slug")
    autocomplete_fields = ("organization", "user")
    fields_chosen_once = ("organization", "user")
    actions = ("remove",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if not change:
            made = members.add(organization=obj.organization, user=obj.user, role=obj.role, by=staff(request))
            obj.pk = made.pk
            return
        try:
            members.change_role(membership=obj, role=obj.role, by=staff(request))
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)

    @admin.action(description="Remove from the organization", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            try:
                members.remove(membership=membership, by=staff(request))
            except ValidationError as error:
                self.message_user(request, f"{membership}: {' '.join(error.messages)}", messages.ERROR)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "organization", "role", "state", "invited_by", "created_at", "expires_at")
    list_select_related = ("organization", "invited_by")
    search_fields = ("email", "organization__name", "organization__slug")
    exclude = ("nonce",)


@admin.register(Team)
class TeamAdmin(RecordAdmin):
    list_display = ("name", "organization", "archived_at", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name", "organization__slug")
    autocomplete_fields = ("organization",)
    fields = ("organization", "name", "archived_at", "created_at")
    readonly_fields = ("archived_at", "created_at")
    fields_chosen_once = ("organization",)
    actions = ("archive",)

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        if change:
            self.save_changes(request, obj, form.changed_data, obj.organization_id)
        else:
            obj.pk = teams.create(organization=obj.organization, name=obj.name, by=staff(request)).pk

    @admin.action(description="Archive, and revoke its keys", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        for team in queryset:
            teams.archive(team=team, by=staff(request))


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    """Keys are not made here: a new key would have to be shown, and pages of this kind are kept and logged."""

    list_display = ("label", "masked", "team", "organization", "created_at", "revoked_at")
    list_select_related = ("team", "organization")
    search_fields = ("description", "prefix", "last4", "team__name", "organization__name", "organization__slug")
    fields = ("description", "masked", "team", "organization", "created_by", "created_at", "revoked_at")
    readonly_fields = ("masked", "team", "organization", "created_by", "created_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        self.save_changes(request, obj, form.changed_data, obj.organization_id)

    @admin.action(description="Revoke for good", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke(key=key, by=staff(request))


@admin.register(RevocationEntry)
class RevocationEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "organization", "api_key", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization", "api_key")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "organization", "action", "target", "actor")
    list_select_related = ("organization", "actor")
    search_fields = ("action", "target", "organization__slug", "actor__email")
