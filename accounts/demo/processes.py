"""The demo's child processes: started in sessions of their own, watched, and stopped in order whatever happens."""

import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from accounts.demo.environment import ROOT

_STOP_SECONDS = 15


class ChildFailed(Exception):
    """A child did not start, or ended by itself. The message says which and shows the end of its output."""


class Child:
    """One program, its output in a file."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self.name, self.output = name, output
        with output.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C comes to the demo alone, which stops its children in order.
            )

    def wait_for(self, find: Callable[[str], str], seconds: float) -> str:
        """Until `find` finds something, given its output so far. Raises `ChildFailed`."""
        deadline = time.monotonic() + seconds
        while not (found := find(self._text())):
            if self._process.poll() is not None:
                raise self.failure(f"ended with code {self._process.returncode} instead of starting")
            if time.monotonic() > deadline:
                raise self.failure(f"did not start within {seconds:g} s")
            time.sleep(0.05)
        return found

    def wait(self) -> int:
        return self._process.wait()

    def failure(self, what: str) -> ChildFailed:
        lines = self._text().strip().splitlines()[-12:]
        quoted = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        return ChildFailed(f"The {self.name} {what}. Its last lines ({self.output}):\n{quoted}")

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _text(self) -> str:
        return self.output.read_text(errors="replace")


class Interruptions:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does: by KeyboardInterrupt, but not in a shielded block."""

    def __init__(self) -> None:
        self._is_shielded = self._is_pending = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._interrupt)

    def _interrupt(self, number: int, frame: object) -> None:
        if self._is_shielded:
            self._is_pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def shielded(self, *, is_last: bool = False) -> Iterator[None]:
        """What came meanwhile is raised afterwards, or never when this is the last thing to do."""
        self._is_shielded = True
        yield
        if not is_last:
            self._is_shielded = False
            if self._is_pending:
                raise KeyboardInterrupt


class Children:
    """Stops every child at the end, the last one first."""

    def __init__(self, environment: Mapping[str, str], folder: Path, interruptions: Interruptions) -> None:
        self._environment, self._folder, self._interruptions = environment, folder, interruptions
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._interruptions.shielded(is_last=True):
            for child in reversed(self._children):
                child.stop()

    def start(self, name: str, *arguments: str, **settings: str) -> Child:
        """`settings` are further environment variables."""
        with self._interruptions.shielded():
            output = self._folder / f"{name.replace(' ', '-')}.log"
            child = Child(name, arguments, {**self._environment, **settings}, output)
            self._children.append(child)
        return child

    def watch(self) -> None:
        """Until one of them ends. Raises `ChildFailed` then; a signal's exception ends the wait, too."""
        ended: queue.SimpleQueue[tuple[Child, int]] = queue.SimpleQueue()

        def report(child: Child) -> None:
            ended.put((child, child.wait()))

        for child in self._children:
            threading.Thread(target=report, args=[child], daemon=True).start()
        child, code = ended.get()
        raise child.failure(f"ended by itself, with code {code}")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
