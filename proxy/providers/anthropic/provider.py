"""Anthropic: its keys, routes, errors, and which module reads which answer."""

from collections.abc import Callable

import msgspec

from analytics.usage import TokenUsage
from proxy.providers.anthropic import batches, complete, messages, sandbox
from proxy.providers.anthropic.routes import BATCHES, COMPLETE, MESSAGES, TABLE
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

DEFAULT_VERSION = b"2023-06-01"
# "Errors" in the API reference: HTTP status to error type.
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_READERS: dict[str, Callable[[Route, bytes, Asked], Reading]] = {
    MESSAGES: messages.read_answer,
    COMPLETE: complete.read_answer,
    BATCHES: batches.read_created,
}


class Anthropic:
    name = "anthropic"
    label = "Anthropic"
    request_id_header = b"request-id"
    simulated = tuple(f"POST {route.name}" for route in TABLE.posts.values() if route.is_simulated)

    def credential(self, key: bytes) -> Header:
        if key.startswith(b"sk-ant-oat"):  # an OAuth token, not an API key
            return b"authorization", b"Bearer " + key
        return b"x-api-key", key

    def default_headers(self) -> tuple[Header, ...]:
        return ((b"anthropic-version", DEFAULT_VERSION),)

    def find_route(self, method: str, route: str) -> Route:
        return TABLE.find(method, route)

    def read_request(self, route: Route, members: Members) -> TokenUsage | None:
        return None

    def ask_for_usage(self, members: Members) -> bool:
        return False

    def stream_reader(self, route: Route, asked: Asked) -> StreamReader:
        return complete.CompletionStreamReader() if route.name == COMPLETE else messages.MessageStreamReader()

    def read_answer(self, route: Route, body: bytes, asked: Asked) -> Reading:
        read = _READERS.get(route.name)
        return Reading() if read is None else read(route, body, asked)

    def results_reader(self, route: Route, asked: Asked) -> ResultsReader:
        return batches.BatchResultsReader(asked)

    def refuses_key(self, key: bytes, body: bytes) -> bool:
        if key.startswith(b"sk-ant-oat"):
            return False
        members = members_of(body)
        return members is not None and member(generic(members.get("error")), "type") == "authentication_error"

    def error_body(self, *, status: int, code: str, message: str, request_id: str) -> bytes:
        error = {
            "type": _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error"),
            "message": message,
        }
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})

    def simulate(self, call: SimulatedCall) -> Simulation:
        return sandbox.simulate(call)
