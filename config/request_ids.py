"""Which request, call or task a line of the log belongs to: an id that follows it through coroutines and threads.

A proxied call's is its own, as in `x-aipc-request-id` and in its record. Pages get one here.
"""

import uuid
from contextvars import ContextVar

HEADER = "x-aipc-request-id"

current: ContextVar[str] = ContextVar("request_id", default="")


def begin() -> str:
    """A new one, for what this context does from now on."""
    request_id = uuid.uuid4().hex
    current.set(request_id)
    return request_id
