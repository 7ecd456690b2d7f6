"""Pages around the prices that staff enter: all prices there are, the history of a model, files of prices."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from analytics import price_book, tasks
from analytics.admin.previewing import show
from analytics.admin.price_edits import describe
from analytics.forms import PriceFileForm
from analytics.models import ModelPrice, PriceEditLine
from analytics.price_book import csv_file, listing, overlaps
from analytics.price_book.bundled import PROVIDERS
from analytics.price_book.edits import say_moment
from analytics.price_book.entries import list_version
from analytics.price_book.listing import ListedPrice, Question
from analytics.receipts import BUCKET_NAMES, UNITS
from analytics.templatetags.money import money_exact

# Those that most models have; the others are told in words.
_COLUMNS = {
    "input": "Input",
    "cache_read": "Cache read",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "output": "Output",
}
_PER = {"search": "per 1,000", "character": "per million", "second": "per hour"}
_MOST_EDITS = 50
Shown = dict[str, Any]


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    """Every price, a page of models at a time."""
    _check(request, "view")
    given = {name: request.GET.get(name, "").strip() for name in ("q", "provider", "source", "when")}
    at = None if given["when"] == "all" else timezone.now()
    question = Question(search=given["q"], provider=given["provider"], source=given["source"], at=at)
    page = listing.read_page(question, after=request.GET.get("after", ""))
    kept = {name: value for name, value in given.items() if value}
    context = {
        "title": "Price book",
        "given": given,
        "providers": PROVIDERS,
        "columns": list(_COLUMNS.values()),
        "models": [(model, list(_rows(model.prices))) for model in page.models],
        "older": page.after and urlencode(kept | {"after": page.after}),
        "newest": request.GET.get("after") and urlencode(kept),
        "list_version": list_version(),
    }
    return _render(request, "admin/prices/book.html", context)


@require_safe
def show_model(request: HttpRequest, provider: str, model: str) -> HttpResponse:
    """Every interval of a model's prices, which of them holds when, and who changed what."""
    _check(request, "view")
    contexts: dict[str, list[Shown]] = {}
    for price in listing.list_bundled(provider, model):
        rows = contexts.setdefault(price.context, [])
        rows.append(_row(price, rows[-1]["price"] if rows else None))
    lines = PriceEditLine.objects.filter(provider=provider, model=model).select_related("edit__created_by")
    context = {
        "title": model,
        "provider": provider,
        "model": model,
        "columns": list(_COLUMNS.values()),
        "own": [_row(price) for price in listing.list_own(provider, model)],
        "contexts": list(contexts.items()),
        "holdings": [
            (owner, [(_say_entry(one), overlaps.say_start(one)) for one in found])
            for owner, found in overlaps.list_holdings(provider, model)
        ],
        "lines": describe(list(lines.order_by("-pk")[:_MOST_EDITS])),
        "list_version": list_version(),
    }
    return _render(request, "admin/prices/model.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """All of staff's prices, as `import_file` takes them."""
    _check(request, "view")
    prices = ModelPrice.objects.select_related("organization")
    content = csv_file.write(prices.order_by("provider", "model", "organization_id", "effective_from"))
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="prices_{timezone.now():%Y-%m-%d}.csv"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: HttpRequest) -> HttpResponse:
    """A file is looked at first; what was looked at is then saved, if it still can be."""
    _check(request, "add", "change")
    form = PriceFileForm(request.POST, request.FILES) if request.method == "POST" else PriceFileForm()
    context: Shown = {"title": "Import prices", "form": form, "columns": csv_file.COLUMNS}
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["text"]
        sheet = csv_file.read(text)
        if "_save" in request.POST and not sheet.mistakes and (done := _save(request, sheet, form)):
            return done
        context |= {"sheet": sheet, "text": text}
        if not sheet.mistakes and sheet.prices:
            context["preview"] = show(price_book.propose(saved=sheet.prices))
    return _render(request, "admin/prices/import.html", context)


def _save(request: HttpRequest, sheet: csv_file.Sheet, form: PriceFileForm) -> HttpResponse | None:
    """None when others were faster; the form says so."""
    try:
        edit = price_book.save_prices(prices=sheet.prices, by=request.user)  # type: ignore[arg-type]  # signed in
    except ValidationError as error:
        form.add_error(None, error)
        return None
    if edit is None:
        messages.info(request, "Nothing was changed: these prices are there already.")
        return redirect("admin:analytics_modelprice_changelist")
    tasks.follow_price_change()
    messages.success(request, f"{sheet.added:,} added, {sheet.changed:,} changed. Earlier requests are priced again.")
    return redirect("admin:analytics_priceedit_change", edit.pk)


def _check(request: HttpRequest, *acts: str) -> None:
    if not all(request.user.has_perm(f"analytics.{act}_modelprice") for act in acts):
        raise PermissionDenied


def _render(request: HttpRequest, template: str, context: Shown) -> HttpResponse:
    rights = {act: request.user.has_perm(f"analytics.{act}_modelprice") for act in ("add", "change")}
    return TemplateResponse(request, template, {**admin.site.each_context(request), "rights": rights, **context})


def _row(price: ListedPrice, before: ListedPrice | None = None) -> Shown:
    """What a table shows of a price; cells that differ from the price before it are marked."""
    rates, old = price.rates, before.rates if before is not None else price.rates
    return {
        "price": price,
        "is_free": bool(rates) and not any(rates.values()),
        "cells": [
            (_say_rate(rates.get(one)), rates.get(one) != old.get(one), _say_rate(old.get(one))) for one in _COLUMNS
        ],
        "others": [_say_other(bucket, rate) for bucket, rate in rates.items() if bucket not in _COLUMNS],
        "starts": say_moment(price.starts_at) if price.starts_at else "",
        "ends": say_moment(price.ends_at) if price.ends_at else "",
    }


def _rows(prices: Iterable[ListedPrice]) -> Iterator[Shown]:
    """What a context sells besides tokens is told where it is other than in the row above."""
    above: list[str] = []
    for price in prices:
        row = _row(price)
        others = row["others"]
        yield {**row, "others": [] if others == above and price.own is None else others}
        above = others


def _say_rate(rate: int | None) -> str:
    return "" if rate is None else money_exact(rate)


def _say_other(bucket: str, rate: int) -> str:
    per = _PER.get(UNITS.get(bucket, "token"), "")
    return f"{BUCKET_NAMES[bucket]} {money_exact(rate)} {per}".rstrip()


def _say_entry(holding: overlaps.Holding) -> str:
    entry = holding.entry
    if entry is None:
        return "No price"
    source = {"organization": "Its own price", "service": "The price for everybody"}
    return f"{source.get(entry.source, 'The bundled list')}, entry {entry.model}"
