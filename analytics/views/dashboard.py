"""An organization's front page: what it spent in a range of days, on what, and whether that is normal.

HTMX asks for a part of it, the page's script for news: with the `stamp` of what it shows.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.views.onboarding.forms import PREFERRED_MODELS
from analytics import comparisons, filters, overview, periods, reports
from analytics.budget import BudgetState
from analytics.overview import Dashboard
from analytics.periods import Period
from analytics.reports import Row
from analytics.templatetags.money import cost
from analytics.views import ranking_tables
from analytics.views.filter_bar import FilterBar, open_bar
from analytics.views.ranking_tables import KINDS, Asked, Table, address
from orgs.models import Organization
from orgs.web import OrganizationRequest, organization_page
from prompts import snippets

_NOTHING_YET = "nothing-yet"  # the stamp of a page that waits for the first request
_FIRST_PROMPT = "my-first-prompt"
_FIRST_TAGS = ("getting-started",)
_FIRST_KINDS = 4


@require_safe
@vary_on_headers("HX-Request")
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    if not reports.has_usage(organization.pk):
        return _show_start(request)
    now = timezone.now()
    today = periods.local_day(now, organization.tz)
    stamp = request.GET.get("stamp", "")
    if stamp and stamp == _find_stamp(organization, request.GET, today):
        return HttpResponse(status=204)
    asked = Asked(request.GET)
    bar = open_bar(
        organization,
        request.GET,
        action=reverse("dashboard", args=[organization.slug]),
        today=today,
        kept=asked.parameters(),
    )
    budget = _budget(organization, bar, today)
    dashboard = overview.read_dashboard(
        organization_id=organization.pk,
        filters=bar.filters,
        zone=organization.tz,
        now=now,
        registered=bar.registered,
        owners=bar.owners,
        stack_by=asked.stack_by,
        pace=budget.pace_pico_usd if budget else None,
    )
    context = _context(dashboard, bar, asked, budget)
    return _answer(request, "dashboard", {**context, "stamp": _write_stamp(organization, dashboard.stamp)})


def _budget(organization: Organization, bar: FilterBar, today: date) -> BudgetState | None:
    """That of this month, with nothing spent of it yet. Neither a part of the organization nor other days have one."""
    budget = organization.monthly_budget_pico_usd
    if budget is None or bar.filters.is_narrowed or bar.filters.period != periods.month_of(today):
        return None
    return BudgetState(periods.month_of(today), today, budget, 0)


def _context(dashboard: Dashboard, bar: FilterBar, asked: Asked, budget: BudgetState | None) -> dict[str, Any]:
    chosen, period = bar.filters.parameters(), dashboard.period
    is_month = period == periods.month_of(dashboard.today)
    spent, projection = dashboard.total.cost_pico_usd, dashboard.projection_pico_usd
    return {
        "nav": "dashboard",
        "bar": bar,
        "dashboard": dashboard,
        "tables": _tables(dashboard, bar, asked),
        "stack_links": ranking_tables.stack_links(bar, asked),
        "said": f"Spent {bar.words}: {cost(dashboard.total)}",
        "budget": budget and replace(budget, spent_pico_usd=spent, projection_pico_usd=projection),
        "may_have_budget": is_month and not bar.filters.is_narrowed,
        "period_label": filters.label_period(period, date.min),
        "before_words": _say_before(dashboard),
        "used_from": _used_from(dashboard),
        "previous_name": _name_before(dashboard),
        "requests_change": _requests_change(dashboard),
        "errors_href": address(f"{bar.action}requests/", chosen, {"status": "error"}),
        "unpriced_href": address(f"{bar.action}requests/", chosen, {"flag": "unpriced"}),
        "pending_href": address(f"{bar.action}requests/", chosen, {"flag": "pending"}),
        "days_href": address(f"{bar.action}export/days.csv", chosen),
        "without_filters_href": bar.href(**dict.fromkeys(filters.NARROWING)),
        "last_used_href": _last_used_href(dashboard, bar),
    }


def _last_used_href(dashboard: Dashboard, bar: FilterBar) -> str:
    """To the month of the organization's last usage, where that lies elsewhere."""
    used = dashboard.last_day
    if used is None or used in dashboard.period:
        return ""
    month = periods.month_of(used)
    return bar.href(start=month.start, end=month.end)


def _say_before(dashboard: Dashboard) -> str:
    """The days compared with, and up to when: "1-9 March, up to this time of day"."""
    compared = dashboard.before
    if compared is None:
        return ""
    is_yesterday = compared.period.start == compared.period.end == dashboard.today - timedelta(days=1)
    days = "yesterday" if is_yesterday else filters.name_period(compared.period, dashboard.today)
    return f"{days}, up to this time of day" if compared.until else days


def _used_from(dashboard: Dashboard) -> date | None:
    """The organization's first day, where it lies within the days compared with: the change is larger for it."""
    first, compared = dashboard.first_day, dashboard.before
    return first if first and compared and compared.period.start < first <= compared.period.end else None


def _name_before(dashboard: Dashboard) -> str:
    """What the chart's faint line is called."""
    if dashboard.before is None:
        return ""
    compared, shown = dashboard.before.period, dashboard.period
    if shown.day_count == 1:
        day = shown.start - timedelta(days=1)
        compared = Period(day, day)
    elif shown == periods.month_of(shown.start):
        compared = periods.month_of(compared.start)
    return filters.name_period(compared, dashboard.today)


def _requests_change(dashboard: Dashboard) -> int | None:
    before = dashboard.total_before
    return comparisons.change_percent(before.request_count, dashboard.total.request_count) if before else None


def _find_stamp(organization: Organization, params: Mapping[str, str], today: date) -> str:
    found, _ = filters.parse_leniently(params, today=today)
    return _write_stamp(organization, reports.latest_stamp(found.scope(organization.pk), today=today))


def _write_stamp(organization: Organization, usage: str) -> str:
    """That of the page: a changed budget is news, too."""
    return f"{usage}_{organization.monthly_budget_pico_usd or 0}"


def _answer(request: OrganizationRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or the part that HTMX puts into it."""
    return render(request, f"analytics/{'_' if request.htmx else ''}{name}.html", context)


def _tables(dashboard: Dashboard, bar: FilterBar, asked: Asked) -> dict[str, Table]:
    """By their names, as templates can write them."""
    rows = {
        "prompts": dashboard.prompts,
        "api-keys": dashboard.api_keys,
        "teams": dashboard.teams,
        "models": dashboard.models,
        "providers": dashboard.providers,
        "tags": dashboard.tags,
    }
    if bar.filters.is_narrowed:  # What is never used with these filters is no part of the answer.
        rows = {name: [row for row in found if _was_used(row)] for name, found in rows.items()}
    return {name.replace("-", "_"): ranking_tables.build(kind, rows[name], bar, asked) for name, kind in KINDS.items()}


def _was_used(row: Row) -> bool:
    return not (row.is_unused and (row.before is None or row.before.is_empty))


def _show_start(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    if request.GET.get("stamp") == _NOTHING_YET:
        return HttpResponse(status=204)
    sample = snippets.Sample(
        public_url=settings.PUBLIC_URL,
        provider="openai",
        model=PREFERRED_MODELS["openai"],
        prompt_key=_FIRST_PROMPT,
        feature_tags=_FIRST_TAGS,
    )
    tabs = [
        {"kind": kind, "id": f"first-{kind.id}", "code": snippets.render(kind.id, sample)}
        for kind in snippets.kinds_for(sample.provider)[:_FIRST_KINDS]
    ]
    keys = organization.api_keys.active()
    context = {"nav": "dashboard", "tabs": tabs, "stamp": _NOTHING_YET, "has_key": keys.exists()}
    return _answer(request, "dashboard_start", context)
