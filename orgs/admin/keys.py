"""Teams and their keys."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.admin.acts import act_on_each, confirmed
from orgs.admin.base import RecordAdmin, staff
from orgs.models import ApiKey, Team
from orgs.services import keys, teams


class EndedFilter(admin.SimpleListFilter):
    """Whether it is in use: revoked and archived records stay for ever."""

    title = "use"
    parameter_name = "use"
    column = ""
    ended = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "In use"), ("no", self.ended)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "yes"})


class ArchivedFilter(EndedFilter):
    column, ended = "archived_at", "Archived"


class RevokedFilter(EndedFilter):
    column, ended = "revoked_at", "Revoked"


@admin.register(Team)
class TeamAdmin(RecordAdmin):
    list_display = ("name", "organization", "archived_at", "created_at")
    list_filter = (ArchivedFilter,)
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

    def is_done(self, act: str, record: Team) -> bool:
        return record.is_archived

    @admin.action(description="Archive, and revoke its keys", permissions=["end"])
    @confirmed(
        what_happens="All of their API keys are revoked for good: calls with them are refused within a second. "
        "What they spent stays.",
        button="Archive the teams",
    )
    def archive(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        act_on_each(self, request, queryset, lambda team: teams.archive(team=team, by=staff(request)), done="Archived")


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    """Keys are not made here: a new key would have to be shown, and pages of this kind are kept and logged."""

    list_display = ("label", "masked", "team", "organization", "created_at", "revoked_at")
    list_filter = (RevokedFilter,)
    list_select_related = ("team", "organization")
    search_fields = ("description", "prefix", "last4", "team__name", "organization__name", "organization__slug")
    fields = ("description", "masked", "team", "organization", "created_by", "created_at", "revoked_by", "revoked_at")
    readonly_fields = ("masked", "team", "organization", "created_by", "created_at", "revoked_by", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        self.save_changes(request, obj, form.changed_data, obj.organization_id)

    def is_done(self, act: str, record: ApiKey) -> bool:
        return record.is_revoked

    @admin.action(description="Revoke for good", permissions=["end"])
    @confirmed(
        what_happens="Calls with them are refused within a second, and there is no way back.",
        button="Revoke the keys",
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        act_on_each(self, request, queryset, lambda key: keys.revoke(key=key, by=staff(request)), done="Revoked")
