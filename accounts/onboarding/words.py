"""What went wrong with a call, in words, and what to do next. Pure: from a code and a status to an explanation."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.provider_names import PROVIDERS


@dataclass(frozen=True, slots=True)
class Explanation:
    title: str
    advice: str
    is_about_platform_key: bool = False
    said: str = ""  # the provider's own words


# Our own codes, as in the header `x-aipc-error`.
_OURS: Mapping[str, tuple[str, str]] = {
    "platform_key_missing": (
        "The request carried no AI Prompt Cost key",
        "Send it in the header “Authorization: Bearer apc_...”.",
    ),
    "platform_key_invalid": (
        "The AI Prompt Cost key is not known",
        "Copy it again, whole. If it is gone, create another one: a key is shown only once.",
    ),
    "platform_key_revoked": (
        "The AI Prompt Cost key was revoked",
        "A revoked key never works again. Create another one and use it instead.",
    ),
    "organization_suspended": ("The organization is suspended", "Its keys are refused until it is resumed."),
    "provider_key_missing": (
        "The provider key was missing",
        "Send your own key of OpenAI or Anthropic in the header “X-Provider-Key”.",
    ),
    "content_type_not_json": (
        "The content type was not JSON",
        "Send the header “Content-Type: application/json” with the request.",
    ),
    "content_encoding_unsupported": (
        "The body was compressed in a way that is not understood",
        "Send it as it is, or with gzip.",
    ),
    "malformed_body": (
        "The request's body was not valid JSON",
        "Look for a missing quote or comma. In a shell, put the whole body into single quotes.",
    ),
    "model_missing": ("The request named no model", "Add the field “model” to the body."),
    "messages_missing": ("The request held no messages", "Add the field “messages” to the body."),
    "ambiguous_header": (
        "A header came twice, with different values",
        "Each key and the content type are sent once. Look for a second “Authorization” or “Content-Type”.",
    ),
    "method_not_allowed": ("The method is not served", "Calls are made by POST, and lists read by GET."),
    "body_too_large": ("The request's body was too large", "Send less at once."),
    "route_missing": (
        "The address ends too early",
        "After the provider's name comes a route of its API, as in /api/proxy/v1/openai/chat/completions.",
    ),
    "unknown_provider": (
        "The address names no provider that is served",
        "It begins with /api/proxy/v1/openai/ or with /api/proxy/v1/anthropic/.",
    ),
    "unknown_proxy_version": ("The address names no version of the proxy", "It begins with /api/proxy/v1/."),
    "unsafe_path": (
        "The address is not a plain one",
        "Use the routes of the provider's API as its documentation writes them, without “..” and doubled slashes.",
    ),
    "websocket_unsupported": ("WebSockets are not passed on", "Use the provider's HTTP API, as in the code below."),
    "sandbox_unsupported": (
        "This route has no simulation",
        "Leave out the header “X-Sandbox”, or call chat/completions or messages.",
    ),
    "key_concurrency_exceeded": (
        "Too many requests of this key run at the same time",
        "Wait until some have ended, or send fewer at once.",
    ),
    "upstream_unreachable": (
        "{provider} could not be reached",
        "The request was not answered and costs nothing. Try again in a moment.",
    ),
    "upstream_broken": ("{provider} broke the connection off", "Try again in a moment."),
    "upstream_timeout": ("{provider} did not answer in time", "Try again in a moment, or choose a smaller model."),
    "waited_too_long": (
        "{provider} took too long",
        "This page stops waiting after a minute. Choose a smaller model, or ask for less.",
    ),
    "client_disconnected": ("The client hung up before the answer was complete", "Give it a longer timeout."),
    "server_shutdown": ("The proxy was stopped in the middle of the answer", "Send the request again."),
    "proxy_not_served": (
        "The proxy does not run in this server",
        "Whoever runs it has to start it by “make serve”, which serves pages and proxied calls together.",
    ),
    "not_serving": (
        "The proxy does not run in this server",
        "It is starting or stopping, or the pages are served alone. Try again in a moment.",
    ),
}
_UNAVAILABLE = ("The proxy could not take the request just now", "Try again in a moment.")
_OURS_FOR_A_MOMENT = frozenset(
    (
        "keys_unavailable",
        "journal_full",
        "journal_backed_up",
        "too_many_calls",
        "body_memory_exhausted",
        "internal_error",
    )
)

# The providers' own ("Error codes", OpenAI; "Errors", Anthropic).
_BAD_KEY = (
    "{provider} refused the provider key",
    "Check that it is complete, still valid, and a key of {provider}. Spaces at its ends do not matter.",
)
_NO_QUOTA = (
    "The account at {provider} has no credit left",
    "The key works, but nothing can be bought with it. Add credit in the billing settings of {provider}.",
)
_UNKNOWN_MODEL = (
    "{provider} does not offer this model to the key",
    "The account may not have access to it. Choose another model.",
)
_RATE_LIMITED = ("{provider} asks for a pause", "The account's rate limit is reached. Try again in a minute.")
_OVERLOADED = ("{provider} is overloaded", "Nothing is wrong with your set-up. Try again in a moment.")
_FORBIDDEN = ("{provider} does not allow this to the key", "The key lacks a permission. Use another one, or widen it.")
_BAD_REQUEST = ("{provider} did not accept the request", "Something in it does not fit the model.")
_PROVIDERS: Mapping[str, tuple[str, str]] = {
    "provider_key_rejected": _BAD_KEY,
    "invalid_api_key": _BAD_KEY,
    "authentication_error": _BAD_KEY,
    "insufficient_quota": _NO_QUOTA,
    "billing_error": _NO_QUOTA,
    "model_not_found": _UNKNOWN_MODEL,
    "not_found_error": _UNKNOWN_MODEL,
    "overloaded_error": _OVERLOADED,
}
_STATUSES: Mapping[int, tuple[str, str]] = {
    400: _BAD_REQUEST,
    401: _BAD_KEY,
    402: _NO_QUOTA,
    403: _FORBIDDEN,
    404: _UNKNOWN_MODEL,
    429: _RATE_LIMITED,
    529: _OVERLOADED,
}


def explain(*, code: str, status: int, provider: str, said: str = "") -> Explanation:
    """`said` is the provider's message, if there is one; what it says of a key is not passed on."""
    if "credit balance" in said.lower():  # Anthropic tells of it as of any bad request.
        code = "billing_error"
    if code in _OURS_FOR_A_MOMENT:
        found = _UNAVAILABLE
    elif code in _OURS or code in _PROVIDERS:
        found = _OURS.get(code) or _PROVIDERS[code]
    elif status in _STATUSES:
        found = _STATUSES[status]
    elif status >= 500:
        found = ("{provider} failed", "Nothing is wrong with your set-up. Try again in a moment.")
    else:
        found = ("The request was refused ({code})", "The page “Troubleshooting” of the documentation says more.")
    title, advice = found
    names = {"provider": PROVIDERS.get(provider, "The provider"), "code": code or status}
    return Explanation(
        title=title.format_map(names),
        advice=advice.format_map(names),
        is_about_platform_key=code.startswith("platform_key_"),
        said="" if found is _BAD_KEY else said,
    )
