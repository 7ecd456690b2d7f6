"""Errors to Sentry, where SENTRY_DSN is set: which kind, where in the code, how often. Nothing that a request brought.

What is sent is put together here from a few members of the event, instead of taking out what must not be sent. So there
is no body, header, cookie, address, person or local variable in it, and no text of an error either, which may quote any
of these: the log on this machine has that text, without secrets, under the same request id.
"""

import importlib.util
import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

import config
from config import logs, request_ids

_KEPT = ("event_id", "timestamp", "platform", "level", "logger", "release")
_KEPT_OF_FRAME = ("filename", "function", "module", "lineno", "in_app")


def require(package: str, setting: str) -> None:
    """Raises `ImproperlyConfigured` where the setting asks for what is not installed."""
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ImproperlyConfigured(
            f"{setting} is set, but its packages are not installed: pip install --require-hashes -r "
            f"requirements/observability.txt, or leave {setting} empty."
        )


def start(dsn: str, *, transport: Any = None) -> None:
    """From now on errors in the log are reported. `transport` takes the place of Sentry's own."""
    import sentry_sdk
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    logging.getLogger("sentry_sdk.errors").handlers.clear()  # it would write beside the handler that hides secrets
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        release=config.VERSION,
        # Nothing is patched, and nothing is looked at but records of errors in the log.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR), DedupeIntegration()],
        before_send=_only_what_is_known,  # type: ignore[arg-type]  # events are plain dictionaries
        before_breadcrumb=lambda crumb, hint: None,
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        send_client_reports=False,
        auto_session_tracking=False,
        server_name="",
        traces_sample_rate=None,
    )


def _only_what_is_known(event: Mapping[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: event[name] for name in _KEPT if name in event}
    record = hint.get("log_record")
    if record is not None:
        # As it stands in the code, before anything was put into it; what was put together elsewhere is left out.
        template = getattr(record, "template", "") or (str(record.msg) if record.args else "")
        kept["logentry"] = {"message": logs.redact(template) or f"{record.name} logged an error"}
    if errors := event.get("exception", {}).get("values"):
        kept["exception"] = {"values": [_error(error) for error in errors]}
    if request_id := request_ids.current.get():
        kept["tags"] = {"request_id": request_id}
    return kept


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    frames = (error.get("stacktrace") or {}).get("frames") or []
    return {
        "type": error.get("type"),
        "module": error.get("module"),
        "value": "The text is in the log.",
        "stacktrace": {"frames": [{name: frame.get(name) for name in _KEPT_OF_FRAME} for frame in frames]},
    }
