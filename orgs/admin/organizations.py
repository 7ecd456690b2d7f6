"""Organizations: what they use, suspending them, and looking at one as its members see it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from analytics.reports import NOTHING, service
from analytics.templatetags.money import cost, cost_exact, figure
from config.admin.acts import act_on_each, confirmed
from orgs import access
from orgs.admin.base import RecordAdmin, staff
from orgs.models import ApiKey, Membership, Organization
from orgs.services import looks, organizations
from orgs.web import begin_look, end_look

# What there is to see of an organization, and how the list of it is narrowed.
_PARTS = (
    ("Members", "orgs_membership", "organization__id__exact"),
    ("Invitations", "orgs_invitation", "organization__id__exact"),
    ("Teams", "orgs_team", "organization__id__exact"),
    ("API keys", "orgs_apikey", "organization__id__exact"),
    ("Prompts", "prompts_prompt", "organization__id__exact"),
    ("Refused calls", "orgs_refusedcall", "organization_id"),
    ("Budget mails", "orgs_budgetalert", "organization_id"),
    ("Audit log", "orgs_auditentry", "organization__id__exact"),
    ("Daily usage", "analytics_dailyusage", "organization_id"),
    ("Usage records", "analytics_ledgerrecord", "organization_id"),
    ("Rejected records", "analytics_rejectedrecord", "organization_id"),
)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("suspended", "Suspended"), ("deleted", "Deleted, not purged yet")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Organization]") -> "QuerySet[Organization]":
        conditions = {
            "active": Q(is_active=True, deleted_at=None),
            "suspended": Q(is_active=False, deleted_at=None),
            "deleted": ~Q(deleted_at=None),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class WithUsage(ChangeList):
    """The page's organizations with what they used this month: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = add_usage(self.result_list)


def add_usage(rows: Iterable[Any]) -> list[Any]:
    found = list(rows)
    used = service.sums_of_month(found, now=timezone.now())
    for one in found:
        one.used = used.get(one.pk, NOTHING)
    return found


def _count(rows: "QuerySet[Any]") -> Any:
    """Of each organization's own."""
    own = rows.filter(organization=OuterRef("pk")).order_by().values("organization").annotate(count=Count("pk"))
    return Coalesce(Subquery(own.values("count")), 0)


@admin.register(Organization)
class OrganizationAdmin(RecordAdmin):
    list_display = ("name", "state", "requests", "spend", "members", "api_keys", "created_at")
    list_filter = (StateFilter,)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "state", "timezone", "this_month", "parts", "deleted_at", "created_at")
    readonly_fields = ("slug", "state", "this_month", "parts", "deleted_at", "created_at")
    fields_chosen_once = ("timezone",)  # The days of past spend were cut in it.
    actions = ("suspend", "resume")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Organization]":
        counted = {
            "members_count": _count(Membership.objects.all()),
            "active_keys_count": _count(ApiKey.objects.active()),
        }
        rows: QuerySet[Organization] = super().get_queryset(request).annotate(**counted)
        return rows

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return WithUsage

    def get_fields(self, request: HttpRequest, obj: Organization | None = None) -> Any:
        return self.fields if obj else ("name", "timezone")

    # --- Facts ---

    @admin.display(description="state")
    def state(self, organization: Organization) -> SafeString:
        if organization.is_deleted:
            return format_html('<span class="mark mark-harm">{}</span>', "Deleted")
        if not organization.is_active:
            return format_html('<span class="mark mark-attention">{}</span>', "Suspended")
        return format_html('<span class="mark">{}</span>', "Active")

    @admin.display(description="requests this month")
    def requests(self, organization: Any) -> str:
        return figure(organization.used.request_count)

    @admin.display(description="spend this month")
    def spend(self, organization: Any) -> SafeString:
        return format_html('<span title="{}">{}</span>', cost_exact(organization.used), cost(organization.used))

    @admin.display(description="members", ordering="members_count")
    def members(self, organization: Any) -> SafeString:
        return _link("orgs_membership", organization, organization.members_count)

    @admin.display(description="keys in use", ordering="active_keys_count")
    def api_keys(self, organization: Any) -> SafeString:
        return _link("orgs_apikey", organization, organization.active_keys_count)

    @admin.display(description="this month")
    def this_month(self, organization: Organization) -> str:
        (one,) = add_usage([organization])
        return f"{cost(one.used)} for {figure(one.used.request_count)} requests, {figure(one.used.error_count)} errors"

    @admin.display(description="what there is")
    def parts(self, organization: Organization) -> SafeString:
        links = ((_list_url(name, {by: organization.pk}), title) for title, name, by in _PARTS)
        return format_html('<span class="parts">{}</span>', format_html_join(" ", '<a href="{}">{}</a>', links))

    # --- Acts ---

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        if change:
            self.save_changes(request, obj, form.changed_data, obj.pk)
        else:
            made = organizations.create(name=obj.name, timezone=obj.timezone, by=staff(request))
            obj.pk, obj.slug = made.pk, made.slug

    def is_done(self, act: str, record: Organization) -> bool:
        return record.is_active == (act == "resume")

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orgs.suspend_organization")

    @admin.action(description="Suspend: refuse all of their keys", permissions=["suspend"])
    @confirmed(
        what_happens="All of their API keys are refused within a second, so their services stop. "
        "They can still read what they spent, and change nothing.",
        button="Suspend the organizations",
    )
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        def suspend(organization: Organization) -> None:
            organizations.suspend(organization=organization, by=staff(request))

        act_on_each(self, request, queryset, suspend, done="Suspended")

    @admin.action(description="Resume: accept their keys again", permissions=["suspend"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        def resume(organization: Organization) -> None:
            organizations.resume(organization=organization, by=staff(request))

        act_on_each(self, request, queryset, resume, done="Resumed")

    # --- Looking at its dashboard ---

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view
        return [
            path("<int:object_id>/look/", guarded(self.look), name="orgs_organization_look"),
            path("leave/", guarded(require_POST(self.leave)), name="orgs_organization_leave"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may_look = object_id is not None and access.may_look(request.user)
        links = [("look/", "Look at the dashboard")] if may_look else []
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "record_links": links})

    def look(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """Asks for a reason, which the owners can read, and leads to the dashboard."""
        if not access.may_look(request.user):
            raise PermissionDenied
        organization = get_object_or_404(Organization, pk=object_id, deleted_at=None)
        if access.memberships_of(request.user).filter(organization=organization).exists():
            messages.info(request, "You are a member: this is your own way in.")
            return redirect("dashboard", organization.slug)
        problem = ""
        reason = request.POST.get("reason", "")
        if request.method == "POST":
            try:
                begin_look(request, looks.begin(organization=organization, by=staff(request), reason=reason))
            except ValidationError as error:
                problem = " ".join(error.messages)
            else:
                return redirect("dashboard", organization.slug)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Look at {organization.name}",
            "opts": self.opts,
            "organization": organization,
            "most": looks.MAX_REASON_LENGTH,
            "minutes": looks.LASTS.seconds // 60,
            "problem": problem,
            "reason": reason,
        }
        return TemplateResponse(request, "admin/look.html", context)

    def leave(self, request: HttpRequest) -> HttpResponseBase:
        end_look(request)
        messages.info(request, "You have left.")
        return redirect("admin:orgs_organization_changelist")


def _list_url(name: str, by: dict[str, Any]) -> str:
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(by)}"


def _link(name: str, organization: Organization, count: int) -> SafeString:
    return format_html(
        '<a href="{}">{}</a>', _list_url(name, {"organization__id__exact": organization.pk}), figure(count)
    )
