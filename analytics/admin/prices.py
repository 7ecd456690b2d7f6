"""Prices that staff enter, and the pages around them: all prices, the history of a model, files of prices."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from analytics import price_book
from analytics.admin import price_pages
from analytics.admin.previewing import PreviewedAdmin
from analytics.forms import ModelPriceForm
from analytics.models import ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book.overlaps import say_overlaps
from orgs.admin import staff

_WRITES = ("cache_write_5m", "cache_write_1h")
_SOUND_AND_IMAGES = ("input_audio", "output_audio", "input_image", "output_image")
_ELSE = ("web_searches", "file_searches", "characters", "audio_ms")


def _columns(*buckets: str) -> tuple[str, ...]:
    return tuple(RATE_COLUMNS[bucket] for bucket in buckets)


@admin.register(ModelPrice)
class ModelPriceAdmin(PreviewedAdmin):
    """After saving or deleting a price here, the records that it concerns are repriced in the background."""

    form = ModelPriceForm
    list_display = ("model", "provider", "organization", "effective_from", "effective_until", "created_by")
    list_filter = ("provider",)
    list_select_related = ("organization", "created_by")
    search_fields = ("model", "organization__name", "organization__slug", "note")
    ordering = ("provider", "model", "organization_id", "-effective_from")
    fieldsets = (
        (None, {"fields": ("provider", "model", "organization", "effective_from", "effective_until", "note")}),
        ("Text, in USD per million tokens", {"fields": _columns("input", "output", "cache_read", *_WRITES)}),
        ("Sound and images, in USD per million tokens", {"fields": _columns(*_SOUND_AND_IMAGES)}),
        ("What is sold otherwise, in USD", {"fields": _columns(*_ELSE)}),
    )
    autocomplete_fields = ("organization",)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        pages = [
            path("book/", guard(price_pages.browse), name="analytics_price_book"),
            path("book/<str:provider>/<path:model>/", guard(price_pages.show_model), name="analytics_price_history"),
            path("export/", guard(price_pages.export), name="analytics_price_export"),
            path("import/", guard(price_pages.import_file), name="analytics_price_import"),
        ]
        return [*pages, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        price_book.save_price(price=obj, by=staff(request))
        self.follow(request)

    def delete(self, row: ModelPrice, request: HttpRequest) -> None:
        price_book.delete_price(price=row, by=staff(request))

    def notes(self, row: ModelPrice) -> list[str]:
        return say_overlaps(row)
