"""`python -m benchmarks.clients`: CPU of the upstream clients alone, in turns against the same fake upstream.

One process calls, so that its CPU is the client's; the calls come one after the other, or 32 at once.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import ExitStack

import uvloop

from benchmarks.programs import started
from proxy.aiohttp_client import AiohttpUpstream
from proxy.http1 import LeanUpstream
from tests.processes import free_port

HEADERS = [
    (b"accept", b"application/json"),
    (b"user-agent", b"OpenAI/Python 3.54.0"),
    (b"x-stainless-lang", b"python"),
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer sk-bench"),
    (b"accept-encoding", b"gzip, deflate"),
]
CLIENTS: dict[str, type[AiohttpUpstream | LeanUpstream]] = {"aiohttp": AiohttpUpstream, "lean": LeanUpstream}
CASES = {"JSON 1 KB": b'{"x":"%b"}' % (b"y" * 900), "SSE 50 chunks": b'{"stream":true}'}


async def call(client: AiohttpUpstream | LeanUpstream, url: str, body: bytes, count: int) -> None:
    for _ in range(count):
        answer = await client.send("POST", url, HEADERS, body)
        while await answer.read():
            pass


async def measure(client: AiohttpUpstream | LeanUpstream, url: str, body: bytes, calls: int, at_once: int) -> float:
    """CPU microseconds a call."""
    begun = time.process_time()
    await asyncio.gather(*(call(client, url, body, calls // at_once) for _ in range(at_once)))
    return (time.process_time() - begun) / calls * 1e6


async def main(url: str, rounds: int, calls: int) -> None:
    clients = {name: make(connect_timeout=10, silence_timeout=600) for name, make in CLIENTS.items()}
    for client in clients.values():
        await client.open()
    print("| case | aiohttp us | lean us | lean / aiohttp |\n|---|---|---|---|")
    for case, body in CASES.items():
        for at_once in (1, 32):
            used: dict[str, list[float]] = {name: [] for name in clients}
            for _ in range(rounds + 1):  # the first warms up
                for name, client in clients.items():
                    used[name].append(await measure(client, url, body, calls, at_once))
            aiohttp, lean = used["aiohttp"][1:], used["lean"][1:]
            ratio = statistics.median(one / other for one, other in zip(lean, aiohttp, strict=True))
            figures = f"{statistics.median(aiohttp):.0f} | {statistics.median(lean):.0f} | {ratio:.2f}"
            print(f"| {case}, {at_once} at once | {figures} |")
    for client in clients.values():
        await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=3200)
    options = parser.parse_args()
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(started([sys.executable, "-m", "benchmarks.upstream", str(port)], port, {}))
        uvloop.run(main(f"http://127.0.0.1:{port}/v1/chat/completions", options.rounds, options.calls))
