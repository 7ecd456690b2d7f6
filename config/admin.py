"""What the admin pages of all apps have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

# Fields that no page shows. A list that could be filtered by how they begin would tell them letter by letter.
_SECRET = frozenset({"key_hash", "form_id", "nonce", "password", "data", "extra_data", "secret", "token"})


class DiscreetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable while running
    """Takes no filter by what is secret, from whatever an address asks for."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return _SECRET.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)
