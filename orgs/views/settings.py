"""An organization's name, time zone and budget. Members read them, owners change them. Deleting is in `deletion`."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from analytics import budget_alerts, tasks, timezone_changes
from analytics.templatetags.money import money
from analytics.timezone_changes import AlreadyUnderWay
from orgs.forms import BudgetForm, RenameForm, TimezoneForm
from orgs.services import budgets, organizations
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    """The page; or of the page the part about the time zone alone, for whoever watches a change of it."""
    return _render(request)


@require_POST
@organization_page("owner", writes=True)
def rename(request: OrganizationRequest) -> HttpResponse:
    form = RenameForm(request.POST)
    if form.is_valid():
        try:
            organizations.rename(
                organization=request.access.organization, name=form.cleaned_data["name"], by=request.user
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"The name is {request.access.organization.name} now.")
            return _back(request)
    return _render(request, rename_form=form)


@require_POST
@organization_page("owner", writes=True)
def change_timezone(request: OrganizationRequest) -> HttpResponse:
    form = TimezoneForm(request.POST)
    if not form.is_valid():
        return _render(request, timezone_form=form)
    try:
        tasks.start_timezone_change(
            organization=request.access.organization, timezone=form.cleaned_data["timezone"], by=request.user
        )
    except AlreadyUnderWay:
        messages.error(request, "Another change of the time zone is under way. Wait for its end.")
    return _back(request)


@require_POST
@organization_page("owner", writes=True)
def change_budget(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    form = BudgetForm(request.POST)
    if form.is_valid():
        try:
            is_new = budgets.change(organization=organization, amount=form.cleaned_data["amount"], by=request.user)
        except ValidationError as error:
            form.add_error("amount", error)
        else:
            if is_new:
                tasks.follow_budget_change(organization)
            amount = organization.monthly_budget_pico_usd
            said = f"The monthly budget is {money(amount)} now." if amount else "There is no monthly budget now."
            messages.success(request, said)
            return _back(request)
    return _render(request, budget_form=form)


def _render(
    request: OrganizationRequest,
    *,
    rename_form: RenameForm | None = None,
    budget_form: BudgetForm | None = None,
    timezone_form: TimezoneForm | None = None,
) -> HttpResponse:
    organization = request.access.organization
    change = timezone_changes.find(organization.pk)
    is_part = request.headers.get("HX-Target") == "timezone"
    if is_part and not (change and change.is_under_way):
        organization.refresh_from_db(fields=["timezone"])
    context = {
        "nav": "organization",
        "change": change,
        "budget_form": budget_form or BudgetForm(initial={"amount": budgets.amount_of(organization)}),
        "budget_owners": budget_alerts.owners(organization) if request.access.is_owner and not is_part else [],
        "rename_form": rename_form or RenameForm(initial={"name": organization.name}),
        "timezone_form": timezone_form or TimezoneForm(initial={"timezone": organization.timezone}),
    }
    template = "orgs/settings_timezone.html" if is_part else "orgs/settings.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Target"])
    return response


def _back(request: OrganizationRequest) -> HttpResponse:
    return redirect("organization-settings", slug=request.access.organization.slug)
