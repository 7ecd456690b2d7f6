"""Who did what, and what the processes were told of it. Nothing here can be changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.admin.lists import NewestFirstAdmin, NewestSearchedAdmin
from orgs.admin.base import ReadOnlyAdmin
from orgs.audit_words import SUBJECTS
from orgs.models import AuditEntry, RevocationEntry


@admin.register(RevocationEntry)
class RevocationEntryAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    list_display = ("id", "kind", "organization", "api_key", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization", "api_key")


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
