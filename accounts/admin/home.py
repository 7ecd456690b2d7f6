"""The staff's home: the pulse of the service above the lists; and the models that have no price."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from accounts import pulse, second_factor
from analytics import charts
from analytics.charts import Series
from analytics.reports.service import Unpriced
from orgs.models import Organization

_MOST_UNPRICED = 200
# What staff need most comes first, under names that say what it is.
_APPS = {
    "orgs": "Organizations",
    "accounts": "People",
    "analytics": "Usage and prices",
    "prompts": "Prompts",
    "auth": "Roles",
    "account": "Addresses",
    "mfa": "Second factors",
    "socialaccount": "Connected accounts",
    "admin": "Acts of staff",
}
_PLACES = {label: number for number, label in enumerate(_APPS)}


def install(site: AdminSite) -> None:
    """Give the site its home and the pages of no model. Who may enter is `second_factor`'s to say."""
    stock_index, stock_urls, stock_list = site.index, site.get_urls, site.get_app_list

    def index(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        context = {**(extra_context or {}), **_pulse_context(request)}
        return stock_index(request, context)

    def get_urls() -> list[Any]:
        return [
            path("pulse/", site.admin_view(show_pulse), name="pulse"),
            path("unpriced/", site.admin_view(show_unpriced), name="unpriced"),
            *stock_urls(),
        ]

    def get_app_list(request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = stock_list(request, app_label)
        for app in found:
            app["name"] = _APPS.get(app["app_label"], app["name"])
        return sorted(found, key=lambda app: _PLACES.get(app["app_label"], len(_PLACES)))

    site.get_app_list = get_app_list  # type: ignore[method-assign]
    site.index = index  # type: ignore[method-assign]
    site.get_urls = get_urls  # type: ignore[method-assign]
    site.site_header = site.site_title = "AI Prompt Cost staff"
    site.index_title = "Service"
    site.index_template = "admin/home.html"


def _may_see(request: HttpRequest) -> bool:
    """What all organizations spend is for those who may see every organization."""
    return request.user.has_perms(["orgs.view_organization", "analytics.view_dailyusage"])


def _pulse_context(request: HttpRequest) -> dict[str, Any]:
    if not _may_see(request):
        return {"pulse": None}
    found = pulse.look()
    return {
        "pulse": found,
        "calls": charts.spark(found.by_minute[:-1]),
        "spend": _draw(found.spending.by_day),
        "most_spent": max((one.sums.cost_pico_usd for one in found.spending.top), default=0),
        "unpriced": [(one, _price_url(one)) for one in found.spending.unpriced],
        "refresh_seconds": 30,
    }


def _draw(by_day: Sequence[tuple[date, int]]) -> charts.Chart:
    days = [day for day, _ in by_day]
    return charts.stack_days(days, [Series("spend", tuple(spent for _, spent in by_day))], today=days[-1], height=120)


def show_pulse(request: HttpRequest) -> HttpResponse:
    """The part of the home that htmx renews."""
    if not _may_see(request):
        raise PermissionDenied
    return render(request, "admin/_pulse.html", _pulse_context(request))


def show_unpriced(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perms(["analytics.view_dailyusage", "analytics.view_modelprice"]):
        raise PermissionDenied
    living = list(Organization.objects.filter(deleted_at=None).only("id", "timezone"))
    found = pulse.find_unpriced(living, now=timezone.now(), most=_MOST_UNPRICED)
    context = {
        **admin.site.each_context(request),
        "title": "Models without a price",
        "models": [(one, _price_url(one)) for one in found],
        "may_add": request.user.has_perm("analytics.add_modelprice"),
    }
    return TemplateResponse(request, "admin/unpriced.html", context)


def _price_url(one: Unpriced) -> str:
    """The form for a price, filled in with the model."""
    return f"{reverse('admin:analytics_modelprice_add')}?{urlencode({'provider': one.provider, 'model': one.model})}"


install(admin.site)
second_factor.guard(admin.site)
