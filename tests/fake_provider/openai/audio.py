"""Speech, transcriptions and translations (API reference, "Audio"; usage as in the SDK's types of the same names)."""

import base64
import math
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer
from tests.fake_provider.form import Form
from tests.fake_provider.openai.files import blocks
from tests.fake_provider.openai.wire import (
    binary_answer,
    event,
    json_answer,
    refuse_missing,
    refuse_unknown_model,
    stream_answer,
)
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import Scenario

_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}
_BYTES_PER_SECOND = 16_000
_TOKENS_PER_SECOND = 10
# Every value of a byte, LF and CR and what is no UTF-8 among them.
_FRAME = b"\xff\xf3\xe4\xc4" + bytes(range(256)) + b"\r\n\r\n\n\ndata: "


def speech(call: Call) -> Answer:
    """Binary, or as events with `stream_format: sse`. The tts models are billed by the characters of the input."""
    body = call.json()
    refuse_missing(body, "model", "input", "voice")
    refuse_unknown_model(body["model"])
    model, scenario = body["model"].partition("@")[0], call.scenario
    usage = speech_usage(model, body["input"], scenario)
    sound = _FRAME * (1 + len(body["input"]) // 8)
    if body.get("stream_format") == "sse":
        parts = [sound[start : start + 900] for start in range(0, len(sound), 900)]
        events = [event({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}) for part in parts]
        shown = {"usage": usage} if scenario.has_usage else {}
        events.append(event({"type": "speech.audio.done"} | shown))
        return stream_answer(call, events, usage=usage, model=model)
    kind = _TYPES.get(body.get("response_format") or "mp3", "audio/pcm")
    return binary_answer(call, blocks(sound, scenario.content_bytes), kind, is_stream=True, usage=usage, model=model)


def speech_usage(model: str, text: str, scenario: Scenario) -> dict[str, Any]:
    if model.startswith("tts-1"):
        return {"characters": len(text)}
    prompt, output = scenario.prompt_tokens, scenario.output_tokens
    prompt = counting.count_text(text) if prompt is None else prompt
    output = 12 + len(text) if output is None else output
    return {"input_tokens": prompt, "output_tokens": output, "total_tokens": prompt + output, **scenario.usage}


class _Transcript:
    def __init__(self, call: Call, form: Form) -> None:
        self.scenario, self.model = call.scenario, form.text("model")
        refuse_missing({"model": self.model}, "model")
        refuse_unknown_model(self.model)
        self.model = self.model.partition("@")[0]
        recording = form.file("file").content
        self.seconds = self.scenario.audio_seconds or math.ceil(len(recording) / _BYTES_PER_SECOND)
        text = self.scenario.text
        self.pieces = counting.words(12) if text is None else counting.pieces(text)
        self.prompt = form.text("prompt")

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def usage(self) -> dict[str, Any]:
        """whisper-1 is billed by the second, the newer models by tokens."""
        if self.model == "whisper-1":
            return {"type": "duration", "seconds": self.seconds, **self.scenario.usage}
        sound = self.scenario.audio_input_tokens or math.ceil(self.seconds * _TOKENS_PER_SECOND)
        text, output = counting.count_text(self.prompt), self.scenario.output_tokens
        output = len(self.pieces) if output is None else output
        return {
            "type": "tokens",
            "total_tokens": sound + text + output,
            "input_tokens": sound + text,
            "input_token_details": {"text_tokens": text, "audio_tokens": sound},
            "output_tokens": output,
            **self.scenario.usage,
        }

    def shown_usage(self) -> dict[str, Any]:
        return {"usage": self.usage()} if self.scenario.has_usage else {}

    def segments(self) -> list[dict[str, Any]]:
        return [{
            "id": 0, "seek": 0, "start": 0.0, "end": self.seconds, "text": self.text, "tokens": [50364, 440, 1867],
            "temperature": 0.0, "avg_logprob": -0.28, "compression_ratio": 1.22, "no_speech_prob": 0.01,
        }]  # fmt: skip

    def subtitles(self, mark: str) -> str:
        minutes, seconds = divmod(math.ceil(self.seconds), 60)
        return f"00:00:00{mark}000 --> 00:{minutes:02}:{seconds:02}{mark}000\n{self.text}\n\n"

    def events(self) -> list[bytes]:
        events = [event({"type": "transcript.text.delta", "delta": piece}) for piece in self.pieces]
        return [*events, event({"type": "transcript.text.done", "text": self.text} | self.shown_usage())]


def transcriptions(call: Call) -> Answer:
    form = call.form()
    said = _Transcript(call, form)
    billed: Any = {"usage": said.usage(), "model": said.model}
    if form.text("stream") == "true" and said.model != "whisper-1":  # which takes no notice of it
        return stream_answer(call, said.events(), **billed)
    match form.text("response_format", "json"):
        case "verbose_json":
            value = {"task": "transcribe", "language": "english", "duration": said.seconds, "text": said.text}
            return json_answer(call, value | {"segments": said.segments()} | said.shown_usage(), **billed)
        case "diarized_json":
            value = {"task": "transcribe", "duration": said.seconds, "text": said.text}
            speaker = {"type": "transcript.text.segment", "id": "seg_0", "start": 0.0, "end": said.seconds}
            segments = [speaker | {"text": said.text, "speaker": "A"}]
            return json_answer(call, value | {"segments": segments} | said.shown_usage(), **billed)
        case "text" | "srt" | "vtt" as kind:
            return _plain(call, said, kind, billed)
        case _:
            return json_answer(call, {"text": said.text} | said.shown_usage(), **billed)


def translations(call: Call) -> Answer:
    """whisper-1 alone; the JSON holds the text and nothing about its usage."""
    form = call.form()
    said = _Transcript(call, form)
    billed: Any = {"usage": said.usage(), "model": said.model}
    match form.text("response_format", "json"):
        case "verbose_json":
            value = {"task": "translate", "language": "english", "duration": said.seconds, "text": said.text}
            return json_answer(call, value | {"segments": said.segments()}, **billed)
        case "text" | "srt" | "vtt" as kind:
            return _plain(call, said, kind, billed)
        case _:
            return json_answer(call, {"text": said.text}, **billed)


def _plain(call: Call, said: _Transcript, kind: str, billed: Any) -> Answer:
    texts = {"text": f"{said.text}\n", "srt": "1\n" + said.subtitles(","), "vtt": "WEBVTT\n\n" + said.subtitles(".")}
    return binary_answer(call, [texts[kind].encode()], "text/plain; charset=utf-8", **billed)
