"""The processes of docker-compose.yml without Docker: the same commands and health checks, our own environment."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts.hermetic import ROOT, environment
from tests.processes import Server, free_port

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """With `${NAME}`, `${NAME:-default}` and `${NAME:?words}` as docker compose fills them in, and `$$` as `$`."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if not variables.get(name) and kind == ":?":
            raise LookupError(rest)
        return variables.get(name) or (rest if kind == ":-" else "")

    return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text).replace("$$", "$")


class ComposeProcess(Server):
    """A service of the file. Its port and host are those of this machine's loopback."""

    def __init__(self, name: str, settings: Mapping[str, str], variables: Mapping[str, str]) -> None:
        super().__init__()
        self.name = name
        self.port = free_port()
        self.settings = dict(settings)
        self._variables = variables

    def command(self) -> Sequence[str | Path]:
        return [self._here(part) for part in SERVICES[self.name]["command"]]

    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**environment(), **self.settings, "PATH": path, "HOSTNAME": socket.gethostname()}

    def _here(self, part: str) -> str:
        filled = filled_in(part, self._variables).replace("0.0.0.0", "127.0.0.1")
        filled = filled.replace("/var/lib/ai-prompt-cost", self.settings["DATA_DIR"])
        return re.sub(r"\b8000\b", str(self.port), filled)

    def is_ready(self) -> bool:
        """By the health check of the file."""
        kind, *command = map(self._here, SERVICES[self.name]["healthcheck"]["test"])
        line = ["sh", "-c", *command] if kind == "CMD-SHELL" else command
        asked = subprocess.run(line, cwd=ROOT, env=self.environment(), capture_output=True, check=False)
        return asked.returncode == 0
