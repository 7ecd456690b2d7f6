from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics import price_book
from analytics.models import (
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    ModelPrice,
    RejectedRecord,
    SeenValue,
    UsageBatch,
)
from analytics.models.prices import RATE_COLUMNS
from orgs.admin import ReadOnlyAdmin, staff
from proxy import tasks


class ModelPriceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable while running
    class Meta:
        model = ModelPrice
        fields = (
            *("provider", "model", "organization", "effective_from", "effective_until"),
            *RATE_COLUMNS,
            "note",
        )

    # As it will be saved, so that the form finds a price that is there already.
    def clean_provider(self) -> str:
        return str(self.cleaned_data["provider"]).strip().lower()

    def clean_model(self) -> str:
        return str(self.cleaned_data["model"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price_book.check_price(ModelPrice(**cleaned))
        return cleaned


@admin.register(ModelPrice)
class ModelPriceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable while running
    """Saving or deleting a price here reprices the records that it concerns."""

    form = ModelPriceForm
    list_display = ("provider", "model", "organization", "effective_from", "effective_until", "created_by")
    list_filter = ("provider",)
    list_select_related = ("organization", "created_by")
    search_fields = ("model", "organization__name", "organization__slug", "note")
    autocomplete_fields = ("organization",)

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        price_book.save_price(price=obj, by=staff(request))

    def delete_model(self, request: HttpRequest, obj: ModelPrice) -> None:
        price_book.delete_price(price=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ModelPrice]) -> None:
        for price in queryset:
            price_book.delete_price(price=price)


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
