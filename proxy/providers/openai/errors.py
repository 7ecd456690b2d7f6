"""OpenAI's error objects (API reference, "Error codes")."""

from typing import Any

import msgspec

from proxy.providers.base import Members, Reading, generic, is_null, label, member


def code_of(error: Any) -> str:
    """What an error is called: its code, else its type."""
    return label(member(error, "code") or member(error, "type")) or "provider_error"


def note(members: Members, reading: Reading) -> None:
    """Name the failure that an answer tells of, if it does."""
    error = members.get("error")
    if error is not None and not is_null(error):
        reading.error_code = code_of(generic(error))


def is_bad_key(error: msgspec.Raw | None) -> bool:
    return bool(member(generic(error), "code") == "invalid_api_key")
