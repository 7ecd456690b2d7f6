"""What was done to the prices, by whom, how far the repricing of past requests is, and what it came to."""

from datetime import datetime
from typing import Any

import msgspec
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics.admin.previewing import PriceRights, name_months
from analytics.models import PriceChange, PriceEdit, PriceEditLine
from analytics.models.price_edits import say_percent
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book.edits import say_moment
from analytics.price_book.listing import UNITS
from analytics.receipts import BUCKET_NAMES
from analytics.repricing import Figures
from analytics.templatetags.money import money_change, money_exact
from orgs.models import Organization

_MOST_LINES = 100
_MOST_EFFECTS = 500
_BUCKETS = {column: bucket for bucket, column in RATE_COLUMNS.items()}
_WORDS = {"effective_from": "Holds from", "effective_until": "Holds until", "note": "Note", "basis_points": "Discount"}


@admin.register(PriceEdit)
class PriceEditAdmin(PriceRights):
    list_display = ("created_at", "what", "whose", "created_by", "progress", "changed", "difference")
    list_display_links = ("created_at", "what")
    list_filter = ("kind",)
    search_fields = ("subject",)
    list_select_related = ("created_by",)
    ordering = ("-revision",)
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        is_open = Exists(PriceChange.objects.filter(edit=OuterRef("pk")))
        names = Organization.objects.filter(pk=OuterRef("organization_id")).values("name")[:1]
        edits: QuerySet[Any] = (
            super().get_queryset(request).annotate(is_open=is_open, organization_name=Subquery(names))
        )
        return edits

    @admin.display(description="what")
    def what(self, edit: PriceEdit) -> str:
        return str(edit)

    @admin.display(description="for")
    def whose(self, edit: Any) -> str:
        return edit.organization_name or "everybody"

    @admin.display(description="repricing")
    def progress(self, edit: Any) -> str:
        if edit.kind == PriceEdit.Kind.ON_COMMAND and not edit.finished_at:
            return "Under way, or stopped"
        return "Under way" if edit.is_open else "Done"

    @admin.display(description="requests changed")
    def changed(self, edit: PriceEdit) -> str:
        return f"{_total_of(edit).changed_count:,}"

    @admin.display(description="difference")
    def difference(self, edit: PriceEdit) -> str:
        total = _total_of(edit)
        return money_change(total.after - total.before)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        edit = self.get_object(request, unquote(object_id or ""))
        if edit is None:
            return super().changeform_view(request, object_id, form_url, extra_context)  # says so
        lines = list(edit.lines.order_by("pk")[: _MOST_LINES + 1])
        total = _total_of(edit)
        context = {
            **self.admin_site.each_context(request),
            "title": "Change of prices",
            "opts": self.opts,
            "edit": edit,
            "lines": describe(lines[:_MOST_LINES]),
            "more_lines": len(lines) > _MOST_LINES,
            "preview": {"total": total, "change": total.after - total.before, "rows": _months_of(edit)},
            "places": dict.fromkeys(_say_place(change) for change in edit.changes.order_by("pk")),
        }
        return TemplateResponse(request, "admin/prices/edit.html", context)


def _total_of(edit: PriceEdit) -> Figures:
    return msgspec.convert(edit.figures, Figures)


def _months_of(edit: PriceEdit) -> list[dict[str, Any]]:
    effects = edit.effects.order_by("organization_id", "month")[:_MOST_EFFECTS]
    return name_months(((one.organization_id, one.month), msgspec.convert(one.figures, Figures)) for one in effects)


def _say_place(change: PriceChange) -> str:
    """How far one of the things that are left to do has come."""
    name = Organization.objects.filter(pk=change.done_organization_id).values_list("name", flat=True).first()
    if name is None:
        return "Not begun yet." if not change.done_organization_id else "Some organizations are done."
    until = f" up to {say_moment(change.done_until)}" if change.done_until is not None else ""
    return f"It is at {name}{until}; organizations come in the order in which they were made."


def describe(lines: list[PriceEditLine]) -> list[dict[str, Any]]:
    """Each price or discount that was changed, with what was changed of it: name, before, after."""
    ids = {line.organization_id for line in lines if line.organization_id is not None}
    names = dict(Organization.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        {
            "line": line,
            "edit": line.edit,
            "what": f"{line.provider} {line.model}".strip() or "all providers",
            "whose": names.get(line.organization_id or 0, "everybody"),
            "act": "added" if line.before is None else "deleted" if line.after is None else "changed",
            "changes": list(_changes(line)),
        }
        for line in lines
    ]


def _changes(line: PriceEditLine) -> Any:
    before, after = line.before or {}, line.after or {}
    for name in (*_WORDS, *RATE_COLUMNS.values()):
        if before.get(name) != after.get(name):
            said = _WORDS.get(name) or BUCKET_NAMES[_BUCKETS[name]]
            yield said, _say(name, before.get(name)), _say(name, after.get(name))


def _say(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _BUCKETS:
        return money_exact(value * UNITS[_BUCKETS[name]])
    if name == "basis_points":
        return say_percent(value)
    return say_moment(datetime.fromisoformat(value)) if name.startswith("effective") else str(value)
