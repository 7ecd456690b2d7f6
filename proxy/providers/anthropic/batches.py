"""Message batches: created, and the lines of their results (API reference, "Message Batches")."""

import msgspec

from analytics.usage import Completion
from proxy.providers.anthropic.messages import read_usage
from proxy.providers.base import (
    MAX_ID,
    NULL,
    Asked,
    Reading,
    Route,
    generic,
    is_null,
    label,
    member,
    members_of,
    text_in,
)
from proxy.providers.shares import BatchSum


def read_created(route: Route, body: bytes, asked: Asked) -> Reading:
    """The batch is made; what it uses is told by its results."""
    reading = Reading()
    reading.is_finished = reading.is_usage_complete = True
    members = members_of(body)
    if members is None:
        return reading
    error = members.get("error", NULL)
    if not is_null(error):
        reading.error_code = label(member(generic(error), "type")) or "provider_error"
        return reading
    reading.object_id = label(text_in(members, "id"), MAX_ID)
    reading.is_pending = bool(reading.object_id)
    return reading


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = NULL


class _Line(msgspec.Struct):
    custom_id: str | None
    result: _Result


_line_decoder = msgspec.json.Decoder(_Line)


class BatchResultsReader:
    """One line for each request: succeeded, errored, canceled or expired; only the first kind has used anything."""

    def __init__(self, asked: Asked) -> None:
        self.reading = Reading()
        self.reading.is_usage_complete = True
        self._is_reading = bool(asked.object_id)
        self._batch_id = asked.object_id
        self._sum = BatchSum()
        self._lines = 0

    def read(self, line: bytes) -> None:
        line = line.strip()
        if not self._is_reading or not line:
            return
        result = _decode_line(line)
        if result is None:
            self._is_reading = self._lines > 0  # not the results, but an error
            self._sum.mark_partial()
            return
        self._lines += 1
        if result.type == "succeeded":
            self._add(result.message)

    def _add(self, message: msgspec.Raw) -> None:
        members = members_of(bytes(message)) or {}
        usage = generic(members.get("usage"))
        model = label(generic(members.get("model")), 128)
        if isinstance(usage, dict):
            self._sum.add(model, read_usage(usage, model=model))
        else:
            self._sum.mark_partial()

    def finish(self) -> None:
        if self._lines:
            self.reading.completion = Completion(
                object_id=self._batch_id, model=self._sum.model, usage=self._sum.total(), finish_reason="ended"
            )


def _decode_line(line: bytes) -> _Result | None:
    try:
        return _line_decoder.decode(line).result
    except (ValueError, RecursionError):
        members = members_of(line)
    if members is None or "custom_id" not in members:
        return None
    result = members_of(bytes(members.get("result", NULL)))
    kind = text_in(result, "type") if result is not None else None
    return _Result(kind, (result or {}).get("message", NULL)) if kind else None
