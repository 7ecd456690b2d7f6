"""The records of usage and cost, and what became of the journal's segments."""

from uuid import uuid4

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.models import (
    CreatedObject,
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    RejectedRecord,
    SeenValue,
    UsageBatch,
)
from orgs.admin import ReadOnlyAdmin
from proxy import tasks


@admin.register(LedgerRecord)
class LedgerRecordAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "started_at",
        "organization_id",
        "provider",
        "model",
        "status",
        "cost_pico_usd",
        "cost_status",
    )
    list_filter = ("provider", "cost_status", "state")
    search_fields = ("=id", "=provider_request_id")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(UsageBatch)
class UsageBatchAdmin(ReadOnlyAdmin):
    list_display = ("segment_id", "posted_at", "line_count", "inserted_count", "rejected_count")
    search_fields = ("=segment_id",)
    ordering = ("-posted_at",)
    show_full_result_count = False


@admin.register(RejectedRecord)
class RejectedRecordAdmin(ReadOnlyAdmin):
    list_display = ("segment_id", "line_number", "reason", "created_at")
    search_fields = ("=segment_id", "reason")
    ordering = ("-created_at", "line_number")
    actions = ("post_again",)

    @admin.action(description="Post again, after a fix", permissions=["view"])
    def post_again(self, request: HttpRequest, queryset: QuerySet[RejectedRecord]) -> None:
        """The lines become a segment of their own; those that are rejected again come back under its id."""
        rejected = list(queryset.order_by("segment_id", "line_number"))
        segment_id = str(uuid4())
        tasks.post_batch(segment_id, [record.line for record in rejected])
        RejectedRecord.objects.filter(pk__in=[record.pk for record in rejected]).delete()
        receipt = UsageBatch.objects.get(segment_id=segment_id)
        level = messages.WARNING if receipt.rejected_count else messages.SUCCESS
        self.message_user(request, f"{receipt.inserted_count} posted, {receipt.rejected_count} rejected again.", level)


@admin.register(CreatedObject)
class CreatedObjectAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "organization_id", "provider", "object_id", "record_id", "is_final", "completed_at")
    list_filter = ("provider", "is_final")
    search_fields = ("=object_id", "=record_id", "=alias_of")
    ordering = ("-created_at", "-id")
    show_full_result_count = False


@admin.register(DailyUsage)
class DailyUsageAdmin(ReadOnlyAdmin):
    list_display = ("day", "organization_id", "team_id", "prompt_key", "model", "request_count", "cost_pico_usd")
    list_filter = ("provider",)
    search_fields = ("=organization_id", "prompt_key", "model")
    ordering = ("-day", "id")
    show_full_result_count = False


@admin.register(DailyTagUsage)
class DailyTagUsageAdmin(ReadOnlyAdmin):
    list_display = ("day", "organization_id", "tag", "prompt_key", "model", "request_count", "cost_pico_usd")
    list_filter = ("provider",)
    search_fields = ("=organization_id", "tag", "prompt_key", "model")
    ordering = ("-day", "id")
    show_full_result_count = False


@admin.register(SeenValue)
class SeenValueAdmin(ReadOnlyAdmin):
    list_display = ("organization_id", "kind", "value", "day")
    list_filter = ("kind",)
    search_fields = ("=organization_id", "value")
    ordering = ("-day", "id")
    show_full_result_count = False
