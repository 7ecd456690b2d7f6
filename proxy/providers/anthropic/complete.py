"""Text completions, the API before messages ("Create a Text Completion"). Their answers tell no usage, so it is
estimated from the length of the text.
"""

import msgspec

from proxy.providers.base import NULL, Asked, Reading, Route, generic, is_null, label, member, members_of, text_in
from proxy.sse import data_of


class _Completion(msgspec.Struct):
    """A whole answer, or one event of a stream."""

    type: str | None = None
    completion: str | None = None
    stop_reason: str | None = None
    model: str | None = None
    error: msgspec.Raw = NULL


_decoder = msgspec.json.Decoder(_Completion)


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    reader = CompletionStreamReader()
    value = _decode(body)
    if value is not None:
        reader.take(value)
    reader.reading.is_finished = True
    return reader.reading


class CompletionStreamReader:
    """`completion` events, the last of which names the reason for stopping."""

    terminal_starts: tuple[bytes, ...] = (b"event: error", b"event:error")

    def __init__(self) -> None:
        self.reading = Reading()

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        value = _decode(data) if data[:1] == b"{" else None
        if value is not None:
            self.take(value)
        return False

    def take(self, value: _Completion) -> None:
        reading = self.reading
        reading.model = reading.model or label(value.model, 128)
        if value.completion:
            reading.text_bytes += len(value.completion.encode())
        if value.stop_reason:
            reading.finish_reason = label(value.stop_reason)
            reading.is_finished = True
        if not is_null(value.error):
            reading.is_finished = True
            reading.error_code = label(member(generic(value.error), "type")) or "provider_error"


def _decode(data: bytes) -> _Completion | None:
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError):
        members = members_of(data)
    if members is None:
        return None
    texts = {name: text_in(members, name) for name in ("type", "completion", "stop_reason", "model")}
    return _Completion(**texts, error=members.get("error", NULL))
