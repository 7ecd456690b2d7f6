"""Who did what, and what the processes were told of it. Nothing here can be changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from config.admin.lists import NewestFirstAdmin, NewestSearchedAdmin
from orgs.admin.base import OrganizationFilter, ReadOnlyAdmin
from orgs.audit_words import SUBJECTS
from orgs.models import AuditEntry, BudgetAlert, RefusedCall, RevocationEntry
from orgs.services import budgets


@admin.register(RevocationEntry)
class RevocationEntryAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    list_display = ("id", "kind", "organization", "api_key", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization", "api_key")


@admin.register(RefusedCall)
class RefusedCallAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    """For those who may see keys."""

    list_display = ("created_at", "organization", "api_key", "code")
    list_filter = (OrganizationFilter,)
    list_select_related = ("organization", "api_key")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("orgs.view_apikey")


@admin.register(BudgetAlert)
class BudgetAlertAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    """For those who may see organizations."""

    list_display = ("reached_at", "organization", "month", "reached", "sent_at")
    list_filter = (OrganizationFilter,)
    list_select_related = ("organization",)
    fields = ("organization", "month", "reached", "reached_at", "sent_at", "is_armed")

    @admin.display(description="what was reached")
    def reached(self, alert: BudgetAlert) -> str:
        return f"{alert.threshold} % of {budgets.in_words(alert.budget_pico_usd)}"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("orgs.view_organization")


class SubjectFilter(admin.SimpleListFilter):
    title = "subject"
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return SUBJECTS.items()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.about(value) if value in SUBJECTS else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(NewestSearchedAdmin, ReadOnlyAdmin):
    list_display = ("created_at", "organization", "who", "words")
    list_filter = (SubjectFilter,)
    list_select_related = ("organization", "actor")
    search_fields = ("action", "target", "=organization__slug", "actor__email")
    search_help_text = (
        "What it was about, the address of who did it, or the slug of an organization, in the newest 20,000 entries. "
        "All of an organization are reached from its page."
    )
    unindexed_filters = ("subject",)
    order_when_narrowed = ("-id",)
    fields = ("created_at", "organization", "who", "words", "action", "target", "details")

    @admin.display(description="what")
    def words(self, entry: AuditEntry) -> str:
        return entry.words

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor.get_username() if entry.actor else "The service"
