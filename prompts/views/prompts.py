"""The pages of prompts: the list, one prompt with its versions, making, describing, archiving and restoring one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import charts, filters, periods, price_book, reports
from analytics.charts import Spark
from analytics.provider_names import PROVIDERS
from orgs.web import OrganizationRequest, organization_page
from prompts import catalog, history, model_choices, services, snippets
from prompts.catalog import ORDERS, Entry, Order
from prompts.forms import DescriptionForm, PromptForm
from prompts.history import History
from prompts.model_choices import ModelChoice
from prompts.models import Prompt
from prompts.views.ranges import RangeBar, open_range
from prompts.views.versions import VersionLine

PAGE_SIZE = 200
_MAX_SEARCH = 128
_HEADS: Mapping[Order, str] = {"name": "Prompt", "requests": "Requests", "cost": "Cost", "used": "Last used"}
_SNIPPET_KINDS = 3
_DEFAULT_MODEL = "gpt-4o-mini"


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: sorts by it, the other way round when it is the order already."""

    label: str
    href: str
    sorted: str  # "ascending", "descending" or "": as in aria-sort


@dataclass(frozen=True, slots=True)
class ListRow:
    entry: Entry
    spark: Spark


@require_safe
@organization_page()
def list_prompts(request: OrganizationRequest) -> HttpResponse:
    """`q` searches keys and names, `sort` orders, `page` goes on after 200 prompts."""
    organization = request.access.organization
    now = timezone.now()
    search = request.GET.get("q", "").strip()[:_MAX_SEARCH]
    order, is_descending = _read_order(request.GET.get("sort", ""))
    bar = open_range(
        request.GET,
        action=reverse("prompts", args=[organization.slug]),
        today=periods.local_day(now, organization.tz),
        kept={"q": search, "sort": _write_order(order, is_descending)},
    )
    found = catalog.list_prompts(organization.pk, bar.period, now=now, zone=organization.tz)
    current, archived, unregistered = (
        catalog.sort_entries((one for one in entries if _fits(one, search)), order, is_descending)
        for entries in (found.current, found.archived, found.unregistered)
    )
    page = Paginator(current, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "nav": "prompts",
        "bar": bar,
        "search": search,
        "heads": _heads(bar, order, is_descending),
        "rows": _rows(page.object_list),
        "page": page,
        "archived": _rows(archived[:PAGE_SIZE]),
        "archived_count": len(archived),
        "archived_sums": reports.add_sums(one.sums for one in archived),
        "used_again": sum(entry.is_used_again for entry in archived),
        "unregistered": _rows(unregistered),
        "count": len(found.current),
        "has_any": bool(found.current or found.archived or found.unregistered),
        "total": found.total,
        "largest": max((one.sums.cost_pico_usd for one in (*found.current, *found.unregistered)), default=0),
        "previous_href": bar.href(page=str(page.previous_page_number())) if page.has_previous() else "",
        "next_href": bar.href(page=str(page.next_page_number())) if page.has_next() else "",
    }
    return render(request, "prompts/list.html", context)


@require_safe
@organization_page()
def show(request: OrganizationRequest, pk: int) -> HttpResponse:
    prompt = _get_prompt(request, pk)
    organization = request.access.organization
    now = timezone.now()
    bar = open_range(
        request.GET,
        action=reverse("prompt", args=[organization.slug, prompt.pk]),
        today=periods.local_day(now, organization.tz),
    )
    found = history.read_history(prompt, bar.period, now=now, zone=organization.tz)
    book = price_book.current()
    prices = {
        version.model: model_choices.find_choice(version.model, organization.pk, now=now, book=book)
        for version in (row.version for row in found.rows)
        if version
    }
    lines = [VersionLine(row, prices.get(row.version.model) if row.version else None) for row in found.rows]
    context = {
        "nav": "prompts",
        "bar": bar,
        "prompt": prompt,
        "history": found,
        "lines": lines,
        "drawn_days": filters.label_period(found.drawn, bar.today),
        "versions_query": {"prompt": prompt.key, **_days_of(bar, found)},
        "snippets": _snippets(found, prices),
    }
    return render(request, "prompts/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(writes=True)
def create(request: OrganizationRequest) -> HttpResponse:
    """`?key=` fills in the key."""
    organization = request.access.organization
    form = PromptForm(request.POST if request.method == "POST" else None, initial={"key": request.GET.get("key", "")})
    taken = None
    if form.is_valid():
        try:
            prompt = services.create_prompt(organization=organization, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            taken = getattr(error, "prompt", None)
            form.add_error(None, error)
        else:
            messages.success(request, f"{prompt.key} is registered. Next: its first version, or its code.")
            return redirect("prompt", slug=organization.slug, pk=prompt.pk)
    return render(request, "prompts/new.html", {"nav": "prompts", "form": form, "taken": taken})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page(writes=True)
def edit(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Its name and description: a page of its own, or by HTMX the contents of a dialog."""
    prompt = _get_prompt(request, pk)
    form = DescriptionForm(
        request.POST if request.method == "POST" else None,
        initial={"name": prompt.name, "description": prompt.description},
    )
    if form.is_valid():
        try:
            services.describe(prompt=prompt, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{prompt.key} is described.")
            return redirect("prompt", slug=request.access.organization.slug, pk=prompt.pk)
    return render(request, "prompts/edit.html", {"nav": "prompts", "form": form, "prompt": prompt})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page(writes=True)
def archive(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Asks first, saying what it means: a page of its own, or by HTMX the contents of a dialog."""
    prompt = _get_prompt(request, pk)
    slug = request.access.organization.slug
    if request.method == "POST":
        services.archive(prompt=prompt, by=request.user)
        messages.success(request, f"{prompt.key} is archived. What it spent stays in every report.")
        return redirect("prompts", slug=slug)
    active = prompt.activations.open().select_related("version").first()
    return render(request, "prompts/archive.html", {"nav": "prompts", "prompt": prompt, "active": active})


@require_POST
@organization_page(writes=True)
def restore(request: OrganizationRequest, pk: int) -> HttpResponse:
    prompt = _get_prompt(request, pk)
    services.restore(prompt=prompt, by=request.user)
    messages.success(request, f"{prompt.key} is back on the list. None of its versions is active.")
    return redirect("prompt", slug=request.access.organization.slug, pk=prompt.pk)


def _get_prompt(request: OrganizationRequest, pk: int) -> Prompt:
    """Of this organization, archived or not; else 404."""
    return get_object_or_404(Prompt.objects.of(request.access.organization.pk), pk=pk)


# --- The list ---------------------------------------------------------------------------------------------------------


def _fits(entry: Entry, search: str) -> bool:
    text = f"{entry.name} {entry.prompt.name if entry.prompt else ''}"
    return search.casefold() in text.casefold()


def _rows(entries: Iterable[Entry]) -> list[ListRow]:
    return [ListRow(entry, charts.spark(entry.daily_costs)) for entry in entries]


def _heads(bar: RangeBar, order: Order, is_descending: bool) -> dict[str, Head]:
    heads = {}
    for name, label in _HEADS.items():
        # Names read from A, figures from the largest.
        turned = not is_descending if name == order else name != "name"
        direction = "descending" if is_descending else "ascending"
        href = bar.href(sort=_write_order(name, turned))
        heads[name] = Head(label, href, direction if name == order else "")
    return {str(name): head for name, head in heads.items()}


def _read_order(text: str) -> tuple[Order, bool]:
    """What cannot be read is what is not there: the most expensive first."""
    name = text.removeprefix("-")
    return next(((order, text.startswith("-")) for order in ORDERS if order == name), ("cost", True))


def _write_order(order: Order, is_descending: bool) -> str:
    return "" if (order, is_descending) == ("cost", True) else f"{'-' if is_descending else ''}{order}"


# --- One prompt -------------------------------------------------------------------------------------------------------


def _days_of(bar: RangeBar, found: History) -> dict[str, str]:
    """For the comparison, which has no "all time": the days of the chart."""
    return bar.parameters or {"start": found.drawn.start.isoformat(), "end": found.drawn.end.isoformat()}


def _snippets(found: History, prices: Mapping[str, ModelChoice | None]) -> list[dict[str, Any]]:
    """Code that sends a request of the prompt, as its active or else its latest version has it."""
    version = found.active.version if found.active else found.latest
    model = version.model if version else next((row.model_seen for row in found.rows if row.model_seen), _DEFAULT_MODEL)
    choice = prices.get(model)
    provider = choice.provider if choice else "anthropic" if model.startswith("claude") else "openai"
    sample = snippets.Sample(
        public_url=settings.PUBLIC_URL,
        provider=provider,
        model=model,
        prompt_key=found.prompt.key,
        temperature=version.temperature if version else None,
        max_tokens=version.max_tokens if version else None,
    )
    return [
        {"id": f"use-{kind.id}", "kind": kind, "label": f"{PROVIDERS[provider]}, {kind.label}", "code": code}
        for kind in snippets.kinds_for(provider)[:_SNIPPET_KINDS]
        if (code := snippets.render(kind.id, sample))
    ]
