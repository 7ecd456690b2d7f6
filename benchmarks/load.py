"""Load on one address: one request again and again over keep-alive connections. wrk where it is, else a generator of
our own in Python, whose own time is then in the latencies at many connections.
"""

import json
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ANSWER_SECONDS = 60
# Written by wrk at its end, since its usual output rounds.
_REPORT = """
done = function(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("\\nREPORT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), wrong))
end
"""


@dataclass(frozen=True)
class Request:
    """What is sent: everything but the host."""

    path: str
    headers: dict[str, str]
    body: bytes

    def encoded(self, port: int) -> bytes:
        fields = {"host": f"127.0.0.1:{port}", **self.headers, "content-length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


@dataclass(frozen=True)
class Load:
    """What a window of load has shown."""

    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.calls / self.seconds


class LoadFailed(Exception):
    """An answer was not 200, or none came."""


def name() -> str:
    """Of the generator."""
    if not has_wrk():
        return "a generator of our own in Python (wrk is not installed)"
    said = subprocess.run(["wrk", "-v"], capture_output=True, check=False).stdout.decode()
    found = re.search(r"wrk \S*?(\d[\w.]*)", said)
    return f"wrk {found.group(1)}" if found else "wrk"


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def run(port: int, request: Request, *, seconds: float, connections: int, waits: bool = False) -> Load:
    """Raises `LoadFailed` on any answer but 200. wrk drops the calls that run at its end, which matters where they are
    few beside the others; `waits`: for those, by our own generator.
    """
    if has_wrk() and not waits:
        return _run_wrk(port, request, seconds, connections)
    return _run_own(port, request, seconds, connections)


# --- wrk --------------------------------------------------------------------------------------------------------------


def wrk_script(request: Request, body_file: Path) -> str:
    fields = "".join(
        f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}\n" for key, value in request.headers.items()
    )
    read = f"local file = io.open({json.dumps(str(body_file))}, 'rb')\nwrk.body = file:read('*a')\nfile:close()\n"
    return f"wrk.method = 'POST'\n{read}{fields}{_REPORT}"


def read_wrk(output: str) -> Load:
    """Raises `LoadFailed` when it tells of failures, or tells nothing."""
    found = re.search(r"^REPORT (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if found is None:
        raise LoadFailed(f"wrk reports nothing: {output[-500:]}")
    calls, duration_us, p50_us, p99_us, wrong = (int(figure) for figure in found.groups())
    if wrong or not calls:
        raise LoadFailed(f"{wrong} of {calls} calls failed: {output[-500:]}")
    return Load(calls, duration_us / 1e6, p50_us / 1e3, p99_us / 1e3)


def _run_wrk(port: int, request: Request, seconds: float, connections: int) -> Load:
    """wrk counts whole seconds, so it is ended by the signal that it takes for the end."""
    with tempfile.TemporaryDirectory(prefix="aipc-wrk-") as folder:
        script, body = Path(folder, "post.lua"), Path(folder, "body")
        body.write_bytes(request.body)
        script.write_text(wrk_script(request, body))
        line = ["wrk", "-t1", f"-c{connections}", "-d600s", f"--timeout={ANSWER_SECONDS}s", "-s", str(script)]
        process = subprocess.Popen([*line, f"http://127.0.0.1:{port}{request.path}"], stdout=subprocess.PIPE)
        try:
            time.sleep(seconds)
            process.send_signal(2)
            output, _ = process.communicate(timeout=ANSWER_SECONDS)
        finally:
            process.kill()
            process.wait()
    return read_wrk(output.decode())


# --- Our own ----------------------------------------------------------------------------------------------------------


class Client:
    """A connection that sends one request after the other and finds each answer's end. Happy path only."""

    def __init__(self, port: int, request: Request) -> None:
        self._request = request.encoded(port)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._body_at = 0
        self._length = -1
        self.sent_at = 0.0

    def send(self) -> None:
        self._received.clear()
        self._body_at = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Take in what has come; whether the answer is whole. Raises `LoadFailed`."""
        data = self.socket.recv(262144)
        self._received += data
        if not self._body_at:
            end = self._received.find(b"\r\n\r\n")
            if end >= 0:
                self._begin_body(bytes(self._received[:end]), end + 4)
        if not data:
            raise LoadFailed(f"the answer broke off: {bytes(self._received[:300])!r}")
        if not self._body_at:
            return False
        if self._length >= 0:
            return len(self._received) - self._body_at >= self._length
        return self._received.endswith(b"\r\n0\r\n\r\n")

    def _begin_body(self, head: bytes, at: int) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            raise LoadFailed(bytes(self._received[:500]).decode("latin-1"))
        self._body_at = at
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        self._length = int(found.group(1)) if found else -1

    @property
    def has_begun(self) -> bool:
        """Something of the body is there."""
        return bool(self._body_at) and len(self._received) > self._body_at

    def body(self) -> bytes:
        """The answer's, without its chunks' framing."""
        raw = bytes(self._received[self._body_at :])
        if self._length >= 0:
            return raw
        body = b""
        while raw:
            size, _, rest = raw.partition(b"\r\n")
            count = int(size.split(b";")[0], 16)
            body, raw = body + rest[:count], rest[count + 2 :]
            if not count:
                break
        return body

    def call(self) -> bytes:
        """One call; the answer's body."""
        self.send()
        while not self.receive():
            pass
        return self.body()

    def first_byte_ms(self) -> float:
        """One call; until the first of the body is there. The rest is read too."""
        self.send()
        is_whole, seen = False, 0.0
        while not is_whole:
            is_whole = self.receive()
            if not seen and self.has_begun:
                seen = time.perf_counter()
        return (seen - self.sent_at) * 1000

    def close(self) -> None:
        self.socket.close()


def _run_own(port: int, request: Request, seconds: float, connections: int) -> Load:
    clients = [Client(port, request) for _ in range(connections)]
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        while selector.get_map():
            for key, _ in selector.select(ANSWER_SECONDS):
                if key.data.receive():
                    now = time.perf_counter()
                    latencies.append(now - key.data.sent_at)
                    if now - started < seconds:
                        key.data.send()
                    else:
                        selector.unregister(key.data.socket)
                        key.data.close()
    elapsed = time.perf_counter() - started
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    return Load(len(latencies), elapsed, p50 * 1000, p99 * 1000)
