"""The prompt builder: a page, the contents of a dialog, and the part of both that answers what is being typed.

What is typed may hold people's messages. So it travels in the body of a POST, never in an address, which servers log;
it is neither stored nor logged, and reports of errors leave it out.
"""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from orgs.web import OrganizationRequest, organization_page
from prompts import builder, builder_facts, snippets
from prompts.builder_form import PROVIDERS, BuilderForm, beginning
from prompts.discretion import discreetly
from prompts.snippets import LANGUAGES


@require_safe
@vary_on_headers("HX-Request")
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    """`?prompt=KEY` fills in the prompt and what its active version is configured as, `&version=N` another version."""
    key, number = request.GET.get("prompt", ""), request.GET.get("version", "")
    registered = builder_facts.find_prompt(request.access.organization.pk, key)
    version = int(number) if number.isdecimal() and len(number) < 10 else None
    form = BuilderForm(beginning(key, registered, version))
    return render(request, "prompts/builder.html", _context(request, form))


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@sensitive_post_parameters()
@organization_page()
def code(request: OrganizationRequest) -> HttpResponse:
    """The builder for what was typed: as a part for HTMX, as a page without, as a file for who asks for a download."""
    if request.method != "POST":
        return redirect("builder", slug=request.access.organization.slug)
    form = discreetly(BuilderForm, request.POST.dict())
    if "download" in request.POST:
        return _download(form)
    template = "prompts/_builder.html" if request.htmx else "prompts/builder.html"
    return render(request, template, _context(request, form))


def _download(form: BuilderForm) -> HttpResponse:
    name = builder.file_name(form.given.get("prompt_key", ""), form.chosen_kind)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(_write(form) + "\n", content_type="text/plain; charset=utf-8", headers=headers)


def _write(form: BuilderForm) -> str:
    return discreetly(lambda: snippets.render(form.chosen_kind.id, form.sample(settings.PUBLIC_URL)))


def _context(request: OrganizationRequest, form: BuilderForm) -> dict[str, Any]:
    organization = request.access.organization
    key = form.given.get("prompt_key", "")
    facts = builder_facts.gather(
        organization.pk,
        provider=form.chosen_provider,
        model=form.chosen_model,
        prompt_key=key,
        typed=form.typed_tokens,
        now=timezone.now(),
        zone=organization.tz,
    )
    return {
        "nav": "builder",
        "layout": "dialog.html" if request.htmx else "app.html",
        "form": form,
        "limits": (form["temperature"], form["max_tokens"]),
        "providers": PROVIDERS,
        "languages": {name: label for name, (label, _) in LANGUAGES.items()},
        "code": _write(form),
        "file_name": builder.file_name(key, form.chosen_kind),
        "variables": (snippets.KEY_VARIABLE, snippets.PROVIDER_KEY_VARIABLES[form.chosen_provider]),
        "provider_label": PROVIDERS[form.chosen_provider],
        "facts": facts,
        "priced": facts.priced,
    }
