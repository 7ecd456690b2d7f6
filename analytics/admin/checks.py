"""How complete the ledger is, for staff: what was let in and is on its way, what was booked, what does not add up."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import pulse
from analytics import completeness
from analytics.models import LedgerDifference
from analytics.partitions import shape
from orgs.admin import ReadOnlyAdmin

_SINCE = timedelta(days=1)


@admin.register(LedgerDifference)
class LedgerDifferenceAdmin(ReadOnlyAdmin):
    list_display = ("day", "organization_id", "found_at", "tells")
    ordering = ("-day", "organization_id")
    change_list_template = "admin/completeness.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now = timezone.now()
        way = completeness.on_the_way(now=now)
        oldest = way.oldest_waiting_at
        spending = pulse.look().spending
        context = {
            "title": "Completeness of the ledger",
            "way": way,
            "oldest_seconds": max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
            "pulse": completeness.pulse(),
            "month": spending.month,
            "month_at": spending.at,
            "exact_count": completeness.count_exact(spending.month),
            "months": shape.state(now),
            "receipts": completeness.receipts_since(now - _SINCE),
        }
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **context})
        return answer
