"""Programs that the benchmarks start, by their command lines; commands of manage.py."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from scripts.hermetic import ROOT, environment
from tests.processes import Server


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program(Server):
    """A command that listens on a port."""

    def __init__(self, arguments: Sequence[str | Path], port: int, variables: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.arguments = arguments
        self.port = port
        self.variables = dict(variables or {})

    def command(self) -> Sequence[str | Path]:
        return self.arguments

    def environment(self) -> dict[str, str]:
        return {**environment(), **self.variables}

    def is_ready(self) -> bool:
        return listens(self.port)

    def start(self, seconds: float = 120) -> None:
        super().start(seconds)


def steady_port() -> int:
    """A free port that no outgoing connection takes before we do: below the range that systems take those from."""
    for port in Random().sample(range(20000, 32000), 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def end_what_was_started() -> None:
    """SIGTERM shall end the servers of this process with it, as Ctrl-C does: they are in sessions of their own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def started(arguments: list[str], port: int, variables: dict[str, str]) -> Iterator[int]:
    """A program on a port. Its pid."""
    with Program(arguments, port, variables) as program:
        yield program.pid


def uvicorn(application: str, port: int, *options: str) -> list[str]:
    tuned = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--lifespan", "off", "--log-level", "error"]
    return [sys.executable, "-m", "uvicorn", application, "--port", str(port), *tuned, *options]


def create_key(settings: Mapping[str, str]) -> str:
    manage(settings, "create_organization", "Bench")
    return manage(settings, "create_api_key", "--org", "bench", "--team", "load").strip()


def manage(settings: Mapping[str, str], *arguments: str) -> str:
    """A command's output."""
    line = [sys.executable, str(ROOT / "manage.py"), *arguments]
    made = subprocess.run(line, env={**environment(), **settings}, check=True, capture_output=True)
    return made.stdout.decode()


def version_of(python: str | Path, package: str) -> str:
    """Of a package in that Python's environment; empty when it is not there."""
    code = f"import importlib.metadata as m; print(m.version({json.dumps(package)}))"
    made = subprocess.run([str(python), "-c", code], capture_output=True, check=False)
    return made.stdout.decode().strip()
