"""What the pages of prices and of discounts share: a preview of what saving or deleting does to past costs, and the
rights, which are those to prices.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from analytics import price_preview, tasks
from analytics.price_book import Proposal, propose
from analytics.price_preview import Preview
from config.admin import DiscreetAdmin
from orgs.models import Organization


class _OnlyLookedAt(BaseForm):
    """A form that is read and checked, and never saved."""

    def is_valid(self) -> bool:
        super().is_valid()
        return False


class PriceRights(DiscreetAdmin):
    """One right covers all that makes prices."""

    change_list_template = "admin/prices/list.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics.view_modelprice")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return any(request.user.has_perm(f"analytics.{act}_modelprice") for act in ("view", "change"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics.add_modelprice")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("analytics.change_modelprice")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("analytics.delete_modelprice")


class PreviewedAdmin(PriceRights):
    """Of a price or a discount: `delete` and `notes` are told by what it is of."""

    change_form_template = "admin/prices/form.html"
    delete_confirmation_template = "admin/prices/delete.html"
    save_as = False

    def delete(self, row: Any, request: HttpRequest) -> None:
        raise NotImplementedError

    def notes(self, row: Any) -> list[str]:
        """What else to say of a row that may be saved."""
        return []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change, **options)
        if "_preview" not in request.POST:
            return form
        kind: Any = type(form)
        return kind(form.__name__, (_OnlyLookedAt, form), {})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        form = context["adminform"].form
        if "_preview" in request.POST and form.is_bound and not form.errors:
            context |= {"preview": show(propose(saved=[form.instance])), "notes": self.notes(form.instance)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context["preview"] = show(propose(deleted=[context["object"]]))
        return super().render_delete_form(request, context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete(obj, request)
        self.follow(request)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for row in queryset:
            self.delete(row, request)
        self.follow(request)

    def follow(self, request: HttpRequest) -> None:
        tell_change(self, request)


def tell_change(model_admin: "admin.ModelAdmin[Any]", request: HttpRequest) -> None:
    """Have the posted records repriced, and say so."""
    tasks.follow_price_change()
    text = "Requests from now on have the new prices. Earlier ones are priced again in the background."
    model_admin.message_user(request, text)


def show(proposal: Proposal) -> dict[str, Any]:
    """What `admin/prices/_preview.html` shows."""
    preview = price_preview.look(proposal)
    return {
        "total": preview.total,
        "change": preview.total.after - preview.total.before,
        "rows": name_months(preview.months.items()),
        "looked_at": preview.looked_at,
        "stop": preview.stop,
        "stopped_in": _name_of_stop(preview),
    }


def name_months(months: Any) -> list[dict[str, Any]]:
    """Figures by (organization's id, month), with its name and the difference; an organization's months together."""
    found = sorted(months, key=lambda item: item[0])
    names = dict(Organization.objects.filter(pk__in={pk for (pk, _), _ in found}).values_list("pk", "name"))
    return [
        {
            "organization": names.get(pk, f"Organization {pk}"),
            "month": month,
            "figures": figures,
            "change": figures.after - figures.before,
        }
        for (pk, month), figures in found
    ]


def _name_of_stop(preview: Preview) -> str:
    if preview.stop is None:
        return ""
    return str(Organization.objects.get(pk=preview.stop.organization_id).name)
