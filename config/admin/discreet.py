"""Pages of records that tell no secret, not even to a list that is filtered by how one begins."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst

_SECRET = frozenset({"key_hash", "form_id", "nonce", "password", "data", "extra_data", "secret", "token"})


class DiscreetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable while running
    """Takes no filter by what is secret, from whatever an address asks for. A record's page has its acts as buttons."""

    change_form_template = "admin/record.html"
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return _SECRET.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context: dict[str, Any] = {"acts": self._acts(request, object_id), "acts_url": self._list_url()}
        if object_id is not None:
            context["title"] = capfirst(self.opts.verbose_name)
        context |= extra_context or {}
        return super().changeform_view(request, object_id, form_url, context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def is_done(self, act: str, record: Any) -> bool:
        """Whether there is nothing left for this act to do, so that the record's page need not offer it."""
        return False

    def _acts(self, request: HttpRequest, object_id: str | None) -> list[tuple[str, str]]:
        """The name of each action that this person may take on the record, and what its button says."""
        actions = {name: action for name, action in self.get_actions(request).items() if name != "delete_selected"}
        record = self.get_object(request, object_id) if actions and object_id is not None else None
        if record is None:
            return []
        return [(name, str(action[2])) for name, action in actions.items() if action and not self.is_done(name, record)]

    def _list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
