"""The code import: a page, and the contents of a dialog. Code is pasted, rewritten, shown, and kept nowhere.

It travels in the body of a POST, enters no session, message or log, and no report of an error can hold it.
"""

import logging
import traceback
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from orgs.web import OrganizationRequest, organization_page
from prompts import builder_facts, importer
from prompts.folding import fold
from prompts.import_form import ENDINGS, LANGUAGES, ImportForm
from prompts.importer import Result

_logger = logging.getLogger(__name__)
_PART = "import"  # the id of what HTMX replaces by the result


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@vary_on_headers("HX-Request", "HX-Target")
@sensitive_post_parameters()
@sensitive_variables()
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
        result = _rewrite(form)
        context |= _shown(form.cleaned_data["code"], result) if result else {"has_failed": True}
    is_part = request.htmx and request.htmx.target == _PART
    return render(request, "prompts/_import.html" if is_part else "prompts/import.html", context)


def _initial(request: OrganizationRequest) -> dict[str, str]:
    return {"prompt_key": request.GET.get("prompt", "")}


@sensitive_variables()
def _rewrite(form: ImportForm) -> Result | None:
    """None where it failed. The error goes no further: its frames hold the code, and so would every report of it."""
    try:
        return importer.rewrite(form.cleaned_data["code"], form.chosen_language, form.target(settings.PUBLIC_URL))
    except Exception as error:  # noqa: BLE001 - see above
        place = traceback.extract_tb(error.__traceback__)[-1]
        _logger.error("The code import failed: %s in %s, line %s.", type(error).__name__, place.name, place.lineno)
        return None


@sensitive_variables()
def _shown(code: str, result: Result) -> dict[str, Any]:
    is_changed = result.code != code
    return {
        "result": result,
        "is_changed": is_changed,
        "blocks": fold(importer.side_by_side(code, result.code)) if is_changed else [],
        "language": LANGUAGES[result.language],
        "file_name": f"rewritten.{ENDINGS[result.language]}",
    }
