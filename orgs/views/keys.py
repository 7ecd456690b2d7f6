"""API keys: the list, making one, revoking one. A new key is in the answer to the POST that made it, nowhere else."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import reports
from orgs.forms import KeyForm
from orgs.models import ApiKey
from orgs.services import keys, teams
from orgs.web import OrganizationRequest, organization_page

# What a new key is tried with. Everything but the two keys is ready to run.
_FIRST_CALL = """curl {url}/api/proxy/v1/openai/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "X-Provider-Key: $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "gpt-4o-mini", "messages": [{{"role": "user", "content": "Hello!"}}]}}'"""


@require_safe
@organization_page()
def show_list(request: OrganizationRequest) -> HttpResponse:
    return _render_list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@organization_page(writes=True)
def create(request: OrganizationRequest) -> HttpResponse:
    is_sent = request.method == "POST"
    form = KeyForm(
        request.POST if is_sent else None,
        organization=request.access.organization,
        initial={"team": request.GET.get("team")} if "team" in request.GET else None,
    )
    if is_sent and form.is_valid():
        try:
            record, key = _issue(request, form)
        except keys.AlreadyIssued as error:
            messages.warning(
                request,
                f"That form has made its key already: {error.record.label}. A key is shown only once. "
                "If you did not copy it, revoke it and create another.",
            )
            return redirect("keys", slug=request.access.organization.slug)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            return _render_list(request, new_record=record, new_key=key)
    return render(request, "orgs/key_new.html", {"nav": "keys", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_page(writes=True)
def revoke(request: OrganizationRequest, key_id: int) -> HttpResponse:
    """Asks first, saying what will stop: a page of its own, or by HTMX the contents of a dialog."""
    organization = request.access.organization
    key = get_object_or_404(ApiKey.objects.of(organization).with_people(), pk=key_id)
    if request.method == "POST" or key.is_revoked:
        if key.is_revoked:
            messages.info(request, f"{key.label} was revoked already.")
        else:
            keys.revoke(key=key, by=request.user)
            messages.success(request, f"{key.label} is revoked. Requests with it are refused from now on.")
        return redirect("keys", slug=organization.slug)
    now = timezone.now()
    context = {
        "nav": "keys",
        "key": key,
        "recent": reports.count_recent_requests(key, now=now, zone=organization.tz),
        "last_use": reports.last_uses(organization.pk, now=now, zone=organization.tz).get(key.pk),
    }
    return render(request, "orgs/key_revoke.html", context)


def _issue(request: OrganizationRequest, form: KeyForm) -> tuple[ApiKey, str]:
    """Raises what the services raise."""
    description, form_id = form.cleaned_data["description"], form.cleaned_data["form_id"]
    if team := form.cleaned_data.get("team"):
        return keys.issue(team=team, by=request.user, description=description, form_id=form_id)
    return teams.create_with_key(
        organization=request.access.organization,
        name=form.cleaned_data["new_team"],
        by=request.user,
        description=description,
        form_id=form_id,
    )


def _render_list(request: OrganizationRequest, *, new_record: ApiKey | None = None, new_key: str = "") -> HttpResponse:
    organization = request.access.organization
    uses = reports.last_uses(organization.pk, now=timezone.now(), zone=organization.tz)
    lines = [(key, uses.get(key.pk)) for key in ApiKey.objects.of(organization).with_people()]
    context = {
        "nav": "keys",
        "active": [line for line in lines if not line[0].is_revoked],
        "revoked": [line for line in lines if line[0].is_revoked],
        "new_record": new_record,
        "new_key": new_key,
        "first_call": _FIRST_CALL.format(url=settings.PUBLIC_URL, key=new_key) if new_key else "",
    }
    return render(request, "orgs/keys.html", context)
