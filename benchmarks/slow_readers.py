"""How much memory one process holds for many clients that read next to nothing of long streams.

    .venv/bin/python -m benchmarks.slow_readers --readers 1000

Starts PostgreSQL, Redis, the proxy in production mode and a provider that always has more, on loopback. Each client
asks for a stream of 10 MB, and takes a byte a second of it.
"""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

from benchmarks.run import create_key, manage
from tests.faults.slow_readers import Flood, SlowReaders, allow_files, memory_of
from tests.proxy.calls import Caller
from tests.proxy.http1.certificates import Authority
from tests.servers import PostgreSQL, ProxyServer, Redis

STREAM_BYTES = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--client", choices=("aiohttp", "lean"), default="lean")
    parser.add_argument("--tls", action="store_true", help="the provider speaks TLS")
    options = parser.parse_args()
    allow_files(4 * options.readers + 200)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority(folder) if options.tls else None
        flood = Flood(STREAM_BYTES, authority.server("localhost") if authority else None)
        settings = {
            "DATABASE_URL": stack.enter_context(PostgreSQL()).url,
            "REDIS_URL": stack.enter_context(Redis()).url,
            "PUBLIC_URL": "http://127.0.0.1",
            "SECRET_KEY": "benchmark",
            "DATA_DIR": str(folder),
            "OPENAI_UPSTREAM_URL": stack.enter_context(flood).url,
            "UPSTREAM_CA_FILE": str(authority.file) if authority else "",
            "LOG_LEVEL": "WARNING",
            "UPSTREAM_CLIENT": options.client,
        }
        manage(settings, "migrate")  # apart, since a process that has made all tables is larger afterwards
        key = create_key(settings)
        server = stack.enter_context(ProxyServer(settings))
        caller = Caller(server.port, key)
        print(f"idle: {memory_of(server.pid) / 1e6:.0f} MB")
        readers = stack.enter_context(contextlib.closing(SlowReaders(caller, options.readers)))
        most = readers.read(options.seconds, server.pid)
        print(f"{options.readers} slow readers: {most / 1e6:.0f} MB at most in {options.seconds} s")
        began = time.monotonic()
        read = len(readers.read_one_to_the_end())
        print(f"one of them reads on: {read / 1e6:.1f} MB in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
