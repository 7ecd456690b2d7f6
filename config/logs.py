"""What the log leaves out."""

import logging

from django.core.exceptions import BadRequest, PermissionDenied
from django.http.multipartparser import MultiPartParserError

_REFUSALS = (PermissionDenied, BadRequest, MultiPartParserError)


class RefusalsInOneLine(logging.Filter):
    """Takes the traceback from the record of a request that was refused, and keeps its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], _REFUSALS):
            record.exc_info = record.exc_text = None
        return True
