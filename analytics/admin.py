from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics import price_book
from analytics import tasks as analytics_tasks
from analytics.forms import ModelPriceForm
from analytics.models import (
    CreatedObject,
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    ModelPrice,
    PriceChange,
    RejectedRecord,
    SeenValue,
    UsageBatch,
)
from orgs.admin import ReadOnlyAdmin, staff
from proxy import tasks


@admin.register(ModelPrice)
class ModelPriceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable while running
    """After saving or deleting a price here, the records that it concerns are repriced in the background."""

    form = ModelPriceForm
    list_display = ("provider", "model", "organization", "effective_from", "effective_until", "created_by")
    list_filter = ("provider",)
    list_select_related = ("organization", "created_by")
    search_fields = ("model", "organization__name", "organization__slug", "note")
    autocomplete_fields = ("organization",)

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        price_book.save_price(price=obj, by=staff(request))
        self._follow(request)

    def delete_model(self, request: HttpRequest, obj: ModelPrice) -> None:
        price_book.delete_price(price=obj)
        self._follow(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ModelPrice]) -> None:
        for price in queryset:
            price_book.delete_price(price=price)
        self._follow(request)

    def _follow(self, request: HttpRequest) -> None:
        analytics_tasks.follow_price_change()
        text = "Requests from now on have the new prices. Earlier ones are priced again in the background."
        self.message_user(request, text)


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdmin):
    """What is still being priced again after prices have changed. Empty when all is up to date."""

    list_display = ("created_at", "provider", "model", "organization_id", "starts_at", "ends_at", "done_until")
    ordering = ("pk",)


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
