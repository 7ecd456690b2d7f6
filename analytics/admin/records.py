"""The records of usage and cost, and what became of the journal's segments."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from analytics import ledger
from analytics.models import (
    CostStatus,
    CreatedObject,
    DailyTagUsage,
    DailyUsage,
    LedgerRecord,
    RejectedRecord,
    SeenValue,
    UsageBatch,
)
from analytics.reports import recent
from analytics.templatetags.money import money, money_exact
from config.admin.lists import NewestFirstAdmin, NewestFirstList
from orgs.admin import LargeTableAdmin, OrganizationFilter, ReadOnlyAdmin, staff
from orgs.models import Organization
from orgs.services import audit
from proxy import tasks


class MarkFilter(admin.SimpleListFilter):
    """Of one organization's records those that are not simply priced: for them there is an index."""

    title = "cost"
    parameter_name = "mark"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not request.GET.get("organization_id"):
            return []
        return [(status.value, status.label) for status in CostStatus if status != CostStatus.PRICED]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(cost_status=self.value()) if self.value() else queryset


class _Spend:
    @admin.display(description="cost")
    def cost(self, row: Any) -> str:
        return format_html('<span title="{}">{}</span>', money_exact(row.cost_pico_usd), money(row.cost_pico_usd))


@admin.register(LedgerRecord)
class LedgerRecordAdmin(_Spend, LargeTableAdmin):
    list_display = ("id", "started_at", "organization", "provider", "model", "status", "cost", "cost_status")
    list_filter = (OrganizationFilter, MarkFilter)
    narrowed_by = ("mark",)
    order_when_narrowed = ("-started_at", "-id")
    search_help_text = "The id of a call, or the slug or number of an organization."

    def find(self, queryset: Any, term: str) -> Any:
        try:
            return queryset.filter(pk=UUID(term))
        except ValueError:
            return super().find(queryset, term)


class WithLag(NewestFirstList):
    """The page's batches with how long their last calls waited: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        lags = recent.lags_of(self.result_list)
        for batch in self.result_list:
            batch.lag = lags.get(batch.pk)


@admin.register(UsageBatch)
class UsageBatchAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    list_display = ("segment_id", "posted_at", "lag", "line_count", "inserted_count", "rejected_count")
    search_fields = ("=segment_id",)
    search_help_text = "The id of a segment."
    order = ("-posted_at", "-segment_id")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return WithLag

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return False

    @admin.display(description="lag", empty_value="")
    def lag(self, batch: Any) -> str | None:
        """From the end of its last call to its being in the ledger."""
        lag = getattr(batch, "lag", None)
        return None if lag is None else f"{lag:,.1f} s"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        try:
            return (queryset.filter(pk=UUID(term)) if term else queryset), False
        except ValueError:
            return queryset.none(), False


@admin.register(RejectedRecord)
class RejectedRecordAdmin(ReadOnlyAdmin):
    list_display = ("segment_id", "line_number", "owner", "reason", "created_at")
    list_filter = (OrganizationFilter,)
    search_fields = ("=segment_id", "reason")
    ordering = ("-created_at", "line_number")
    actions = ("post_again",)

    @admin.display(description="organization id", ordering="organization_id")
    def owner(self, rejected: RejectedRecord) -> str:
        return str(rejected.organization_id or "-")

    @admin.action(description="Post again, after a fix", permissions=["end"])
    def post_again(self, request: HttpRequest, queryset: QuerySet[RejectedRecord]) -> None:
        """The lines become a segment of their own; those that are rejected again come back under its id."""
        rejected = list(queryset.order_by("segment_id", "line_number"))
        segment_id = str(uuid4())
        tasks.post_batch(segment_id, [record.line for record in rejected])
        RejectedRecord.objects.filter(pk__in=[record.pk for record in rejected]).delete()
        receipt = UsageBatch.objects.get(segment_id=segment_id)
        self._note(request, [record.line for record in rejected], segment_id)
        level = messages.WARNING if receipt.rejected_count else messages.SUCCESS
        self.message_user(request, f"{receipt.inserted_count} posted, {receipt.rejected_count} rejected again.", level)

    def _note(self, request: HttpRequest, lines: Sequence[str], segment_id: str) -> None:
        """With the organizations that the lines name, and in the log of the staff: a bad line may name nobody."""
        entries, _ = ledger.read_lines(lines)
        counts = Counter(entry.record.organization_id for entry in entries)
        for found in Organization.objects.filter(pk__in=counts).order_by("pk"):
            audit.record(
                organization_id=found.pk,
                action="organization.posted_again",
                target=found.name,
                by=staff(request),
                count=counts[found.pk],
            )
        receipt = UsageBatch.objects.get(segment_id=segment_id)
        self.log_change(request, receipt, f"Posted {len(lines)} rejected lines again.")


@admin.register(CreatedObject)
class CreatedObjectAdmin(LargeTableAdmin):
    list_display = ("created_at", "organization", "provider", "object_id", "record_id", "is_final", "completed_at")
    list_filter = (OrganizationFilter,)


@admin.register(DailyUsage)
class DailyUsageAdmin(_Spend, LargeTableAdmin):
    list_display = ("day", "organization", "team_id", "prompt_key", "model", "request_count", "cost")
    list_filter = (OrganizationFilter,)
    order_when_narrowed = ("-day", "-id")


@admin.register(DailyTagUsage)
class DailyTagUsageAdmin(_Spend, LargeTableAdmin):
    list_display = ("day", "organization", "tag", "prompt_key", "model", "request_count", "cost")
    list_filter = (OrganizationFilter,)
    order_when_narrowed = ("-day", "-id")


@admin.register(SeenValue)
class SeenValueAdmin(LargeTableAdmin):
    list_display = ("value", "kind", "organization", "day")
    list_filter = (OrganizationFilter,)
