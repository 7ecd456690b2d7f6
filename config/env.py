"""Typed readers of environment variables. A bad value stops the start-up with the variable's name and the fix.

An empty variable counts as absent, so that `NAME=` in an env file means "the default".
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def read_text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def find_set(*names: str) -> list[str]:
    """Which of these variables have a value, whatever the case of their names."""
    wanted = {name.lower() for name in names}
    return sorted(name for name, value in os.environ.items() if name.lower() in wanted and value)


def read_flag(name: str, *, default: bool) -> bool:
    text = read_text(name).lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={text!r} is not a flag: use true or false.")


def read_whole_number(name: str, default: int, *, least: int = 0) -> int:
    text = read_text(name)
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is not a whole number.") from None
    if number < least:
        raise ImproperlyConfigured(f"{name}={text!r} is too small: the least is {least}.")
    return number


def read_days_kept(name: str, default: int, *, least: int) -> int:
    """How many days something is kept: 0 for all of them, else at least so many."""
    days = read_whole_number(name, default)
    if 0 < days < least:
        raise ImproperlyConfigured(f"{name}={days} is too short: 0 keeps everything, else the least is {least} days.")
    return days


def read_seconds(name: str, default: float) -> float:
    """A duration in seconds, fractions allowed."""
    text = read_text(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is not a number of seconds.") from None
    if not 0 < number < 10**9:
        raise ImproperlyConfigured(f"{name}={text!r} must be more than 0 seconds.")
    return number


def read_choice(name: str, choices: Sequence[str], default: str) -> str:
    text = read_text(name, default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name}={text!r} is none of: {', '.join(choices)}.")
    return text


def read_list(name: str) -> list[str]:
    """Comma-separated values, without empty ones."""
    return [item.strip() for item in read_text(name).split(",") if item.strip()]


def read_http_url(name: str, default: str) -> str:
    """An absolute http(s) URL without query, fragment or trailing slash."""
    text = read_text(name, default).rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise ImproperlyConfigured(f"{name}={text!r} is not a URL like https://example.com/path.")
    return text


def is_this_machine(host: str) -> bool:
    """Whether the name or address is one that only this machine itself reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    user: str
    password: str
    uses_starttls: bool
    uses_tls: bool  # from the first byte on


def read_mail_server(name: str) -> MailServer | None:
    """`smtp://`, `smtp+tls://` (STARTTLS) or `smtps://`, then `user:password@host:port`, percent-encoded."""
    text = read_text(name)
    if not text:
        return None
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ports or not parts.hostname:
        # The value may hold a password, so the message does not.
        raise ImproperlyConfigured(f"{name} is not like smtp+tls://user:password@mail.example.com:587.")
    return MailServer(
        host=parts.hostname,
        port=port or ports[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        uses_starttls=parts.scheme == "smtp+tls",
        uses_tls=parts.scheme == "smtps",
    )


def sign_in_application(name: str, client_id: str, secret: str) -> list[dict[str, str]]:
    """The provider's application as allauth wants it; none without credentials."""
    if bool(client_id) != bool(secret):
        raise ImproperlyConfigured(f"{name}_CLIENT_ID and {name}_CLIENT_SECRET go together: set both or neither.")
    return [{"client_id": client_id, "secret": secret}] if client_id else []
