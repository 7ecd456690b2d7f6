"""ClickHouse's HTTP interface before chdb, its engine as a library: so that its own client talks to the real engine.

A program of its own, run by the Python of an environment that holds requirements/column-store.txt, which has none of
this project's packages. Its answers are what the engine says. One statement at a time; `port` as the first line out.
"""

import email
import json
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

# What the HTTP interface keeps for itself ("HTTP Interface", ClickHouse's documentation); all others are settings.
_OF_TRANSPORT = {
    "query",
    "database",
    "user",
    "password",
    "session_id",
    "query_id",
    "compress",
    "decompress",
    "wait_end_of_query",
    "client_protocol_version",
    "enable_http_compression",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
}
# The client sends what it inserts behind its statement.
_INSERT = re.compile(rb"\s*(INSERT\s[^\0]*?)\sFORMAT\s+Native\s*?\n", re.IGNORECASE)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*\Z", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Bridge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: str
    lock = threading.Lock()
    seconds = 0.0  # of the last question, as the engine says
    rows = 0

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self.do_POST()

    def do_POST(self) -> None:
        body = self._body()
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):  # so the client sends what is too long for an address
            form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
            given |= {
                str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True)).decode()
                for part in form.walk()
                if not part.is_multipart()
            }
            body = b""
        try:
            with self.lock:
                found = self._run(given.get("query", "").encode() + body, given)
        except Exception as error:  # noqa: BLE001 - what it says is the answer
            text = str(error)
            code = _CODE.search(text)
            self._answer(500, text.encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "1"})
        else:
            told = json.dumps({"result_rows": str(self.rows), "elapsed_ns": str(round(self.seconds * 1e9))})
            self._answer(200, found, {"X-ClickHouse-Summary": told})

    def _run(self, statement: bytes, given: dict[str, str]) -> bytes:
        connection = chdb.connect(self.folder)
        try:
            if database := given.get("database"):
                connection.query(f"USE `{database}`")
            for name, value in given.items():
                if name not in _OF_TRANSPORT and not name.startswith("param_") and _NAME.fullmatch(name):
                    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                    connection.query(f"SET {name} = '{quoted}'")
            parameters = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
            if insert := _INSERT.match(statement):
                return self._insert(connection, insert[1].decode(), statement[insert.end() :])
            text = statement.decode()
            form = _FORMAT.search(text)
            result = connection.query(text, form[1] if form else "TabSeparated", params=parameters or None)
            self.seconds, self.rows = float(result.elapsed() or 0), int(result.rows_read() or 0)
            return bytes(result.bytes() or b"")
        finally:
            connection.close()

    @staticmethod
    def _insert(connection: Any, into: str, content: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(content)
            file.flush()
            connection.query(f"{into} FROM INFILE '{file.name}' FORMAT Native")
        return b""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while length := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return _decompressed(body) if self.headers.get("Content-Encoding") == "lz4" else body

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"X-ClickHouse-Timezone": "UTC", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: an error is its answer."""


def _decompressed(body: bytes) -> bytes:
    """Frame by frame: the client sends one for each block of rows."""
    parts = []
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        parts.append(frame.decompress(body))
        body = frame.unused_data or b""
    return b"".join(parts)


def main(folder: str, port: str) -> None:
    _Bridge.folder = str(Path(folder).absolute())
    engine = chdb.connect(_Bridge.folder)  # kept open, so that the engine lives from one statement to the next
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), _Bridge)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    finally:
        engine.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
