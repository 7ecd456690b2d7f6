"""Errors of ours, told in the provider's shape. Every one carries `x-aipc-error: <code>`.

Refusal            the call is answered by us and not (or no longer) forwarded
ClientGone         the client went away; there is nobody to answer
"""

from typing import TYPE_CHECKING

from proxy.providers import PROVIDERS
from proxy.providers.base import Header, Provider

if TYPE_CHECKING:
    from orgs.key_cache import KeyFacts


class Refusal(Exception):
    """An answer of ours. `retryable` false tells the SDKs not to try again (`x-should-retry: false`)."""

    facts: "KeyFacts | None" = None  # whose call it is, where that is known by the refusal alone

    def __init__(
        self, status: int, code: str, message: str, *, retryable: bool = False, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.retryable = retryable
        self.headers = headers


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def unavailable(code: str, message: str, *, retry_after: int = 1) -> Refusal:
    return Refusal(503, code, message, retryable=True, headers=((b"retry-after", b"%d" % retry_after),))


def render(refusal: Refusal, provider: Provider | None, call_id: str) -> tuple[list[Header], bytes]:
    """Headers and body of the answer. Without a provider (unknown path) the body has OpenAI's shape."""
    shape = provider or PROVIDERS["openai"]
    body = shape.error_body(status=refusal.status, code=refusal.code, message=refusal.message, request_id=call_id)
    headers: list[Header] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-aipc-error", refusal.code.encode()),
        (b"x-aipc-request-id", call_id.encode()),
        *refusal.headers,
    ]
    if not refusal.retryable:
        headers.append((b"x-should-retry", b"false"))
    return headers, body
