"""OpenAI: its keys, routes, errors, and which module reads which answer."""

from collections.abc import Callable

import msgspec

from analytics.usage import TokenUsage
from proxy.providers.base import (
    Asked,
    Header,
    Members,
    Reading,
    ResultsReader,
    Route,
    SimulatedCall,
    Simulation,
    StreamReader,
    members_of,
)
from proxy.providers.openai import audio, batches, chat, embeddings, errors, images, responses, routes, sandbox
from proxy.providers.openai.routes import TABLE

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TRUE = msgspec.Raw(b"true")
_IMAGES = (routes.IMAGES, routes.IMAGE_EDITS, routes.IMAGE_VARIATIONS)
_READERS: dict[str, Callable[[Route, bytes, Asked], Reading]] = {
    routes.CHAT: chat.read_answer,
    routes.COMPLETIONS: chat.read_answer,
    routes.EMBEDDINGS: embeddings.read_answer,
    routes.RESPONSES: responses.read_answer,
    routes.RESPONSE: responses.read_answer,
    routes.CANCEL_RESPONSE: responses.read_answer,
    routes.COMPACT: responses.read_usage_alone,
    routes.DECISIONS: responses.read_usage_alone,
    routes.SPEECH: audio.read_speech,
    routes.TRANSCRIPTIONS: audio.read_transcription,
    routes.TRANSLATIONS: audio.read_transcription,
    **dict.fromkeys(_IMAGES, images.read_answer),
    routes.BATCHES: batches.read_created,
    routes.BATCH: batches.read_told,
    routes.CANCEL_BATCH: batches.read_told,
}


def _read_nothing(route: Route, body: bytes, asked: Asked) -> Reading:
    return Reading()


class OpenAI:
    name = "openai"
    label = "OpenAI"
    request_id_header = b"x-request-id"
    simulated = tuple(f"POST {route.name}" for route in TABLE.posts.values() if route.is_simulated)

    def credential(self, key: bytes) -> Header:
        return b"authorization", b"Bearer " + key

    def default_headers(self) -> tuple[Header, ...]:
        return ()

    def find_route(self, method: str, route: str) -> Route:
        return TABLE.find(method, route)

    def read_request(self, route: Route, members: Members) -> TokenUsage | None:
        return audio.read_speech_request(members) if route.name == routes.SPEECH else None

    def ask_for_usage(self, members: Members) -> bool:
        raw = members.get("stream_options")
        options: dict[str, msgspec.Raw] = {}
        if raw is not None and bytes(raw).strip() != b"null":
            try:
                options = _members_decoder.decode(raw)
            except (msgspec.DecodeError, RecursionError):
                return False  # not an object: the provider will say so
        asked = options.get("include_usage")
        if asked is not None and bytes(asked).strip() == b"true":
            return False
        options["include_usage"] = _TRUE
        members["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
        return True

    def stream_reader(self, route: Route, asked: Asked) -> StreamReader:
        if route.name in {routes.CHAT, routes.COMPLETIONS}:
            return chat.ChatStreamReader()
        if route.name in _IMAGES:
            return images.ImageStreamReader()
        if route.name == routes.SPEECH:
            return audio.speech_stream_reader(asked)
        if route.name in {routes.TRANSCRIPTIONS, routes.TRANSLATIONS}:
            return audio.transcript_stream_reader()
        return responses.ResponseStreamReader(route)

    def read_answer(self, route: Route, body: bytes, asked: Asked) -> Reading:
        return _READERS.get(route.name, _read_nothing)(route, body, asked)

    def results_reader(self, route: Route, asked: Asked) -> ResultsReader:
        return batches.BatchResultsReader(asked)

    def refuses_key(self, key: bytes, body: bytes) -> bool:
        members = members_of(body)
        return members is not None and errors.is_bad_key(members.get("error"))

    def error_body(self, *, status: int, code: str, message: str, request_id: str) -> bytes:
        # API reference, "Error codes": the type groups, the code says which.
        kinds = {429: "rate_limit_exceeded"}
        kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
        return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})

    def simulate(self, call: SimulatedCall) -> Simulation:
        return sandbox.simulate(call)
