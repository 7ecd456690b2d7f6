"""Responses: whole, streamed, run in the background and told of later (API reference, "Responses" and "Streaming")."""

import msgspec

from analytics.usage import Completion, TokenUsage
from proxy.providers.base import (
    MAX_ID,
    NULL,
    Asked,
    Counts,
    Members,
    Reading,
    Route,
    generic,
    is_null,
    label,
    member,
    members_of,
    starts_of,
    text_in,
)
from proxy.providers.openai import errors, tools
from proxy.providers.openai.routes import CANCEL_RESPONSE, RESPONSE
from proxy.providers.openai.usage import read_response_usage
from proxy.providers.shares import with_shares
from proxy.sse import data_of

_RUNNING = ("queued", "in_progress")
_ENDED = ("completed", "incomplete", "failed", "cancelled")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_TOLD = (RESPONSE, CANCEL_RESPONSE)  # answers about a response that another call created
# The audio of a spoken answer comes as `delta`, too, and is no text.
_NO_TEXT = ("response.audio.delta",)


class _Event(msgspec.Struct):
    type: str = ""
    delta: str | None = None
    response: msgspec.Raw = NULL
    code: str | None = None
    error: msgspec.Raw = NULL


_event_decoder = msgspec.json.Decoder(_Event)


class ResponseReader:
    """Takes in a response object, as often as it is told, and fills the reading of a creating or of a telling call."""

    def __init__(self, route: Route) -> None:
        self.reading = Reading()
        self._is_told = route.name in _TOLD

    def take(self, members: Members) -> None:
        reading = self.reading
        reading.model = label(text_in(members, "model"), 128) or reading.model
        status = text_in(members, "status") or ""
        errors.note(members, reading)
        is_background = generic(members.get("background")) is True
        object_id = label(text_in(members, "id"), MAX_ID)
        if status in _RUNNING:
            # "Background mode": what it uses is told by the answer to a later call.
            reading.is_pending = is_background and bool(object_id) and not self._is_told
            reading.object_id = object_id if reading.is_pending else ""
            return
        reading.finish_reason = label(member(generic(members.get("incomplete_details")), "reason")) or label(status)
        usage = usage_of(members)
        if self._is_told:
            if is_background and object_id and status in _ENDED:
                reading.completion = _completion(object_id, reading, usage)
            return
        reading.is_pending, reading.object_id = False, ""
        reading.usage = usage
        reading.is_usage_complete = usage is not None
        if usage is None:
            reading.text_bytes = max(reading.text_bytes, len(bytes(members.get("output", b""))))


def _completion(object_id: str, reading: Reading, usage: TokenUsage | None) -> Completion:
    return Completion(
        object_id=object_id,
        model=reading.model,
        usage=usage or TokenUsage(),
        usage_source="none" if usage is None else "provider",
        error_code=reading.error_code,
        finish_reason=reading.finish_reason,
    )


def usage_of(members: Members) -> TokenUsage | None:
    usage = generic(members.get("usage"))
    if not isinstance(usage, dict):
        return None
    counts = Counts()
    fees = tools.read_fees(members, counts)
    read = read_response_usage(
        usage,
        counts,
        service_tier=text_in(members, "service_tier") or "",
        web_searches=fees.web_searches,
        file_searches=fees.file_searches,
    )
    return with_shares(read, fees.shares, counts)


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    reader = ResponseReader(route)
    members = members_of(body)
    if members is not None:
        reader.take(members)
    reader.reading.is_finished = True
    return reader.reading


def read_usage_alone(route: Route, body: bytes, asked: Asked) -> Reading:
    """Answers with a response's usage and without its status: of a compaction (SDK, `CompactedResponse`, which names
    no model) and of decisions (SDK, `Decision`).
    """
    reading = Reading()
    reading.is_finished = True
    members = members_of(body)
    if members is None:
        return reading
    errors.note(members, reading)
    usage = generic(members.get("usage"))
    if isinstance(usage, dict):
        reading.model = label(text_in(members, "model"), 128)
        reading.usage = read_response_usage(usage, Counts(), service_tier=text_in(members, "service_tier") or "")
        reading.is_usage_complete = True
    return reading


class ResponseStreamReader(ResponseReader):
    """`response.created` to `response.completed`, `.incomplete` or `.failed`, or to an `error`."""

    terminal_starts: tuple[bytes, ...] = starts_of(*_TERMINAL, "error")

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        value = _decode_event(data) if data[:1] == b"{" else None
        if value is not None:
            self._take_event(value)
        return False

    def _take_event(self, event: _Event) -> None:
        if event.delta and event.type not in _NO_TEXT:
            self.reading.text_bytes += len(event.delta.encode())
        if event.type == "error":
            self.reading.is_finished = True
            self.reading.error_code = label(event.code) or errors.code_of(generic(event.error))
        elif not is_null(event.response) and event.type.startswith("response."):
            members = members_of(bytes(event.response))
            if members is not None:
                self.take(members)
            self.reading.is_finished = event.type in _TERMINAL


def _decode_event(data: bytes) -> _Event | None:
    try:
        return _event_decoder.decode(data)
    except (ValueError, RecursionError):
        members = members_of(data)
    if members is None:
        return None
    return _Event(
        type=text_in(members, "type") or "",
        delta=text_in(members, "delta"),
        response=members.get("response", NULL),
        code=text_in(members, "code"),
        error=members.get("error", NULL),
    )
