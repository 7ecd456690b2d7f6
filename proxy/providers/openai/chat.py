"""Chat completions, and the legacy completions that differ from them by a `text` in place of messages: chunks, whole
answers and their usage (API reference, "Chat", "Streaming" and "Completions").
"""

import msgspec

from proxy.providers.base import NULL, Asked, Reading, Route, generic, is_null, label, members_of, text_in
from proxy.providers.openai import errors
from proxy.providers.openai.usage import read_usage
from proxy.sse import data_of


class _Function(msgspec.Struct):
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    text: str | None = None  # of a legacy completion
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    """The members of a completion, or of one chunk of it, that say what it cost."""

    model: str | None = None
    service_tier: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


_chat_decoder = msgspec.json.Decoder(_Chat)


class ChatStreamReader:
    """Chat completion chunks up to `[DONE]`."""

    terminal_starts: tuple[bytes, ...] = (b"data: [DONE]", b"data:[DONE]")

    def __init__(self) -> None:
        self.reading = Reading()
        self._tier = ""

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        if data[:1] != b"{":
            if data.strip() == b"[DONE]":
                self.reading.is_finished = True
            return False
        chat = _decode(data)
        if chat is None:
            return False
        chat.service_tier = self._tier = chat.service_tier or self._tier
        _read_chat(chat, self.reading)
        if not is_null(chat.error):
            self.reading.is_finished = True
        return not chat.choices and chat.choices is not None and not is_null(chat.usage)


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
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
        usage=members.get("usage", NULL),
        error=members.get("error", NULL),
    )


def _read_chat(chat: _Chat, reading: Reading) -> None:
    if chat.model and not reading.model:
        reading.model = label(chat.model, 128)
    for choice in chat.choices or ():
        message = choice.delta or choice.message
        if choice.text:
            reading.text_bytes += len(choice.text.encode())
        if message is not None:
            reading.text_bytes += _text_bytes(message)
        if choice.finish_reason:
            reading.finish_reason = label(choice.finish_reason)
    if not is_null(chat.error):
        reading.error_code = errors.code_of(generic(chat.error))
    usage = generic(chat.usage)
    if isinstance(usage, dict):
        reading.usage = read_usage(usage, model=reading.model, service_tier=chat.service_tier or "")
        reading.is_usage_complete = True


def _text_bytes(message: _Message) -> int:
    functions = [call.function for call in message.tool_calls or ()] + [message.function_call]
    texts = [message.content, message.refusal, message.reasoning_content]
    texts += [function.arguments for function in functions if function is not None]
    return sum(len(text.encode()) for text in texts if text)
