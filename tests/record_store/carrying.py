"""`column_store carry` in processes that can be killed at any request. See `forking`."""

import os
import signal
import subprocess
import sys
from typing import Self

from scripts.hermetic import ROOT, environment
from tests.record_store.between import Between, Moment


class Carrying:
    """`column_store carry`, as often as it is run, killed at that request to the store."""

    def __init__(self, settings: dict[str, str], between: Between) -> None:
        self._between = between
        self._forking = subprocess.Popen(
            [sys.executable, "-m", "tests.record_store.forking"],
            cwd=ROOT,
            env=environment() | {"DJANGO_SETTINGS_MODULE": "config.settings"} | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def run(self, *, at: int = 0, moment: Moment = "before") -> int:
        """How it ended."""
        pid = self._say(b"f")
        self._between.count, self._between.at, self._between.moment = 0, at, moment
        self._between.act = lambda: os.kill(pid, signal.SIGKILL)
        return self._say(b"g")

    def _say(self, byte: bytes) -> int:
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.write(byte)
        return int(self._forking.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._forking.stdin is not None
        self._forking.stdin.close()
        self._forking.wait(30)
        assert self._forking.stdout is not None
        self._forking.stdout.close()
