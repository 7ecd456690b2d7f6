"""The prices that staff manage, and what is still being priced again after they changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics import price_book
from analytics import tasks as analytics_tasks
from analytics.forms import ModelPriceForm
from analytics.models import ModelPrice, PriceChange
from orgs.admin import ReadOnlyAdmin, staff


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
