"""Messages: events, whole answers and their usage (API reference, "Messages" and "Streaming messages")."""

from typing import Any

import msgspec

from analytics.usage import OtherModelUsage, TokenUsage
from proxy.providers.base import (
    NULL,
    Asked,
    Count,
    Counts,
    Reading,
    Route,
    generic,
    is_null,
    label,
    member,
    members_of,
    text_in,
)
from proxy.providers.shares import MAX_SHARES
from proxy.sse import data_of


class _Delta(msgspec.Struct):
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None


class _StreamEvent(msgspec.Struct):
    type: str = ""
    message: msgspec.Raw = NULL
    delta: _Delta | None = None
    usage: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


class _Message(msgspec.Struct):
    type: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = NULL
    content: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


class _Split(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: Count | None = None


class _ToolUse(msgspec.Struct, gc=False):
    web_search_requests: Count | None = None


class _UsualUsage(msgspec.Struct, gc=False):
    """The usage object of a message, as nearly all are. Another one is no such, and `read_usage` reads it."""

    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: _Split | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ToolUse | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: None = None
    fallback_credit: None = None


class _UsualMessage(msgspec.Struct, gc=False):
    """A whole message that tells its usage. Its text is not looked at: nothing is to be estimated."""

    usage: _UsualUsage
    model: str | None = None
    stop_reason: str | None = None
    error: None = None


_event_decoder = msgspec.json.Decoder(_StreamEvent)
_usual_decoder = msgspec.json.Decoder(_UsualMessage)
_message_decoder = msgspec.json.Decoder(_Message)


class MessageStreamReader:
    """`message_start` to `message_stop`. Usage in `message_delta` is cumulative: fields replace, they never add."""

    terminal_starts: tuple[bytes, ...] = (
        b"event: message_stop",
        b"event: error",
        b"event:message_stop",
        b"event:error",
    )

    def __init__(self) -> None:
        self.reading = Reading()
        self._usage: dict[str, Any] = {}

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        if not data:
            return False
        value = _decode_event(data)
        if value is not None:
            self._take(value)
        return False

    def _take(self, value: _StreamEvent) -> None:
        reading = self.reading
        if value.type == "content_block_delta":
            if value.delta is not None:
                for text in (value.delta.text, value.delta.partial_json, value.delta.thinking):
                    if text:
                        reading.text_bytes += len(text.encode())
        elif value.type == "message_start":
            message = _decode_message(bytes(value.message))
            if message is not None:
                reading.model = label(message.model, 128)
                self._overlay(message.usage)
        elif value.type == "message_delta":
            if value.delta is not None and value.delta.stop_reason:
                reading.finish_reason = label(value.delta.stop_reason)
            if self._overlay(value.usage):
                reading.is_usage_complete = True
        elif value.type == "message_stop":
            reading.is_finished = True
        elif value.type == "error":
            reading.is_finished = True
            reading.error_code = label(member(generic(value.error), "type")) or "provider_error"

    def _overlay(self, raw: msgspec.Raw) -> bool:
        usage = generic(raw)
        if not isinstance(usage, dict):
            return False
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        written = usage.get("cache_creation_input_tokens")
        is_unsplit = written is not None and usage.get("cache_creation") is None
        if is_unsplit and _split_sum(self._usage.get("cache_creation")) != written:
            # The split that came with an earlier event stands while the sum is unchanged; a new sum has no split.
            self._usage.pop("cache_creation", None)
        self.reading.usage = read_usage(self._usage, model=self.reading.model)
        return True


def _split_sum(split: Any) -> int:
    counts = Counts()
    return counts.read(split, "ephemeral_5m_input_tokens") + counts.read(split, "ephemeral_1h_input_tokens")


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    try:
        usual = _usual_decoder.decode(body)
    except (ValueError, RecursionError):
        return _read_unusual(body)
    usage = _of_usual(usual.usage)
    if usage is None:
        return _read_unusual(body)
    return Reading(
        model=label(usual.model, 128),
        finish_reason=label(usual.stop_reason),
        usage=usage,
        is_usage_complete=True,
        is_finished=True,
    )


def _of_usual(usage: _UsualUsage) -> TokenUsage | None:
    """What `read_usage` makes of it; None where its numbers contradict each other, which is to be read with care."""
    short = long = searches = reasoning = 0
    if usage.cache_creation is not None:
        short = usage.cache_creation.ephemeral_5m_input_tokens or 0
        long = usage.cache_creation.ephemeral_1h_input_tokens or 0
    if usage.cache_creation_input_tokens is not None:
        unsplit = usage.cache_creation_input_tokens - short - long
        if unsplit < 0:
            return None
        short += unsplit
    if usage.output_tokens_details is not None:
        reasoning = usage.output_tokens_details.thinking_tokens or 0
        if reasoning > usage.output_tokens:
            return None
    if usage.server_tool_use is not None:
        searches = usage.server_tool_use.web_search_requests or 0
    return TokenUsage(
        input=usage.input_tokens,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write_5m=short,
        cache_write_1h=long,
        output=usage.output_tokens,
        reasoning=reasoning,
        web_searches=searches,
        service_tier=label(usage.service_tier),
        speed=label(usage.speed),
        inference_geo=label(usage.inference_geo),
    )


def _read_unusual(body: bytes) -> Reading:
    reading = Reading()
    reading.is_finished = True
    message = _decode_message(body)
    if message is None:
        return reading
    reading.model = label(message.model, 128)
    reading.finish_reason = label(message.stop_reason)
    if not is_null(message.error):
        reading.error_code = label(member(generic(message.error), "type")) or "provider_error"
    usage = generic(message.usage)
    if isinstance(usage, dict):
        reading.usage = read_usage(usage, model=reading.model)
        reading.is_usage_complete = True
    elif not is_null(message.content):
        reading.text_bytes = len(bytes(message.content))
    return reading


def _decode_event(data: bytes) -> _StreamEvent | None:
    try:
        return _event_decoder.decode(data)
    except (ValueError, RecursionError):
        members = members_of(data)
    if members is None:
        return None
    delta = _Delta(stop_reason=text_in(members_of(bytes(members.get("delta", NULL))) or {}, "stop_reason"))
    return _StreamEvent(
        type=text_in(members, "type") or "",
        message=members.get("message", NULL),
        delta=delta,
        usage=members.get("usage", NULL),
        error=members.get("error", NULL),
    )


def _decode_message(data: bytes) -> _Message | None:
    try:
        return _message_decoder.decode(data)
    except (ValueError, RecursionError):
        members = members_of(data)
    if members is None:
        return None
    return _Message(
        type=text_in(members, "type"),
        model=text_in(members, "model"),
        stop_reason=text_in(members, "stop_reason"),
        usage=members.get("usage", NULL),
        content=members.get("content", NULL),
        error=members.get("error", NULL),
    )


def read_usage(usage: dict[str, Any], *, model: str = "") -> TokenUsage:
    """The usage object of a message by `model` (API reference, "Messages", `usage`).

    `input_tokens` excludes what was read from and written to the cache. `iterations` lists the model calls behind the
    answer: those of type `message` are the totals once more, a `compaction` and an `advisor_message` come on top. Both
    are prompts of their own, so what depends on the length of a prompt is seen for each apart.
    """
    counts = Counts()
    own = _Buckets(usage, counts)
    others = []
    iterations = usage.get("iterations")
    for entry in iterations if isinstance(iterations, list) else ():
        kind = member(entry, "type")
        if kind in {"compaction", "advisor_message"}:
            part = _Buckets(entry, counts)
            own.add(part, counts)
            name = model if kind == "compaction" else label(entry.get("model"), 128)
            others.append(OtherModelUsage(model=name, **part.as_dict(), longest_prompt=counts.clamp(part.prompt)))
    if _has_fallen_back(usage):
        counts.is_partial = True
    return TokenUsage(
        **own.as_dict(),
        reasoning=counts.clamp(counts.read(usage.get("output_tokens_details"), "thinking_tokens"), most=own.output),
        web_searches=counts.read(usage.get("server_tool_use"), "web_search_requests"),
        service_tier=label(usage.get("service_tier")),
        speed=label(usage.get("speed")),
        inference_geo=label(usage.get("inference_geo")),
        other_models=tuple(others[:MAX_SHARES]),
        is_partial=counts.is_partial or len(others) > MAX_SHARES,
    )


def _has_fallen_back(usage: dict[str, Any]) -> bool:
    """Whether another model took part whose attempt may be billed (SDK, `BetaFallbackMessageIterationUsage`: "a
    declined hop" is an entry of type `message`), or a credit for that changed the bill (`BetaFallbackCreditUsage`).
    """
    iterations = usage.get("iterations")
    entries = iterations if isinstance(iterations, list) else []
    kinds = [member(entry, "type") for entry in entries]
    is_declined = "fallback_message" in kinds and "message" in kinds
    credit = member(member(usage.get("fallback_credit"), "status"), "type")
    return is_declined or credit == "redeemed"


class _Buckets:
    """The token buckets of one usage object or one iteration."""

    __slots__ = ("cache_read", "cache_write_1h", "cache_write_5m", "input", "output")

    def __init__(self, usage: Any, counts: Counts) -> None:
        self.input = counts.require(usage, "input_tokens")
        self.output = counts.require(usage, "output_tokens")
        self.cache_read = counts.read(usage, "cache_read_input_tokens")
        split = member(usage, "cache_creation")
        self.cache_write_5m = counts.read(split, "ephemeral_5m_input_tokens")
        self.cache_write_1h = counts.read(split, "ephemeral_1h_input_tokens")
        written = counts.read(usage, "cache_creation_input_tokens")
        unsplit = written - self.cache_write_5m - self.cache_write_1h
        if unsplit > 0:
            self.cache_write_5m += unsplit  # no split means five minutes
        elif unsplit < 0 and member(usage, "cache_creation_input_tokens") is not None:
            counts.is_partial = True

    @property
    def prompt(self) -> int:
        """How long the prompt was, whatever the cache held of it."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def add(self, other: "_Buckets", counts: Counts) -> None:
        for name in self.__slots__:
            setattr(self, name, counts.clamp(getattr(self, name) + getattr(other, name)))

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}
