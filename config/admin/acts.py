"""What staff do to the chosen records of a list: what harms is confirmed on a page of its own, and all is answered."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Protocol, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

_MOST_NAMED = 10
Row = TypeVar("Row", bound=Model)


class Refused(Exception):
    """The act cannot be done to this record; the text says why."""


class _Act(Protocol):
    def __call__(self, modeladmin: Any, request: HttpRequest, queryset: Any, /) -> HttpResponse | None: ...


def confirmed(*, what_happens: str, button: str) -> Callable[[_Act], _Act]:
    """Ask first, on a page that lists the records: `what_happens` says what stops working. Under `admin.action`."""

    def decorate(act: _Act) -> _Act:
        @wraps(act)
        def asking(modeladmin: Any, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
            if request.POST.get("post") == "yes":
                return act(modeladmin, request, queryset)
            context = {
                **modeladmin.admin_site.each_context(request),
                "title": f"{button}?",
                "what_happens": what_happens,
                "button": button,
                "rows": list(queryset),
                "opts": modeladmin.opts,
                "media": modeladmin.media,
                "action": request.POST["action"],
                "checkbox": ACTION_CHECKBOX_NAME,
                "back": _way_back(modeladmin, request),
            }
            return TemplateResponse(request, "admin/confirm_action.html", context)

        return asking

    return decorate


def _way_back(modeladmin: Any, request: HttpRequest) -> str:
    """The list, as it was filtered."""
    return str(request.get_full_path())


def act_on_each(
    modeladmin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    rows: Iterable[Row],
    act: Callable[[Row], object],
    *,
    done: str,
) -> None:
    """Do it to each record and say to which: `done` is the word before their names, like "Suspended".

    What a record refuses (`ValidationError`, `Refused`) is said too, and stops no other.
    """
    names, refusals = [], []
    for row in rows:
        try:
            act(row)
        except ValidationError as error:
            refusals.append(f"{row}: {' '.join(error.messages)}")
        except Refused as error:
            refusals.append(f"{row}: {error}")
        else:
            names.append(str(row))
    if names:
        modeladmin.message_user(request, f"{done}: {_list(names)}.", messages.SUCCESS)
    for refusal in refusals[:_MOST_NAMED]:
        modeladmin.message_user(request, refusal, messages.ERROR)


def _list(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
