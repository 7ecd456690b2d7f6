"""A server as a child process that can be started, stopped, killed, paused and started again, its output kept.

Which processes run is noted in the folder `TEST_PID_FOLDER`, so that the runner can end what an aborted run leaves.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from scripts.hermetic import ROOT


class ServerFailed(Exception):
    """A server did not start, or did not stop in time. The message ends with its output."""


# For what comes within a moment on a machine that has nothing else to do. Only a test that fails waits for so long.
PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look every 20 ms until `condition` holds; raises AssertionError naming `what` when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A child process in a session of its own (so that Ctrl-C is ours to handle), its output in a file."""

    stop_signal = signal.SIGTERM
    runs_unprivileged = False
    starts_in = ROOT

    def __init__(self) -> None:
        # Short, since socket paths are limited to about 100 characters; readable by the unprivileged user.
        short = "/tmp" if os.access("/tmp", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="aipc-", dir=short))
        self.folder.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = (self.folder / "output").open("ab")
        self._seen = 0

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder)}

    def is_ready(self) -> bool:
        raise NotImplementedError

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def output(self) -> str:
        """All that it has written to standard output and error, over all its starts."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def new_output(self) -> str:
        """What it has written since its last start."""
        return self.output[self._seen :]

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, seconds: float = 3 * PATIENCE_SECONDS) -> None:
        """Start it and wait until it is ready."""
        self._seen = len(self.output)
        self.process = subprocess.Popen(
            [str(part) for part in self.command()],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self.environment(),
            cwd=self.starts_in if not self.runs_unprivileged else self.folder,
            start_new_session=True,
            **(account() if self.runs_unprivileged else {}),
        )
        _remember(self.process.pid)
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"{type(self).__name__} did not start:\n{self.output[-4000:]}")
            time.sleep(0.02)

    def stop(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Ask it to stop, wait until it has, and return its exit code."""
        self.ask_to_stop()
        return self.wait(seconds)

    def ask_to_stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            self.process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"{type(self).__name__} did not stop in {seconds:g} s:\n{self.output[-4000:]}") from None
        _forget(self.process.pid)
        return code

    def kill(self) -> None:
        """`kill -9` for it and its children."""
        assert self.process is not None
        _kill_session(self.process.pid)
        self.process.wait()
        _forget(self.process.pid)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers. `resume` ends that."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.resume()
                self.stop()
            except ServerFailed as failure:
                print(failure, file=sys.stderr)
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def account() -> dict[str, Any]:
    """Popen's arguments for an unprivileged user that exists, when we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerFailed("Running as root, and there is no user `nobody` to run PostgreSQL and Redis as.") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _kill_session(pid: int) -> None:
    """Those of its process group and, where /proc tells, of the groups that its children have made."""
    members = [member for member in _pids() if _session_of(member) == pid]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def _pids() -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(item.name) for item in Path("/proc").iterdir() if item.name.isdigit()]
    return []


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _pid_folder() -> Path | None:
    """Where the runner wants the ids of the processes that run, so that it can end what an aborted run leaves."""
    place = os.environ.get("TEST_PID_FOLDER")
    return Path(place) if place else None


def _remember(pid: int) -> None:
    if folder := _pid_folder():
        (folder / str(pid)).touch()


def _forget(pid: int) -> None:
    if folder := _pid_folder():
        (folder / str(pid)).unlink(missing_ok=True)


def end_left_over() -> list[int]:
    """Kill what tests started and did not end; returns their process ids."""
    folder = _pid_folder()
    left = [int(entry.name) for entry in folder.iterdir()] if folder else []
    for pid in left:
        _kill_session(pid)
        _forget(pid)
    return left
