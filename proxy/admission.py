"""Whose call it is: the platform key checked, and what is told to a caller whose key does not do."""

from collections.abc import Callable

from orgs.key_cache import (
    KeyCache,
    KeyFacts,
    KeyRefused,
    KeysUnavailable,
    OrganizationSuspended,
    RevokedKey,
    UnknownKey,
)
from proxy.errors import Refusal, unavailable

_CHECK, _NEW_KEY = "Check it on the API Keys page.", "Create a new one on the API Keys page."
_SUPPORT = "Write to support."
_REFUSALS: dict[type[KeyRefused], Callable[[KeyFacts | None], "NotAdmitted"]] = {
    UnknownKey: lambda facts: NotAdmitted(
        401, "platform_key_invalid", f"This AI Prompt Cost key is not known. {_CHECK}", facts
    ),
    RevokedKey: lambda facts: NotAdmitted(
        401, "platform_key_revoked", f"This AI Prompt Cost key was revoked. {_NEW_KEY}", facts
    ),
    OrganizationSuspended: lambda facts: NotAdmitted(
        403, "organization_suspended", f"The key's organization is suspended. {_SUPPORT}", facts
    ),
}


class NotAdmitted(Refusal):
    """`facts` say whose key it is, where that is known."""

    def __init__(self, status: int, code: str, message: str, facts: KeyFacts | None) -> None:
        super().__init__(status, code, message)
        self.facts = facts


def find_key(keys: KeyCache, key: tuple[str, bytes]) -> KeyFacts | None:
    """Of a platform key, with its digest, that is known here; None: it has to be looked up. Raises as `look_key_up`."""
    try:
        text, digest = key
        return keys.find(text, digest)
    except (KeyRefused, KeysUnavailable) as reason:
        raise _refusal(reason) from None


async def look_key_up(keys: KeyCache, key: tuple[str, bytes]) -> KeyFacts:
    """Raises `NotAdmitted` for a key that does not do, `Refusal` 503 when nobody can tell."""
    try:
        return await keys.get(key[0])
    except (KeyRefused, KeysUnavailable) as reason:
        raise _refusal(reason) from None


def _refusal(reason: KeyRefused | KeysUnavailable) -> Refusal:
    if isinstance(reason, KeyRefused):
        return _REFUSALS[type(reason)](reason.facts)
    return unavailable("keys_unavailable", "The key cannot be checked right now. Try again in a moment.")
