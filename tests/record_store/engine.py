"""ClickHouse's engine as a server for the tests: chdb behind `bridge`, in an environment of its own."""

import re
from collections.abc import Sequence
from pathlib import Path

from scripts.hermetic import ROOT
from tests.clients.environments import python_of
from tests.processes import Server


class Engine(Server):
    """On a port of its own, which it keeps over all its starts, as it keeps what it was told.

    Raises `tests.clients.environments.NotInstalled`, with what to do, where the engine cannot be brought.
    """

    def __init__(self) -> None:
        lock = ROOT / "requirements" / "clickhouse-engine.txt"
        self._python = python_of(lock, ROOT / "var" / "engines" / "clickhouse")
        super().__init__()
        self._port = 0

    def command(self) -> Sequence[str | Path]:
        program = Path(__file__).parent / "bridge.py"
        return [self._python, "-u", program, self.folder / "engine", str(self._port)]

    def is_ready(self) -> bool:
        found = re.search(r"^(\d+)$", self.new_output, re.MULTILINE)
        self._port = int(found[1]) if found else self._port
        return found is not None

    @property
    def url(self) -> str:
        return f"http://aipc:secret@127.0.0.1:{self._port}/default"
