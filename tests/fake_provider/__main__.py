"""`python -m tests.fake_provider [--port N] [--log FILE]`: serves until SIGINT or SIGTERM.

Prints one line once it serves: `fake provider on http://127.0.0.1:PORT`.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.fake_provider.server import FakeProvider


async def serve(port: int, log_file: Path | None) -> None:
    provider = FakeProvider(port=port, log_file=log_file)
    await provider.start()
    print(f"fake provider on {provider.url}", flush=True)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    await provider.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, help="a file to append every ended exchange to, as JSON lines")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.log))
    except OSError as error:
        sys.exit(f"fake provider: {error}")


if __name__ == "__main__":
    main()
