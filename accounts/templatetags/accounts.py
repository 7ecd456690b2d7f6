"""What pages ask about the reader's account: whether the address is confirmed, whether strangers may sign up."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import template
from django.http import HttpRequest

from accounts import services

register = template.Library()


@register.inclusion_tag("accounts/_verification_banner.html", takes_context=True)
def verification_banner(context: dict[str, Any]) -> dict[str, Any]:
    """Nothing for a visitor and for whoever has confirmed their address. One query for a signed-in reader."""
    request: HttpRequest | None = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return {"is_shown": False}
    return {
        "is_shown": not services.has_verified_email(user),
        "email": user.email,
        "path": request.get_full_path() if request.method == "GET" else "",
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag(takes_context=True)
def signup_is_open(context: dict[str, Any]) -> bool:
    """For this session: an invited person may sign up where strangers may not."""
    request = context.get("request")
    return bool(request and get_adapter(request).is_open_for_signup(request))


@register.simple_tag(takes_context=True)
def has_verified_email(context: dict[str, Any]) -> bool:
    return services.has_verified_email(context["user"])


@register.filter
def browser_name(user_agent: str) -> str:
    """What its owner calls it, like "Firefox on Linux"; the first words of what is not known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not browser:
        return user_agent[:40] or "Unknown"
    return f"{browser} on {system}" if system else browser


# Each before those that it also names itself as.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)
