"""The fake provider as a process of its own, and its log read back."""

import base64
import json
import re
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import msgspec

from scripts.hermetic import environment
from tests.fake_provider import Exchange, Request, Used
from tests.processes import Server


class ProviderProcess(Server):
    port = 0

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "tests.fake_provider", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {**environment(), "PYTHONUNBUFFERED": "1"}

    def is_ready(self) -> bool:
        announced = re.search(r"fake provider on http://127\.0\.0\.1:(\d+)", self.new_output)
        self.port = int(announced.group(1)) if announced else self.port
        return announced is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[Exchange]:
        """Every request since the last `reset`."""
        return [read_exchange(line) for line in self._ask("log").splitlines()]

    @property
    def used(self) -> dict[str, list[Used]]:
        return msgspec.json.decode(self._ask("used"), type=dict[str, list[Used]])

    def release(self) -> None:
        self._ask("release")

    def reset(self) -> None:
        self._ask("reset")

    def _ask(self, name: str) -> bytes:
        for attempt in range(3):
            try:
                with urllib.request.urlopen(f"{self.url}/__{name}", timeout=60) as answer:
                    return bytes(answer.read())
            except OSError as error:
                print(f"The provider's {name}: {error!r}", flush=True)
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")


def read_exchange(line: bytes) -> Exchange:
    value = json.loads(line)
    body = base64.b64decode(value["body_base64"]) if "body_base64" in value else value.get("body", "").encode()
    headers = [(name, text) for name, text in value["headers"]]
    request = Request(value["method"], value["target"], headers, body, value["number"])
    names = ("connection", "received_at", "provider", "outcome", "status", "usage", "model", "id", "request_id")
    return Exchange(request, **{name: value[name] for name in names})
