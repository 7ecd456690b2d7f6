"""A provider that answers before it has the whole upload: the client gets that answer, and is still watched."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.slow_readers import memory_of
from tests.processes import PATIENCE_SECONDS
from tests.proxy.calls import Caller
from tests.proxy.conftest import Serve
from tests.proxy.records import Records

HEAD = b"HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\n"


class HastyProvider:
    """Answers the first bytes of each body, and notes when the proxy has gone."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.left = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer:
            received = b""
            while not received.partition(b"\r\n\r\n")[2]:
                received += peer.recv(65536)
            peer.sendall(self._answer)
            with contextlib.suppress(ConnectionError):
                while peer.recv(65536):
                    pass
        self.left.set()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(params=[HEAD + b'content-length: 7\r\n\r\n{"a":1}', HEAD + b"transfer-encoding: chunked\r\n\r\n"])
def hasty(request: pytest.FixtureRequest) -> Iterator[HastyProvider]:
    provider = HastyProvider(request.param)
    yield provider
    provider.close()


@pytest.mark.slow
def test_an_answer_does_not_wait_for_the_end_of_the_upload_and_a_client_that_leaves_is_noticed(
    serve: Serve, hasty: HastyProvider, issued: tuple[object, str], records: Records
) -> None:
    with serve({"OPENAI_UPSTREAM_URL": hasty.url, "UPSTREAM_CLIENT": "lean"}) as server:
        caller = Caller(server.port, issued[1])
        with caller.connect() as connection:
            given = {"content-type": "multipart/form-data; boundary=x", "content-length": "100000"}
            headers = caller.headers("openai/files", given, b"")
            connection.send("POST", caller.target("openai/files"), headers, b"x" * 100)
            answer = connection.receive()
            assert answer.status == 413
            if answer.getheader("content-length"):
                assert answer.read() == b'{"a":1}'
            else:
                answer.close()  # It holds the socket.
                connection.reset()
        assert hasty.left.wait(PATIENCE_SECONDS)
        assert records.only().status == 413


@pytest.mark.slow
def test_what_is_uploaded_behind_an_answer_is_not_kept(serve: Serve, issued: tuple[object, str]) -> None:
    """The answer goes on; of an upload that nobody reads any more nothing piles up."""
    hasty = HastyProvider(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")
    size = 60_000_000
    with (
        contextlib.closing(hasty),
        serve({"OPENAI_UPSTREAM_URL": hasty.url, "UPSTREAM_CLIENT": "lean"}) as server,
        (caller := Caller(server.port, issued[1])).connect() as connection,
    ):
        given = {"content-type": "multipart/form-data; boundary=x", "content-length": str(size)}
        connection.send("POST", caller.target("openai/files"), caller.headers("openai/files", given, b""), b"x" * 100)
        answer = connection.receive()
        assert answer.read(2) == b"{}"
        before = memory_of(server.pid)
        for _ in range(size // 1_000_000 - 1):
            connection.socket.sendall(b"x" * 1_000_000)
        assert memory_of(server.pid) - before < size / 2
        answer.close()
