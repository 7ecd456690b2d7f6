"""Teams: the list, one team with its keys and spend, making, renaming, archiving."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import periods, reports, team_spend
from analytics.periods import Period
from analytics.reports import Scope, Sums
from orgs.forms import TeamForm
from orgs.models import Team
from orgs.services import teams
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def show_list(request: OrganizationRequest) -> HttpResponse:
    organization = request.access.organization
    month = periods.current_month(timezone.now(), organization.tz)
    scope = Scope(organization.pk, month)
    sums_of = reports.sums_by(scope, "team_id")
    lines = [(team, sums_of.get(team.pk, Sums())) for team in Team.objects.of(organization).with_active_key_counts()]
    # Among equals by name, as the teams came.
    lines.sort(key=lambda line: (line[0].is_archived, -line[1].cost_pico_usd, -line[1].request_count))
    context = {
        "nav": "teams",
        "month": month,
        "lines": lines,
        "total": reports.get_total(scope),
        "most": max((sums.cost_pico_usd for sums in sums_of.values()), default=0),
    }
    return render(request, "orgs/teams.html", context)


@require_safe
@organization_page()
def show(request: OrganizationRequest, team_id: int) -> HttpResponse:
    """`?month=2026-10` shows another month than the current one."""
    team = _get_team(request, team_id)
    zone, now = team.organization.tz, timezone.now()
    keys = list(team.api_keys.with_people())
    spend = team_spend.read_month(team, keys, zone=zone, now=now, month=_asked_month(request))
    uses = reports.last_uses(team.organization_id, now=now, zone=zone)
    context = {
        "nav": "teams",
        "team": team,
        "spend": spend,
        "keys": [(line.key, line.sums, uses.get(line.key.pk)) for line in spend.keys],
        "active_key_count": sum(not key.is_revoked for key in keys),
    }
    return render(request, "orgs/team.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(writes=True)
def create(request: OrganizationRequest) -> HttpResponse:
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        organization = request.access.organization
        try:
            team = teams.create(organization=organization, name=form.cleaned_data["name"], by=request.user)
        except ValidationError as error:
            form.add_error("name", error.messages)
        else:
            messages.success(request, f"{team.name} is there. Next: its first API key.")
            return redirect("team", slug=organization.slug, team_id=team.pk)
    return render(request, "orgs/team_new.html", {"nav": "teams", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page("owner", writes=True)
def rename(request: OrganizationRequest, team_id: int) -> HttpResponse:
    team = _get_team(request, team_id)
    form = TeamForm(request.POST if request.method == "POST" else None, initial={"name": team.name})
    if form.is_valid():
        try:
            teams.rename(team=team, name=form.cleaned_data["name"], by=request.user)
        except ValidationError as error:
            form.add_error("name", error.messages)
        else:
            messages.success(request, f"The team is called {team.name} now.")
            return redirect("team", slug=team.organization.slug, team_id=team.pk)
    return render(request, "orgs/team_rename.html", {"nav": "teams", "form": form, "team": team})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page("owner", writes=True)
def archive(request: OrganizationRequest, team_id: int) -> HttpResponse:
    """Asks first: a page of its own, or by HTMX the contents of a dialog. 409 while keys of the team are active."""
    team = _get_team(request, team_id)
    status = 200
    if request.method == "POST":
        try:
            teams.archive(team=team, by=request.user, revoke_keys=False)
        except ValidationError:
            status = 409
        else:
            messages.success(request, f"{team.name} is archived. What it spent stays in every report.")
            return redirect("teams", slug=team.organization.slug)
    context = {"nav": "teams", "team": team, "active_keys": list(team.api_keys.active()), "is_refused": status == 409}
    return render(request, "orgs/team_archive.html", context, status=status)


def _get_team(request: OrganizationRequest, team_id: int) -> Team:
    """Of this organization, archived or not; else 404."""
    return get_object_or_404(Team.objects.of(request.access.organization).select_related("organization"), pk=team_id)


def _asked_month(request: OrganizationRequest) -> Period | None:
    """None where no month is asked for, or none that can be read."""
    try:
        return periods.parse_month(request.GET.get("month", ""))
    except ValueError:
        return None
