"""`make bench`: what one proxied call costs, beside the same hop without us and beside a Django view.

Starts PostgreSQL, Redis, a fake upstream and the targets by itself, on loopback. The servers are pinned to one core and
the load to another; targets are interleaved in rounds, and each figure is the median over the rounds. Absolute times
belong to one machine on one day: quote the ratios.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import load  # noqa: E402
from scripts.hermetic import environment  # noqa: E402
from tests.servers import PostgreSQL, ProxyServer, Redis, free_port, wait_until  # noqa: E402

PATH = "/api/proxy/v1/openai/chat/completions"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Target:
    def __init__(self, name: str, port: int, pid: int, key: str = "") -> None:
        self.name = name
        self.port = port
        self.pid = pid
        self.key = key
        self.cpu_us: dict[str, list[float]] = {}
        self.p50_ms: dict[str, list[float]] = {}
        self.p99_ms: dict[str, list[float]] = {}
        self.rate: dict[str, list[float]] = {}

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def request(self, *, is_streamed: bool) -> bytes:
        body: dict[str, object] = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "y" * 800}],
            "_aipromptcost": {"prompt_key": "bench", "feature_tags": ["a", "b"]},
        }
        if is_streamed:
            body["stream"] = True
        raw = json.dumps(body, separators=(",", ":")).encode()
        lines = [
            f"POST {PATH} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            "content-type: application/json",
            f"authorization: Bearer {self.key or 'none'}",
            "x-provider-key: sk-bench",
            f"content-length: {len(raw)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


@contextmanager
def started(arguments: list[str], port: int, variables: dict[str, str]) -> Iterator[int]:
    """A program on a port, pinned to the servers' core. Its pid."""
    process = subprocess.Popen(
        arguments, env={**environment(), **variables}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=None
    )
    try:
        wait_until(lambda: _listens(port), f"{arguments[-1]} on port {port}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _uvicorn(application: str, port: int, *options: str) -> list[str]:
    tuned = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--lifespan", "off", "--log-level", "error"]
    return [sys.executable, "-m", "uvicorn", application, "--port", str(port), *tuned, *options]


def _open_targets(stack: ExitStack, folder: str, clients: list[str], *, with_view: bool) -> list[Target]:
    """One proxy for each upstream client, which take turns in the same rounds."""
    upstream = free_port()
    stack.enter_context(started([sys.executable, "-m", "benchmarks.upstream", str(upstream)], upstream, {}))
    url = f"http://127.0.0.1:{upstream}"
    bare, view = free_port(), free_port()
    variables = {"BENCH_UPSTREAM": f"{url}/v1/chat/completions"}
    bare_pid = stack.enter_context(started(_uvicorn("benchmarks.targets:bare", bare), bare, variables))
    database, broker = stack.enter_context(PostgreSQL()), stack.enter_context(Redis())
    settings = {
        "DATABASE_URL": database.url,
        "REDIS_URL": broker.url,
        "PUBLIC_URL": "http://127.0.0.1",
        "SECRET_KEY": "benchmark",
        "DATA_DIR": folder,
        "OPENAI_UPSTREAM_URL": f"{url}/v1",
        "LOG_LEVEL": "WARNING",
    }
    targets = [Target("bare ASGI + aiohttp", bare, bare_pid)]
    key = ""
    for client in clients:
        proxy = stack.enter_context(ProxyServer({**settings, "UPSTREAM_CLIENT": client}))
        assert proxy.process is not None
        key = key or create_key(settings)
        targets.append(Target(f"AI Prompt Cost, {client}", proxy.port, proxy.process.pid, key))
    if with_view:
        arguments = _uvicorn("benchmarks.targets:django_application", view, "--factory")
        targets.append(Target("Django async view", view, stack.enter_context(started(arguments, view, variables))))
    cores = sorted(os.sched_getaffinity(0))
    for target in targets:
        os.sched_setaffinity(target.pid, {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})
    return targets


def create_key(settings: dict[str, str]) -> str:
    manage(settings, "create_organization", "Bench")
    return manage(settings, "create_api_key", "--org", "bench", "--team", "load").strip()


def manage(settings: dict[str, str], *arguments: str) -> str:
    """A command's output."""
    line = [sys.executable, str(ROOT / "manage.py"), *arguments]
    made = subprocess.run(line, env={**environment(), **settings}, check=True, capture_output=True)
    return made.stdout.decode()


def _measure(target: Target, case: str, request: bytes, requests: int, connections: int) -> None:
    cpu = target.cpu_seconds()
    seconds, latencies = asyncio.run(load.run(target.port, request, requests=requests, connections=connections))
    used = target.cpu_seconds() - cpu
    ordered = sorted(latencies)
    target.cpu_us.setdefault(case, []).append(used / requests * 1e6)
    target.rate.setdefault(case, []).append(requests / seconds)
    target.p50_ms.setdefault(case, []).append(ordered[len(ordered) // 2] * 1000)
    target.p99_ms.setdefault(case, []).append(ordered[int(len(ordered) * 0.99)] * 1000)


def _print_table(targets: list[Target], cases: list[str]) -> None:
    first = targets[0]
    print(f"\n| case | target | CPU us/call | CPU / {first.name} | calls/s | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|---|")
    for case in cases:
        for target in targets:
            pairs = zip(target.cpu_us[case], first.cpu_us[case], strict=True)
            ratio = statistics.median(own / other for own, other in pairs)
            figures = [
                statistics.median(values[case]) for values in (target.cpu_us, target.rate, target.p50_ms, target.p99_ms)
            ]
            cpu, rate, p50, p99 = figures
            print(f"| {case} | {target.name} | {cpu:.0f} | {ratio:.2f} | {rate:.0f} | {p50:.2f} | {p99:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--client", nargs="+", choices=("aiohttp", "lean"), default=["aiohttp", "lean"])
    parser.add_argument("--no-view", action="store_true", help="leave the Django view out")
    options = parser.parse_args()
    cases = {
        "JSON 1 KB, 32 connections": (False, 32),
        "SSE 50 chunks, 32 connections": (True, 32),
        "JSON 1 KB, 1 connection": (False, 1),
    }
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aipc-bench-"))
        targets = _open_targets(stack, folder, options.client, with_view=not options.no_view)
        for number in range(options.rounds + 1):
            print(f"round {number} of {options.rounds}" + (" (warm-up)" if number == 0 else ""), flush=True)
            for case, (is_streamed, connections) in cases.items():
                for target in targets:
                    request = target.request(is_streamed=is_streamed)
                    _measure(target, case, request, options.requests, connections)
                    if number == 0:
                        for values in (target.cpu_us, target.rate, target.p50_ms, target.p99_ms):
                            values.clear()
        _print_table(targets, list(cases))


if __name__ == "__main__":
    main()
