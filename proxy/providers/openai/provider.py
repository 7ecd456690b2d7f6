"""OpenAI: its keys, routes, errors, and which module reads which answer."""

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
    generic,
    member,
    members_of,
)
from proxy.providers.openai import chat, sandbox
from proxy.providers.openai.routes import CHAT, TABLE

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TRUE = msgspec.Raw(b"true")


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
        return None

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
        return chat.ChatStreamReader()

    def read_answer(self, route: Route, body: bytes, asked: Asked) -> Reading:
        return chat.read_answer(body) if route.name == CHAT else Reading()

    def results_reader(self, route: Route, asked: Asked) -> ResultsReader:
        raise NotImplementedError

    def refuses_key(self, key: bytes, body: bytes) -> bool:
        members = members_of(body)
        return members is not None and member(generic(members.get("error")), "code") == "invalid_api_key"

    def error_body(self, *, status: int, code: str, message: str, request_id: str) -> bytes:
        # API reference, "Error codes": the type groups, the code says which.
        kinds = {429: "rate_limit_exceeded"}
        kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
        return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})

    def simulate(self, call: SimulatedCall) -> Simulation:
        return sandbox.simulate(call)
