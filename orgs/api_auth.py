"""The REST API's authentication by platform key. It asks the database, where a revoked key is refused at once."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from orgs import keys
from orgs.key_cache import KeyFacts, find_stored_key


class KeyHolder:
    """Whoever sent a platform key: somebody, but no person. What the key may see follows from `request.auth`."""

    pk = None
    is_active = True
    is_authenticated = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    def __str__(self) -> str:
        return "platform key"


class PlatformKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer apc_...`, else `x-api-key: apc_...`. Other credentials are left to the next class."""

    def authenticate(self, request: Request) -> tuple[Any, KeyFacts] | None:
        """Raises `AuthenticationFailed` (401) for a key that is not good, `PermissionDenied` (403) when suspended."""
        key = _find_key(request)
        if key is None:
            return None
        stored = find_stored_key(keys.digest(key)) if keys.has_valid_form(key) else None
        if stored is None:
            raise AuthenticationFailed("There is no such platform API key.", code="invalid_platform_key")
        if stored.is_revoked:
            raise AuthenticationFailed("This platform API key was revoked.", code="revoked_platform_key")
        if not stored.is_organization_active:
            raise PermissionDenied("The organization of this key is suspended.", code="organization_suspended")
        return KeyHolder(), stored.facts

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def _find_key(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and credentials.strip().startswith(keys.MARK):
        return credentials.strip()
    key = request.headers.get("X-Api-Key", "").strip()
    return key if key.startswith(keys.MARK) else None
