"""The server's reading of requests whose heads came before: neither parsed nor checked again. Whatever else comes goes
to the parser of `proxy.http_server`, which begins anew with each message, so that it misses nothing of those it is not
given.
"""

from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.server import ServerState

from proxy import known_heads
from proxy.http_cycle import Cycle
from proxy.http_server import BODY, IDLE, ClientProtocol
from proxy.known_heads import HEAD, LENGTH, Found, KnownHead, KnownHeads, Sighting


class SharedState(ServerState):
    """What the server and its connections share."""

    is_draining = False  # each answer is the last of its connection

    def __init__(self) -> None:
        super().__init__()
        self.known_heads = KnownHeads()


class KnowingProtocol(ClientProtocol):
    """One client's connection."""

    server_state: SharedState
    scope: Any
    _found: Found | None = None  # the head that the read begins with, which may become a known one
    _read = b""
    _bytes_left = 0  # of the body behind a known head
    _latest: KnownHead | None = None  # most clients send the same head on and on

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._heads = self.server_state.known_heads
        self._usual_scope: Any = {  # and what the latest head says
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "extensions": self._extensions,
        }

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        known, before = self._latest, self.cycle
        if known is not None and self._phase == IDLE and before.response_complete and before.keep_alive:
            end, length = known.begins(data)
            if end and len(data) - end == length <= HIGH_WATER_LIMIT:  # A whole request, and nothing else.
                self._body_bytes += length
                self._begin_again(known, length).take_whole(data[end:])
                return
        self._found, self._read = None, b""
        while self._bytes_left or (self._phase == IDLE and data):
            if not self._bytes_left:
                start = self._begin_known(data)
                if not start:
                    break
                data = data[start:]
            part, data = data[: self._bytes_left], data[self._bytes_left :]
            if part:
                self._bytes_left -= len(part)
                self.on_body(part)
            if self._bytes_left:
                return
            self.on_message_complete()
        if data:
            super().data_received(data)

    def _begin_known(self, data: bytes) -> int:
        """Where the body begins behind a known head; 0 for any other."""
        before = self.cycle
        if before is not None and not (before.response_complete and before.keep_alive):
            return 0
        if self._latest is not None:
            end, length = self._latest.begins(data)
            if end:
                return self._begin_at(end, self._latest, length)
        found = known_heads.find(data)
        if found is None:
            return 0
        known = self._latest = self._heads.get(found.key)
        if known is None:
            self._found, self._read = found, data
            return 0
        self._usual_scope |= {
            "path": known.path,
            "raw_path": known.raw_path,
            "query_string": known.query,
            "headers": known.headers,
            HEAD: known,
        }
        return self._begin_at(found.end, known, found.length)

    def _begin_at(self, start: int, known: KnownHead, length: int) -> int:
        """Of a body that has still to come, or is followed by something."""
        self._bytes_left, self._phase = length, BODY
        self._begin_again(known, length)
        return start

    def _begin_again(self, known: KnownHead, length: int) -> Cycle:
        self._messages += 1
        scope = self._usual_scope.copy()
        scope[LENGTH] = length
        if self.app_state:
            scope["state"] = self.app_state.copy()
        self.cycle = cycle = Cycle(self, scope, keeps_alive=not self.server_state.is_draining, waits=False)
        self._start_asgi_task(cycle, self.app)
        return cycle

    def on_headers_complete(self) -> None:
        """The parser's. What it has taken for a usual head may become a known one, if the application says so."""
        found, self._found = self._found, None
        read, self._read = self._read, b""
        headers = self.headers
        super().on_headers_complete()
        if found is not None and self._is_usual():
            at = known_heads.find_length(read, self.url, headers, found)
            if at >= 0:
                known = KnownHead(found.key, self.scope, headers, at)
                self.scope[HEAD] = Sighting(self._heads, found.key, known)

    def _is_usual(self) -> bool:
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.expect_100_continue
        )
