"""The versions of one prompt side by side: a page, and the contents of a dialog for the rows of "Spend by prompt"."""

from dataclasses import fields

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import filters, periods, reports, versions
from analytics.reports import Scope
from analytics.versions import Comparison
from analytics.views.filter_bar import Choice, Field, FilterBar, open_bar
from orgs.web import OrganizationRequest, organization_page
from prompts import catalog

_DIALOG = "dialog"  # the id of what HTMX puts the answer into, where it is not the page


class VersionsBar(FilterBar):
    """The filters of a page about one prompt, which no link lets go of."""

    @property
    def reset_href(self) -> str:
        return self._address(self.kept)

    @property
    def page_href(self) -> str:
        return self.href()

    @property
    def wide_href(self) -> str:
        """Many days, nothing narrowed."""
        return self._address({"range": "90d", **self.kept})


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
@organization_page()
def compare(request: OrganizationRequest) -> HttpResponse:
    """Which prompt is a parameter of the address, beside the usual filters. Without one, the page asks which."""
    organization = request.access.organization
    now = timezone.now()
    bar = open_bar(
        organization,
        request.GET,
        action=reverse("versions", args=[organization.slug]),
        today=periods.local_day(now, organization.tz),
    )
    key = bar.filters.prompt_key
    if key is None:
        return render(request, "analytics/versions_choose.html", _choices(bar))
    registered = catalog.find_registered(organization.pk, key) if key else None
    comparison = versions.compare(
        bar.filters.scope(organization.pk), registered.versions if registered else [], now=now
    )
    was_used = not comparison.is_empty or _was_ever_used(organization.pk, key)
    if key and registered is None and not was_used:
        raise Http404("The organization has no prompt of this key.")
    is_dialog = "HX-Request" in request.headers and request.headers.get("HX-Target", _DIALOG) == _DIALOG
    context = {
        "nav": "prompts",
        "layout": "dialog.html" if is_dialog else "app.html",
        "is_dialog": is_dialog,
        "bar": _fit(bar, comparison),
        "prompt": registered.prompt if registered else None,
        "key": key,
        "key_name": key or reports.UNKNOWN_PROMPT,
        "comparison": comparison,
        "was_used": was_used,
        # Others are registered, so more days may have something to compare.
        "is_alone": len(comparison.used) == 1 < len(comparison.lines) and bar.filters.preset != "90d",
    }
    return render(request, "analytics/versions.html", context)


def _was_ever_used(organization_id: int, key: str) -> bool:
    return not reports.get_total(Scope(organization_id, reports.ALL_TIME, prompt_key=key)).is_empty


def _fit(bar: FilterBar, comparison: Comparison) -> VersionsBar:
    """The prompt is kept instead of offered, and the versions are offered."""
    offered = [
        Choice(filters.write("version", number), f"v{number}" if number else reports.NO_VERSION)
        for number in comparison.numbers
    ]
    asked = bar.filters.parameters()
    version = Field("version", "Version", "All versions", offered, asked.get("version", ""))
    parts = {field.name: getattr(bar, field.name) for field in fields(bar)}
    parts["kept"] = {"prompt": asked["prompt"]}
    parts["fields"] = (*(one for one in bar.fields if one.name not in {"prompt", "version"}), version)
    return VersionsBar(**parts)


def _choices(bar: FilterBar) -> dict[str, object]:
    prompts = next(one for one in bar.fields if one.name == "prompt")
    return {"nav": "prompts", "bar": bar, "choices": prompts.choices, "kept": bar.filters.parameters()}
