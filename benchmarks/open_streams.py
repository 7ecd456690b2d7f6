"""`python -m benchmarks.open_streams`: what one process holds for many open streams that say nothing for a while.

Starts PostgreSQL, Redis, the proxy in production mode and a provider that begins each stream and then is silent, on
loopback; with each upstream client, with and without TLS to the provider. What is told is how much the process's
resident memory has grown, which its sockets in the kernel are not part of.
"""

import argparse
import asyncio
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, cast

from benchmarks import answers, cases, figures
from benchmarks.load import Client
from benchmarks.programs import create_key, end_what_was_started, manage
from tests.faults.slow_readers import allow_files
from tests.proxy.http1.certificates import Authority
from tests.servers import PostgreSQL, ProxyServer, Redis, wait_until

PAGE_BYTES = 4096
WARM_UP = 20  # streams opened and ended before; more would leave memory behind that the measured ones take
AT_ONCE = 50  # whose requests go out together
CASE = next(case for case in cases.CASES if case.name == "sse-50")


class _Connection(asyncio.Protocol):
    """Begins a stream at the first byte of a request, and goes on only when the proxy leaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST "):
            self._transport.write(answers.in_chunks(answers.events(2))[0])


class SilentProvider:
    """In a thread of this process."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(context), self._loop).result()
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://localhost:{port}" if context else f"http://127.0.0.1:{port}"

    async def _listen(self, context: ssl.SSLContext | None) -> asyncio.Server:
        return await self._loop.create_server(_Connection, "127.0.0.1", 0, backlog=4096, ssl=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def settled(pid: int) -> int:
    """The same, once it no longer changes by more than a page a stream would."""
    seen = [0, 0, 0]

    def is_still() -> bool:
        seen.append(resident(pid))
        return max(seen[-25:]) - min(seen[-25:]) < 64 * 1024 and len(seen) > 50

    wait_until(is_still, "memory that stays the same", 60)
    return seen[-1]


def open_streams(port: int, key: str, count: int) -> list[Client]:
    """Each has got its first event."""
    headers = {"authorization": f"Bearer {key}", "x-provider-key": "sk-bench"}
    request = CASE.request(prefix="/api/proxy/v1/openai", headers=headers, with_metadata=True)
    made: list[Client] = []
    for start in range(0, count, AT_ONCE):
        batch = [Client(port, request) for _ in range(min(AT_ONCE, count - start))]
        for client in batch:
            client.send()
        for client in batch:
            while not client.has_begun:
                client.receive()
        made += batch
    return made


@contextmanager
def serving(client: str, *, with_tls: bool, most: int) -> Iterator[tuple[ProxyServer, str]]:
    """A proxy that has served some streams, and a key of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="aipc-bench-")))
        authority = Authority(folder)
        provider = stack.enter_context(SilentProvider(authority.server("localhost") if with_tls else None))
        settings = {
            "DATABASE_URL": stack.enter_context(PostgreSQL()).url,
            "REDIS_URL": stack.enter_context(Redis()).url,
            "PUBLIC_URL": "http://127.0.0.1",
            "SECRET_KEY": "benchmark",
            "DATA_DIR": str(folder),
            "OPENAI_UPSTREAM_URL": f"{provider.url}/v1",
            "UPSTREAM_CA_FILE": str(authority.file) if with_tls else "",
            "UPSTREAM_CLIENT": client,
            "MAX_CALLS": str(most + 100),
            "MAX_CALLS_PER_KEY": str(most + 100),
            "LOG_LEVEL": "WARNING",
        }
        manage(settings, "migrate")  # apart, since a process that has made all tables is larger afterwards
        key = create_key(settings)
        server = stack.enter_context(ProxyServer(settings))
        for one in open_streams(server.port, key, WARM_UP):
            one.close()
        yield server, key


def measure(client: str, *, with_tls: bool, counts: Sequence[int]) -> list[list[str]]:
    """A row for each number of streams."""
    rows = []
    with serving(client, with_tls=with_tls, most=max(counts)) as (server, key):
        idle = settled(server.pid)
        opened: list[Client] = []
        for count in sorted(counts):
            opened += open_streams(server.port, key, count - len(opened))
            grown = settled(server.pid) - idle
            place = "TLS" if with_tls else "plaintext"
            row = [f"{client}, {place}", f"{count:,}", f"{idle / 1e6:.0f}", f"{(idle + grown) / 1e6:.0f}"]
            rows.append([*row, f"{grown / count / 1000:.1f}"])
            print(" | ".join(rows[-1]), flush=True)
        for one in opened:
            one.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[2000, 5000])
    parser.add_argument("--client", nargs="+", choices=("lean", "aiohttp"), default=["lean", "aiohttp"])
    parser.add_argument("--to-provider", nargs="+", choices=("plaintext", "tls"), default=["plaintext", "tls"])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    end_what_was_started()
    allow_files(2 * max(options.streams) + 500)
    rows = [
        row
        for client in options.client
        for place in options.to_provider
        for row in measure(client, with_tls=place == "tls", counts=options.streams)
    ]
    text = figures.table(["target", "open streams", "MB idle", "MB with them", "KB a stream"], rows)
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
