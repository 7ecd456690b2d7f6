"""Images: made, edited and varied (API reference, "Images" and "Image streaming").

GPT image models report their tokens; DALL-E reports nothing and is sold by the picture, so its cost stays unknown.
"""

from typing import Any

import msgspec

from analytics.usage import TokenUsage
from proxy.providers.base import (
    NULL,
    Asked,
    Counts,
    Reading,
    Route,
    generic,
    is_null,
    label,
    members_of,
    starts_of,
    text_in,
)
from proxy.providers.openai import errors
from proxy.providers.openai.tools import svg_share
from proxy.providers.shares import with_shares
from proxy.sse import data_of

_COMPLETED = ("image_generation.completed", "image_edit.completed")


def read_usage(usage: dict[str, Any], drawn: Any = None) -> TokenUsage:
    """SDK, `images_response.Usage`: text and images on both sides. Without details of the output it is all image, as
    `ImageGenCompletedEvent` says. `drawn` is `svg_usage`.
    """
    counts = Counts()
    sent, made = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    input_tokens, output = counts.require(usage, "input_tokens"), counts.require(usage, "output_tokens")
    images, text_out = counts.read(sent, "image_tokens"), counts.read(made, "text_tokens")
    shares = svg_share(drawn, counts)
    read = TokenUsage(
        input=counts.clamp(input_tokens - images),
        input_image=images,
        output=text_out,
        output_image=counts.clamp(output - text_out),
        is_partial=counts.is_partial,
    )
    return with_shares(read, shares, counts)


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    reading = _new_reading()
    reading.is_finished = True
    members = members_of(body)
    if members is None:
        return reading
    errors.note(members, reading)
    reading.model = label(text_in(members, "model"), 128)
    usage = generic(members.get("usage"))
    if isinstance(usage, dict):
        reading.usage = read_usage(usage, generic(members.get("svg_usage")))
    return reading


def _new_reading() -> Reading:
    reading = Reading()
    reading.is_usage_complete = True  # nothing in a request or a picture tells its tokens, so nothing is estimated
    return reading


class _Event(msgspec.Struct):
    type: str = ""
    usage: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


_event_decoder = msgspec.json.Decoder(_Event)


class ImageStreamReader:
    """Partial images up to the completed one, which bears the usage."""

    terminal_starts: tuple[bytes, ...] = starts_of(*_COMPLETED, "error")

    def __init__(self) -> None:
        self.reading = _new_reading()

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        value = _decode_event(data) if data[:1] == b"{" else None
        if value is None:
            return False
        if value.type == "error" or not is_null(value.error):
            self.reading.is_finished = True
            self.reading.error_code = errors.code_of(generic(value.error))
        usage = generic(value.usage)
        if value.type in _COMPLETED and isinstance(usage, dict):
            self._add(read_usage(usage))
        return False

    def _add(self, usage: TokenUsage) -> None:
        reading = self.reading
        reading.is_finished = True
        if reading.usage is None:
            reading.usage = usage
            return
        # Whether the usage of a second picture holds that of the first is not documented: the larger one is certain.
        larger = max(reading.usage, usage, key=lambda each: each.input + each.output_image)
        reading.usage = msgspec.structs.replace(larger, is_partial=True)


def _decode_event(data: bytes) -> _Event | None:
    try:
        return _event_decoder.decode(data)
    except (ValueError, RecursionError):
        members = members_of(data)
    if members is None:
        return None
    return _Event(
        type=text_in(members, "type") or "", usage=members.get("usage", NULL), error=members.get("error", NULL)
    )
