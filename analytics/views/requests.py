"""The request log and the receipt of one request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import periods, receipt_words, receipts, reports, request_log
from analytics.filters import BadFilter
from analytics.request_log import BadCursor, Cursor, Question
from analytics.views import filter_bar
from analytics.views.filter_bar import Choice, Field, FilterBar
from orgs.models import Organization
from orgs.web import OrganizationRequest, organization_page

# The fields that the log has beside those of every page: label, what is chosen when nothing is, choices.
_OWN_FIELDS: dict[str, tuple[str, str, Mapping[str, str]]] = {
    "status": ("Outcome", "All outcomes", request_log.STATUSES),
    "flag": ("Marked", "Marked or not", {flag: flag for flag in request_log.FLAGS}),
}


@require_safe
@organization_page()
def show_log(request: OrganizationRequest) -> HttpResponse:
    """`cursor` is the place that the list goes on after, as in the API; `newer` the one that it ends before.

    `id` leads to the receipt of the request that it names.
    """
    organization = request.access.organization
    if wanted := request.GET.get("id", "").strip():
        return _find(request, wanted)
    bar = _open_bar(organization, request.GET)
    question = _question(organization, bar)
    older, newer = _place(request, "cursor"), _place(request, "newer")
    page = request_log.read_page(question, older=older, newer=newer)
    context = {
        "nav": "requests",
        "bar": bar,
        "page": page,
        # Told once, at the head of the list: it need not be added up again for every page.
        "total": None if page.newer else reports.get_total(question.scope),
        "is_part": bool(_own_values(bar)),
        "is_narrowed": bool(bar.chips),
        "has_usage": bool(page.rows) or reports.has_usage(organization.pk),
        "zone": organization.tz,
        "today": bar.today,
        "query": _query(bar),
        "older": page.older and _query(bar, cursor=page.older),
        "newer": page.newer and _query(bar, newer=page.newer),
    }
    return render(request, "analytics/requests.html", context)


@require_safe
@organization_page()
def show_receipt(request: OrganizationRequest, call_id: UUID) -> HttpResponse:
    organization = request.access.organization
    receipt = receipts.find_receipt(organization, call_id)
    if receipt is None:
        raise Http404
    prices = [
        (share, receipt_words.say_owner(share.entry, receipt.list_version), receipt_words.say_validity(share.entry))
        for share in receipt.shares
        if share.entry is not None
    ]
    context = {
        "nav": "requests",
        "receipt": receipt,
        "record": receipt.record,
        "flags": request_log.flags_of(receipt.record),
        "source": receipt_words.say_source(receipt),
        "doubts": list(receipt_words.say_doubts(receipt)),
        "unknown": receipt_words.say_unknown(receipt.record),
        "prices": prices,
        "contexts": receipt_words.contexts(receipt.record),
        "first_byte": receipts.say_duration(receipt.record.first_byte_ms or 0),
        "first_token": receipts.say_duration(receipt.record.first_token_ms or 0),
        "buckets": receipt_words.used_buckets(receipt.record),
        "retry": receipt_words.say_retry(receipt.record.sdk_retry_count),
        "zone": organization.tz,
    }
    return render(request, "analytics/receipt.html", context)


def _place(request: OrganizationRequest, name: str) -> Cursor | None:
    """None for a cursor that nobody gave out: the first page is as good an answer as any."""
    try:
        return Cursor.read(request.GET[name]) if request.GET.get(name) else None
    except BadCursor:
        return None


def _find(request: OrganizationRequest, wanted: str) -> HttpResponse:
    """To the receipt, or back to the log if there is none."""
    organization = request.access.organization
    found = request_log.find_id(organization.pk, wanted)
    if found is None:
        messages.error(request, "No request of this organization has this id. A new one is here within seconds.")
        return redirect("requests", organization.slug)
    return redirect("receipt", organization.slug, found)


def _open_bar(organization: Organization, params: Mapping[str, str]) -> FilterBar:
    own, wrong = [], []
    for name, (label, every, choices) in _OWN_FIELDS.items():
        value = params.get(name, "")
        if value and value not in choices:
            wrong.append(BadFilter(name, f"It is one of {', '.join(choices)}."))
            value = ""
        own.append(Field(name, label, every, [Choice(key, text) for key, text in choices.items()], value))
    today = periods.local_day(timezone.now(), organization.tz)
    action = reverse("requests", args=[organization.slug])
    bar = filter_bar.open_bar(organization, params, action=action, today=today, more=own)
    return replace(bar, wrong=(*bar.wrong, *wrong))


def _question(organization: Organization, bar: FilterBar) -> Question:
    own = _own_values(bar)
    return Question(bar.filters.scope(organization.pk), organization.tz, own.get("status", ""), own.get("flag", ""))


def _own_values(bar: FilterBar) -> dict[str, str]:
    return {field.name: field.value for field in bar.fields if field.name in _OWN_FIELDS and field.value}


def _query(bar: FilterBar, **more: Any) -> str:
    """The page's own parameters, as the query of a link to it or to its file."""
    return urlencode(
        {**bar.filters.parameters(), **_own_values(bar), **{name: str(value) for name, value in more.items()}}
    )
