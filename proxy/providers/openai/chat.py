"""Chat completions, and the legacy completions that differ from them by a `text` in place of messages: chunks, whole
answers and their usage (API reference, "Chat", "Streaming" and "Completions").
"""

from typing import Any

import msgspec

from proxy.providers.base import Asked, Members, Reading, Route, generic, is_null, label, members_of, text_in
from proxy.providers.openai import errors
from proxy.providers.openai.usage import UsualUsage, of_usual, read_usage
from proxy.sse import data_of


class _Function(msgspec.Struct, gc=False):
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct, gc=False):
    text: str | None = None  # of a legacy completion
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chat(msgspec.Struct, gc=False):
    """The members of a completion, or of one chunk of it, that say what it cost."""

    model: str | None = None
    service_tier: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class _Ending(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _UsualChat(msgspec.Struct, gc=False):
    """A whole completion that tells its usage. Its text is not looked at: nothing is to be estimated."""

    usage: UsualUsage
    model: str | None = None
    service_tier: str | None = None
    choices: list[_Ending] | None = None
    error: None = None


class _Piece(msgspec.Struct, gc=False):
    content: str
    refusal: None = None
    reasoning_content: None = None
    tool_calls: None = None
    function_call: None = None


class _PieceOfChoice(msgspec.Struct, gc=False):
    delta: _Piece
    text: None = None
    message: None = None
    finish_reason: None = None


class _UsualChunk(msgspec.Struct, gc=False):
    """A piece of text, as nearly all chunks are, and nothing that says anything else."""

    choices: tuple[_PieceOfChoice]
    model: str | None = None
    service_tier: str | None = None
    usage: None = None
    error: None = None


_chat_decoder = msgspec.json.Decoder(_Chat)
_usual_decoder = msgspec.json.Decoder(_UsualChat)
_chunk_decoder = msgspec.json.Decoder(_UsualChunk)
# After so many chunks of a stream that were none of the usual ones the rest is not tried as such.
_TRIES = 8


class ChatStreamReader:
    """Chat completion chunks up to `[DONE]`."""

    terminal_starts: tuple[bytes, ...] = (b"data: [DONE]", b"data:[DONE]")

    def __init__(self) -> None:
        self.reading = Reading()
        self._tier = ""
        self._tries = _TRIES

    def read(self, event: bytes) -> bool:
        # One line, as nearly every event is, is read without a call: a stream has hundreds of them.
        if event.startswith(b"data: {") and event.find(b"\n") == len(event) - 2:
            data = event[6:-2]
        else:
            data = data_of(event)
            if data[:1] != b"{":
                if data.strip() == b"[DONE]":
                    self.reading.is_finished = True
                return False
        if not self._tries:
            return self._read_any(event, data)
        try:
            chunk = _chunk_decoder.decode(data)
        except (ValueError, RecursionError):
            self._tries -= 1
            return self._read_any(event, data)
        reading = self.reading
        if not reading.model and chunk.model:
            reading.model = label(chunk.model, 128)
        if chunk.service_tier:
            self._tier = chunk.service_tier
        reading.text_bytes += len(chunk.choices[0].delta.content.encode())
        return False

    def _read_any(self, event: bytes, data: bytes) -> bool:
        try:
            chat: _Chat | None = _chat_decoder.decode(data)
        except (ValueError, RecursionError):
            chat = _decode_leniently(data_of(event))
        if chat is None:
            return False
        if chat.service_tier != self._tier:
            chat.service_tier = self._tier = chat.service_tier or self._tier
        _read_chat(chat, self.reading)
        if chat.error is not None:
            self.reading.is_finished = True
        return not chat.choices and chat.choices is not None and chat.usage is not None


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    try:
        chat = _usual_decoder.decode(body)
    except (ValueError, RecursionError):
        return _read_unusual(body)
    model, reason = chat.model or "", ""
    for choice in chat.choices or ():
        reason = choice.finish_reason or reason
    told = model + reason
    if len(told) > 64 or not told.isprintable():
        model, reason = label(model, 128), label(reason)
    usage = of_usual(chat.usage, model, chat.service_tier)
    if usage is None:
        return _read_unusual(body)
    return Reading(model=model, finish_reason=reason, usage=usage, is_usage_complete=True, is_finished=True)


def _read_unusual(body: bytes) -> Reading:
    reading = Reading()
    chat = _decode(body)
    if chat is not None:
        _read_chat(chat, reading)
    reading.is_finished = True
    return reading


def _decode(data: bytes) -> _Chat | None:
    try:
        return _chat_decoder.decode(data)
    except (ValueError, RecursionError):
        return _decode_leniently(data)


def _decode_leniently(data: bytes) -> _Chat | None:
    """For answers with a member of an unforeseen shape: what can still be read of them."""
    members = members_of(data)
    if members is None:
        return None
    try:
        choices = msgspec.json.decode(members.get("choices", b"null"), type=list[_Choice] | None)
    except (ValueError, RecursionError):
        choices = [_Choice()]
    return _Chat(
        model=text_in(members, "model"),
        service_tier=text_in(members, "service_tier"),
        choices=choices,
        usage=_value_in(members, "usage"),
        error=_value_in(members, "error"),
    )


def _value_in(members: Members, name: str) -> Any:
    """None where it is absent or null, False where it cannot be read."""
    raw = members.get(name)
    if raw is None or is_null(raw):
        return None
    value = generic(raw)
    return False if value is None else value


def _read_chat(chat: _Chat, reading: Reading) -> None:
    if chat.model and not reading.model:
        reading.model = label(chat.model, 128)
    for choice in chat.choices or ():
        message = choice.delta or choice.message
        if choice.text:
            reading.text_bytes += len(choice.text.encode())
        if message is not None:
            if message.content:
                reading.text_bytes += len(message.content.encode())
            if message.refusal or message.reasoning_content or message.tool_calls or message.function_call:
                reading.text_bytes += _further_text_bytes(message)
        if choice.finish_reason:
            reading.finish_reason = label(choice.finish_reason)
    if chat.error is not None:
        reading.error_code = errors.code_of(chat.error)
    if isinstance(chat.usage, dict):
        reading.usage = read_usage(chat.usage, model=reading.model, service_tier=chat.service_tier or "")
        reading.is_usage_complete = True


def _further_text_bytes(message: _Message) -> int:
    functions = [call.function for call in message.tool_calls or ()] + [message.function_call]
    texts = [message.refusal, message.reasoning_content]
    texts += [function.arguments for function in functions if function is not None]
    return sum(len(text.encode()) for text in texts if text)
