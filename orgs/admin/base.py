"""What the admin pages of all our records share: what carries spend is never deleted, acts go through the services."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin import DiscreetAdmin
from config.admin.lists import NewestFirstAdmin, NewestFirstList
from orgs.models import Organization
from orgs.services import audit


def staff(request: HttpRequest) -> Any:
    """The person at the admin pages, for `by=`."""
    return request.user


class RecordAdmin(DiscreetAdmin):
    """What carries spend is never deleted, and some fields are chosen once."""

    fields_chosen_once: tuple[str, ...] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    # The right to delete stands for the right to put an end to what is kept for ever: to revoke, archive, withdraw.
    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(self.fields_chosen_once if obj else ()))

    def save_changes(self, request: HttpRequest, obj: Any, changed: list[str], organization_id: int) -> None:
        """Save the changed fields and note which, not what was in them."""
        if changed:
            obj.save(update_fields=changed)
            kind = str(obj._meta.verbose_name).lower().replace(" ", "_")
            audit.record(
                organization_id=organization_id,
                action=f"{kind}.changed",
                target=str(obj),
                by=request.user if request.user.is_authenticated else None,
                fields=", ".join(changed),
            )


class ReadOnlyAdmin(RecordAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OfOrganizations(NewestFirstList):
    """The page's rows with the names of their organizations: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        wanted = {row.organization_id for row in self.result_list}
        names = dict(Organization.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}
        for row in self.result_list:
            row.organization_name = names.get(row.organization_id, f"number {row.organization_id}")


class LargeTableAdmin(NewestFirstAdmin, ReadOnlyAdmin):
    """Rows by the million. They are narrowed to an organization, by the search or a link, or found by their id."""

    search_help_text = "The slug or the number of an organization."
    search_fields = ("organization_id",)  # so that there is a field to search in; `find` says what it finds
    narrowed_by: tuple[str, ...] = ()  # names of list filters that have an index

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[NewestFirstList]:
        return OfOrganizations

    @admin.display(description="organization")
    def organization(self, row: Any) -> SafeString:
        url = reverse("admin:orgs_organization_change", args=[row.organization_id])
        return format_html('<a href="{}">{}</a>', url, getattr(row, "organization_name", row.organization_id))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in {"organization_id", "organization_id__exact", *self.narrowed_by}

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        return (self.find(queryset, term) if term else queryset), False

    def find(self, queryset: Any, term: str) -> Any:
        return queryset.filter(organization_id=find_organization_id(term))


def find_organization_id(term: str) -> int:
    """By slug or number; 0, which is nobody's, where there is none."""
    if term.isdecimal() and len(term) < 19:
        return int(term)
    return Organization.objects.filter(slug=term.lower()).values_list("pk", flat=True).first() or 0


class OrganizationFilter(admin.SimpleListFilter):
    """Shown while the list is narrowed to one organization, to say so and to undo it."""

    title = "organization"
    parameter_name = "organization_id"
    template = "admin/narrowed.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        number = request.GET.get(self.parameter_name, "")
        if not (number.isdecimal() and len(number) < 19):
            return []
        found = Organization.objects.filter(pk=int(number)).first()
        return [(number, found.name if found else f"number {number}")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(organization_id=int(self.value() or 0)) if self.value() else queryset
