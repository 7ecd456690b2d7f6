"""How the log is written, and what it leaves out: what was refused in one line, and no secret at all.

Everything that this service writes by itself passes here: log records, errors that nobody caught, Django's reports.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from config.redaction import Redactor

_REFUSALS = (PermissionDenied, BadRequest, SuspiciousOperation, MultiPartParserError)
_plain = logging.Formatter()
# With the secrets of the settings, as soon as these are read.
_redact = Redactor()


def redact(text: str) -> str:
    return _redact(text)


class RefusalsInOneLine(logging.Filter):
    """Takes the traceback from the record of a request that was refused, and keeps its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], _REFUSALS):
            record.exc_info = record.exc_text = None
        return True


class WithoutSecrets(logging.Filter):
    """Puts the record's message together and takes the secrets out: of it, of the error's texts and of the stack."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(_message(record)), None
        if record.exc_info:
            # Formatters take the text where there is one, whatever the error itself says.
            record.exc_text = redact(record.exc_text or _plain.formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    """A record that cannot be put together is no reason to fail; logging itself would print its arguments."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  (whatever a bad record raises)
        return f"{record.msg} {record.args!r}"


class DiscreetReporter(ExceptionReporter):
    """Django's reports of errors, as the debug page shows them."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))


def configure(level: str, secrets: list[str]) -> dict[str, Any]:
    """The setting LOGGING: lines on standard error, never a body, a header, a key, or one of these secrets."""
    global _redact
    _redact = Redactor(secrets)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": sys.stderr,
                "filters": ["refusals", "without secrets"],
            }
        },
        # A refusal is an answer like any other: its line says which page, and needs no traceback.
        "filters": {"refusals": {"()": RefusalsInOneLine}, "without secrets": {"()": WithoutSecrets}},
        "loggers": {
            # Without handlers of their own, which Django gives them: all that is written goes by the one above.
            "django": {},
            "django.server": {"propagate": True},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }


def watch_uncaught_errors() -> None:
    """Those that end the process or a thread are printed by Python itself: without secrets, from now on."""
    sys.excepthook = _print_error
    threading.excepthook = _print_end_of_thread
    sys.unraisablehook = lambda lost: _print_error(lost.exc_type, lost.exc_value, lost.exc_traceback)


def _print_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit:
        _print_error(ended.exc_type, ended.exc_value, ended.exc_traceback)


def _print_error(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
    if sys.stderr is not None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, at))))
