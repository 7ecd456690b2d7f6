"""How the log is written, and what it leaves out: of refusals all but a line, of repetitions most, and every secret.

Everything that this service writes by itself passes here: log records, errors that nobody caught, Django's reports.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from config import request_ids
from config.redaction import Redactor

_REFUSALS = (PermissionDenied, BadRequest, SuspiciousOperation, MultiPartParserError)
_LONGEST_MESSAGE = 4_000  # a target may have 16 KiB
_MOST_KINDS = 1_000
_plain = logging.Formatter()
# With the secrets of the settings, as soon as these are read.
_redact = Redactor()
_is_json = False


def redact(text: str) -> str:
    return _redact(text)


class RefusalsInOneLine(logging.Filter):
    """Takes the traceback from the record of a request that was refused, and keeps its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], _REFUSALS):
            record.exc_info = record.exc_text = None
        return True


class Repetitions(logging.Filter):
    """Lets the first lines of a kind pass in each minute, so that nobody fills the disk by asking for refusals.

    The next one that passes tells how many were left out. A kind is what stands in the code: the logger, the level, the
    text without its arguments, and the line that the error came from.
    """

    def __init__(self, lines: int = 100, tracebacks: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = lines
        self._tracebacks = tracebacks
        self._clock = clock
        self._guard = threading.Lock()
        self._minute = 0
        self._passed: Counter[tuple[object, ...]] = Counter()  # in this minute
        self._left_out: Counter[tuple[object, ...]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, record.levelno, str(record.msg)[:80], *_origin_of(record))
        with self._guard:
            if (minute := int(self._clock() // 60)) != self._minute:
                self._minute = minute
                self._passed.clear()
            if kind not in self._passed and len(self._passed) >= _MOST_KINDS:
                kind = ()
            if self._passed[kind] >= (self._tracebacks if record.exc_info else self._lines):
                self._left_out[kind if len(self._left_out) < _MOST_KINDS else ()] += 1
                return False
            self._passed[kind] += 1
            left_out = self._left_out.pop(kind, 0)
        if left_out:
            record.msg, record.args = f"{_message(record)} ({left_out} more of these were left out)", None
        return True


def _origin_of(record: logging.LogRecord) -> tuple[object, ...]:
    """Of the error that comes with the record: its type, and where it was raised."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ()
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return (type(error), at and at.tb_frame.f_code, at and at.tb_lineno)


class WithoutSecrets(logging.Filter):
    """Puts the record's message together and takes the secrets out: of it, of the error's texts and of the stack."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.args:
            record.template = str(record.msg)  # as it stands in the code: `config.reporting` sends no more
        record.msg, record.args = redact(_shortened(_message(record))), None
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


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}... ({len(text)} characters)"


class DiscreetReporter(ExceptionReporter):
    """Django's reports of errors, as the debug page shows them."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))


class JsonLines(logging.Formatter):
    """One JSON object a line. Filters have put the message together and taken the secrets out."""

    def format(self, record: logging.LogRecord) -> str:
        return _json_line(
            record.created, record.levelname, record.name, record.getMessage(), record.exc_text, record.stack_info
        )


def _json_line(
    at: float, level: str, logger: str, message: str, error: str | None = None, stack: str | None = None
) -> str:
    line = {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "logger": logger,
        "message": message,
        "request_id": request_ids.current.get(),
        "process": os.getpid(),
        "error": error,
        "stack": stack,
    }
    return json.dumps({name: value for name, value in line.items() if value})


def configure(level: str, secrets: list[str], form: str = "text") -> dict[str, Any]:
    """The setting LOGGING: lines on standard error, never a body, a header, a key, or one of these secrets.

    `form`: "text", or "json" for one object a line.
    """
    global _redact, _is_json
    _redact, _is_json = Redactor(secrets), form == "json"
    logging.captureWarnings(_is_json)  # which Python prints by itself, in lines that are no objects
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
            "json": {"()": JsonLines},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "stream": sys.stderr,
                "filters": ["refusals", "repetitions", "without secrets"],
            }
        },
        # A refusal is an answer like any other: its line says which page, and needs no traceback.
        "filters": {
            "refusals": {"()": RefusalsInOneLine},
            "repetitions": {"()": Repetitions},
            "without secrets": {"()": WithoutSecrets},
        },
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
        text = redact("".join(traceback.format_exception(kind, error, at)))
        sys.stderr.write(_json_line(time.time(), "CRITICAL", "uncaught", text) + "\n" if _is_json else text)
