"""How the log is written, and what it leaves out."""

import logging
import sys
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http.multipartparser import MultiPartParserError

_REFUSALS = (PermissionDenied, BadRequest, MultiPartParserError)


class RefusalsInOneLine(logging.Filter):
    """Takes the traceback from the record of a request that was refused, and keeps its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], _REFUSALS):
            record.exc_info = record.exc_text = None
        return True


def configure(level: str) -> dict[str, Any]:
    """The setting LOGGING: lines on standard error, never a body, a header or a key."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
        # A refusal is an answer like any other: its line says which page, and needs no traceback.
        "filters": {"refusals": {"()": RefusalsInOneLine}},
        "loggers": {"django.request": {"filters": ["refusals"]}},
        "root": {"handlers": ["stderr"], "level": level},
    }
