"""The code import: a page, and the contents of a dialog. Code is pasted, rewritten, shown, and kept nowhere.

It travels in the body of a POST, enters no session, message or log, and no report of an error can hold it.
"""

import logging
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from orgs.web import OrganizationRequest, organization_page
from prompts import builder_facts, importer
from prompts.discretion import Failed, discreetly
from prompts.folding import fold
from prompts.import_form import KINDS, ImportForm
from prompts.importer.apart import rewrite_apart

_logger = logging.getLogger(__name__)
_PART = "import"  # the id of what HTMX replaces by the result


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@vary_on_headers("HX-Request", "HX-Target")
@sensitive_post_parameters()
@organization_page()
def show(request: OrganizationRequest) -> HttpResponse:
    form = ImportForm(request.POST if request.method == "POST" else None, _initial(request))
    context: dict[str, Any] = {
        "nav": "builder",
        "layout": "dialog.html" if request.htmx else "app.html",
        "form": form,
        "keys": builder_facts.list_keys(request.access.organization.pk),
    }
    if form.is_valid():
        context |= _rewrite(form)
    is_part = request.htmx and request.htmx.target == _PART
    return render(request, "prompts/_import.html" if is_part else "prompts/import.html", context)


def _initial(request: OrganizationRequest) -> dict[str, str]:
    return {"prompt_key": request.GET.get("prompt", "")}


def _rewrite(form: ImportForm) -> dict[str, Any]:
    """Pasted code can be anything: where it trips the import up, people are told so, and the log only in which line."""
    try:
        return discreetly(_outcome, form)
    except Failed as failure:
        _logger.error("The code import failed: %s.", failure)
        return {"has_failed": True}


def _outcome(form: ImportForm) -> dict[str, Any]:
    code = form.cleaned_data["code"]
    result = rewrite_apart(code, form.chosen_language, form.target(settings.PUBLIC_URL))
    is_changed = result.code != code
    language, ending = KINDS[result.language]
    return {
        "result": result,
        "is_changed": is_changed,
        "blocks": fold(importer.side_by_side(code, result.code)) if is_changed else [],
        "language": language,
        "file_name": f"rewritten.{ending}",
    }
