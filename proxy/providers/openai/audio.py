"""Speech, transcriptions and translations (API reference, "Audio"; "Pricing", audio).

Some models are sold by tokens, some by the characters they speak, some by the length of the recording.
"""

import json
from typing import Any

import msgspec

from analytics.usage import TokenUsage
from proxy.providers.base import (
    BYTES_PER_TOKEN,
    NULL,
    Asked,
    Counts,
    Members,
    Reading,
    Route,
    generic,
    is_null,
    members_of,
    starts_of,
    text_in,
)
from proxy.providers.openai import errors
from proxy.sse import data_of

# "Text to speech": these are sold by the character, the later ones by the token.
_SOLD_BY_CHARACTERS = ("tts-1", "tts-1-hd")
# The later models charge about 1.5 US cents a minute at 12 USD for a million tokens of audio ("Pricing"), that is 21
# tokens a second, in which about 14 characters of English are spoken.
_AUDIO_TOKENS_PER_CHARACTER = 1.5
_SPOKEN, _WRITTEN = "speech.audio.done", "transcript.text.done"


def read_speech_request(members: Members) -> TokenUsage | None:
    """What a text costs to be spoken: its characters, which are what is sold, or an estimate of the tokens."""
    text = _text(members.get("input"))
    if text is None:
        return None
    if text_in(members, "model") in _SOLD_BY_CHARACTERS:
        return TokenUsage(characters=len(text))
    instructions = _text(members.get("instructions")) or ""
    written = len((text + instructions).encode(errors="replace"))
    return TokenUsage(input=written // BYTES_PER_TOKEN, output=round(len(text) * _AUDIO_TOKENS_PER_CHARACTER))


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        # Not msgspec: it refuses a lone surrogate. Nothing but a text: a list would be built at many times its size.
        value = None if raw is None or bytes(raw)[:1] != b'"' else json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _speech_reading(asked: Asked) -> Reading:
    reading = Reading()
    reading.usage = asked.usage
    if asked.usage is not None:
        reading.source = "request" if asked.usage.characters else "estimated"
    reading.is_usage_complete = True
    return reading


def read_speech(route: Route, body: bytes, asked: Asked) -> Reading:
    """A sound file tells nothing."""
    reading = _speech_reading(asked)
    reading.is_finished = True
    members = members_of(body)
    if members is not None:
        errors.note(members, reading)
    return reading


def read_transcription(route: Route, body: bytes, asked: Asked) -> Reading:
    """SDK, `Transcription.usage`, of type "tokens" or "duration". Text, subtitles and translations have none; the
    verbose forms tell the length of the recording at least.
    """
    reading = Reading()
    reading.is_finished = reading.is_usage_complete = True
    members = members_of(body)
    if members is None:
        return reading
    errors.note(members, reading)
    usage = generic(members.get("usage"))
    if isinstance(usage, dict):
        reading.usage = read_transcription_usage(usage)
    elif "duration" in members:
        # "Pricing", Whisper: rounded to the nearest second.
        counts = Counts()
        seconds = round(counts.milliseconds(generic(members["duration"])) / 1000)
        reading.usage = TokenUsage(audio_ms=seconds * 1000, is_partial=counts.is_partial)
    return reading


def read_transcription_usage(usage: dict[str, Any]) -> TokenUsage:
    counts = Counts()
    if usage.get("type") == "duration":
        length = counts.milliseconds(usage.get("seconds"))
        return TokenUsage(audio_ms=length, is_partial=counts.is_partial)
    details = usage.get("input_token_details")
    tokens, text = counts.require(usage, "input_tokens"), counts.read(details, "text_tokens")
    counts.require(details, "audio_tokens")
    return TokenUsage(
        input=text,
        input_audio=counts.clamp(tokens - text),
        output=counts.require(usage, "output_tokens"),
        is_partial=counts.is_partial,
    )


def read_speech_usage(usage: dict[str, Any]) -> TokenUsage:
    """`speech.audio.done`: text in, sound out. The price list has one price for what these models put out."""
    counts = Counts()
    sent, spoken = counts.require(usage, "input_tokens"), counts.require(usage, "output_tokens")
    return TokenUsage(input=sent, output=spoken, is_partial=counts.is_partial)


class _Event(msgspec.Struct):
    type: str = ""
    delta: str | None = None
    usage: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


_event_decoder = msgspec.json.Decoder(_Event)


class AudioStreamReader:
    """Speech or a transcript, piece by piece, up to the event that bears the usage."""

    terminal_starts: tuple[bytes, ...] = (*starts_of(_SPOKEN, _WRITTEN, "error"), b"data: [DONE]", b"data:[DONE]")

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def read(self, event: bytes) -> bool:
        data = data_of(event)
        value = _decode_event(data) if data[:1] == b"{" else None
        if value is None:
            return False
        if value.type == "error" or not is_null(value.error):
            self.reading.is_finished = True
            self.reading.error_code = errors.code_of(generic(value.error))
        elif value.type == "transcript.text.delta" and value.delta:
            self.reading.text_bytes += len(value.delta.encode())
        elif value.type in {_SPOKEN, _WRITTEN}:
            self._finish(value)
        return False

    def _finish(self, event: _Event) -> None:
        reading = self.reading
        reading.is_finished = reading.is_usage_complete = True
        usage = generic(event.usage)
        if isinstance(usage, dict):
            read = read_speech_usage if event.type == _SPOKEN else read_transcription_usage
            reading.usage, reading.source = read(usage), "provider"


def speech_stream_reader(asked: Asked) -> AudioStreamReader:
    return AudioStreamReader(_speech_reading(asked))


def transcript_stream_reader() -> AudioStreamReader:
    reading = Reading()
    reading.is_usage_complete = True  # the length of the recording is not known, so nothing is estimated
    return AudioStreamReader(reading)


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
        usage=members.get("usage", NULL),
        error=members.get("error", NULL),
    )
