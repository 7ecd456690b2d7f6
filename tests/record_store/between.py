"""Between a client and the column store: passes everything on, and at a chosen request does something else first."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

Moment = Literal["before", "after"]  # the store has seen the request

Answer = tuple[int, dict[str, str], bytes]


class Between:
    """`at` and `moment` say when `act` is called, once; the client gets no answer to that request."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self.count = 0
        self.at = 0
        self.moment: Moment = "before"
        self.act: Callable[[], None] = lambda: None
        self.spoil: Callable[[Answer], Answer] = lambda answer: answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_request_class())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return self._url._replace(netloc=f"aipc:secret@127.0.0.1:{self._server.server_address[1]}").geturl()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        connection = HTTPConnection("127.0.0.1", self._url.port or 0)
        passed = {name: value for name, value in request.headers.items() if name.lower() in _PASSED}
        connection.request(request.command, request.path, body, passed)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        told = {name: value for name, value in answer.getheaders() if name.startswith("X-ClickHouse")}
        return answer.status, told, content

    def _make_request_class(self) -> type[BaseHTTPRequestHandler]:
        between = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def _pass_on(self) -> None:
                body = _body_of(self)
                between.count += 1
                is_chosen = between.count == between.at
                if is_chosen and between.moment == "before":
                    between.act()
                    self.close_connection = True
                    return
                status, headers, content = between.spoil(between._ask(self, body))
                if is_chosen:
                    between.act()
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Request


_PASSED = {"authorization", "content-encoding", "content-type", "user-agent"}


def _body_of(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    parts = []
    while length := int(request.rfile.readline(), 16):
        parts.append(request.rfile.read(length))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(parts)
