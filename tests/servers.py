"""Real servers for the tests, each a context manager: PostgreSQL, Redis, our own proxy, our Celery worker."""

import http.client
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.hermetic import DEAD_URL, ROOT, environment
from tests.databases import PostgreSQL, Redis
from tests.processes import Server, ServerFailed, end_left_over, free_port, wait_until

__all__ = [
    "OurProcess",
    "PostgreSQL",
    "ProxyServer",
    "Redis",
    "Server",
    "ServerFailed",
    "Worker",
    "end_left_over",
    "free_port",
    "wait_until",
]


class OurProcess(Server):
    """A command of manage.py, with the settings given and no others."""

    arguments: Sequence[str] = ()

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        self.settings = dict(settings)

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, ROOT / "manage.py", *self.arguments]

    def environment(self) -> dict[str, str]:
        upstreams = {"OPENAI_UPSTREAM_URL": DEAD_URL, "ANTHROPIC_UPSTREAM_URL": DEAD_URL}
        return {**environment(), "PYTHONUNBUFFERED": "1", **upstreams, **self.settings}


class ProxyServer(OurProcess):
    """`manage.py serve` on a free port (the same one when started again)."""

    def __init__(self, settings: Mapping[str, str], *, workers: int = 1) -> None:
        super().__init__(settings)
        self.port = 0
        self.workers = workers

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(self.workers)]
        return [*super().command(), "serve", *place]

    def is_ready(self) -> bool:
        if not self.port:
            announced = re.search(r"http://127\.0\.0\.1:(\d+)", self.output)
            if announced is None:
                return False
            self.port = int(announced.group(1))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Worker(OurProcess):
    """`manage.py worker`: Celery in the production set-up."""

    arguments = ("worker",)

    def is_ready(self) -> bool:
        return re.search(r"celery@\S+ ready", self.new_output) is not None
