"""A provider that keeps every byte it gets and answers with exactly the bytes that a test gives it."""

import contextlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class RawProvider:
    """Framed by Content-Length or by chunks; whatever comes beyond that is another request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.answer = ANSWER
        self.requests: list[bytes] = []  # head and body as they came, the last one maybe cut short

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/base/v1"

    def reset(self) -> None:
        with self._lock:
            self.requests, self.answer = [], ANSWER

    @property
    def first_lines(self) -> list[bytes]:
        with self._lock:
            return [request.partition(b"\r\n")[0] for request in self.requests]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            came = b""
            while True:
                head, came = self._until(connection, came, b"\r\n\r\n")
                if not head:
                    return
                length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
                if length is not None:
                    body, came = self._exactly(connection, came, int(length[1]))
                elif re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
                    body, came = self._until(connection, came, b"0\r\n\r\n")
                else:
                    body = b""
                with self._lock:
                    self.requests.append(head + body)
                connection.sendall(self.answer)

    def _until(self, connection: socket.socket, came: bytes, mark: bytes) -> tuple[bytes, bytes]:
        while mark not in came:
            if not (part := connection.recv(65536)):
                if came:
                    with self._lock:
                        self.requests.append(came)
                return b"", b""
            came += part
        end = came.index(mark) + len(mark)
        return came[:end], came[end:]

    def _exactly(self, connection: socket.socket, came: bytes, length: int) -> tuple[bytes, bytes]:
        while len(came) < length:
            if not (part := connection.recv(65536)):
                return came, b""
            came += part
        return came[:length], came[length:]
