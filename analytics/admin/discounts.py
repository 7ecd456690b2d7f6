"""Negotiated discounts."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics import price_book
from analytics.admin.previewing import PreviewedAdmin
from analytics.forms import DiscountForm
from analytics.models import Discount
from analytics.models.price_edits import say_percent
from orgs.admin import staff


@admin.register(Discount)
class DiscountAdmin(PreviewedAdmin):
    form = DiscountForm
    list_display = ("organization", "percent", "provider_or_all", "effective_from", "effective_until", "created_by")
    list_filter = ("provider",)
    list_select_related = ("organization", "created_by")
    search_fields = ("organization__name", "organization__slug", "note")
    ordering = ("organization_id", "provider", "-effective_from")
    autocomplete_fields = ("organization",)

    @admin.display(description="discount", ordering="basis_points")
    def percent(self, row: Discount) -> str:
        return say_percent(row.basis_points)

    @admin.display(description="provider", ordering="provider")
    def provider_or_all(self, row: Discount) -> str:
        return row.provider or "all"

    def save_model(self, request: HttpRequest, obj: Discount, form: Any, change: bool) -> None:
        price_book.save_discount(discount=obj, by=staff(request))
        self.follow(request)

    def delete(self, row: Discount, request: HttpRequest) -> None:
        price_book.delete_discount(discount=row, by=staff(request))
