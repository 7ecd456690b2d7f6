"""The parent of several serving processes: starts them, replaces them on SIGHUP, and stops them together.

All accept on one listening socket, which the parent holds, so that it outlives each of them. A child is a new
interpreter, and so runs the release that lies on the disk when it starts. Two pipes connect them: by one the child
tells that it serves, and by its end that it is dead; the other, its standard input, ends when others serve on in its
place, or when the parent is gone.

On SIGHUP a child of its own prepares (migrates) first. Then for one process after the other a new one is started, and
the old one is told to end when the new one serves. Whatever fails on the way, the old ones go on.
"""

import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Literal

log = logging.getLogger(__name__)

SERVES = b"s"
START_SECONDS = 120.0
_LONGEST_WAIT_SECONDS = 30.0
FAILED = 3  # the exit code when nothing could be started

Role = Literal["preparing", "serving", "replacing", "leaving"]


class _Child:
    """One process. `slot`: which of the places to be filled it has, or is to have."""

    def __init__(self, command: Sequence[str], role: Role, slot: int, listener: socket.socket) -> None:
        self.role: Role = role
        self.slot = slot
        self.has_served = False
        self.started_at = time.monotonic()
        self.ear, mouth = os.pipe()
        passed = [] if role == "preparing" else ["--socket", str(listener.fileno()), "--tell", str(mouth)]
        descriptors = [mouth] if role == "preparing" else [mouth, listener.fileno()]
        try:
            # A process group of its own: a terminal's Ctrl-C is for the parent to pass on.
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, *passed], stdin=subprocess.PIPE, pass_fds=descriptors, process_group=0
            )
        finally:
            os.close(mouth)

    def signal(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def hand_over(self) -> None:
        self.role = "leaving"
        self._hang_up()

    def bury(self) -> int:
        """After its death: the exit code."""
        os.close(self.ear)
        self._hang_up()
        return self.process.wait()

    def _hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


class Supervisor:
    def __init__(
        self,
        listener: socket.socket,
        count: int,
        *,
        prepare: Sequence[str],
        serve: Sequence[str],
        replace: Sequence[str],
        start_seconds: float = START_SECONDS,
    ) -> None:
        """The three commands; `serve` and `replace` are given two further arguments with file descriptors.

        `start_seconds`: how long a replacement may take until it serves.
        """
        self._listener = listener
        self._start_seconds = start_seconds
        self._count = count
        self._commands: dict[Role, Sequence[str]] = {"preparing": prepare, "serving": serve, "replacing": replace}
        self._children: set[_Child] = set()
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._has_terminal = os.isatty(0)
        self._is_stopping = False
        self._is_restart_wanted = False
        self._to_replace: list[int] = []
        self._due = [0.0] * count  # when the process of a slot may be started
        self._failures = [0] * count  # in a row, without having served
        self._has_served = False
        self._code = 0

    def run(self) -> int:
        """Until a signal ends it all. Returns the exit code."""
        waker, woken = socket.socketpair()
        with waker, woken, self._selector:
            waker.settimeout(0)
            woken.settimeout(0)
            signal.set_wakeup_fd(waker.fileno())
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda number, _: self._signals.append(number))
            self._selector.register(woken, selectors.EVENT_READ, None)
            self._go_on()
            while self._children or not self._is_stopping:
                for key, _ in self._selector.select(self._patience()):
                    if key.data is None:
                        woken.recv(4096)
                    else:
                        self._hear(key.data)
                self._heed_signals()
                self._go_on()
            signal.set_wakeup_fd(-1)
        return self._code

    # --- What happens

    def _heed_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP and not (self._has_terminal and not os.isatty(0)):  # else the terminal is gone
                log.info("SIGHUP: the processes are replaced one after the other.")
                self._is_restart_wanted = True
            elif self._is_stopping and number == signal.SIGINT:
                self._signal_all(signal.SIGINT)  # for the second time: at once
            else:
                self._stop()

    def _stop(self) -> None:
        self._is_stopping = True
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for child in self._children:
            child.signal(number)

    def _hear(self, child: _Child) -> None:
        if os.read(child.ear, 1) == SERVES:
            child.has_served = self._has_served = True
            self._failures[child.slot] = 0
            if child.role == "replacing":
                self._swap(child)
            return
        self._selector.unregister(child.ear)
        self._children.discard(child)
        self._note_end(child, child.bury())

    def _swap(self, new: _Child) -> None:
        for old in self._children:
            if old.role == "serving" and old.slot == new.slot:
                old.hand_over()
        new.role = "serving"
        if self._is_stopping:
            new.signal(signal.SIGTERM)

    def _note_end(self, child: _Child, code: int) -> None:
        if self._is_stopping or child.role == "leaving":
            return
        pid = child.process.pid
        if child.role == "preparing":
            if code == 0:
                self._to_replace = list(range(self._count))
            else:
                log.error("The new release cannot be prepared (exit code %d); the running processes stay.", code)
        elif child.role == "replacing":
            self._to_replace.clear()
            log.error("The new process %d ended with %d before it served; the running ones stay.", pid, code)
        elif child.has_served or self._has_served:
            wait = 0.0 if child.has_served else min(2.0 ** self._failures[child.slot], _LONGEST_WAIT_SECONDS)
            self._failures[child.slot] += not child.has_served
            self._due[child.slot] = time.monotonic() + wait
            log.error("The process %d ended with %d; another one is started in %.0f s.", pid, code, wait)
        else:
            log.error("The process %d could not start, so all are stopped.", pid)
            self._code = FAILED
            self._stop()

    # --- What follows from it

    def _go_on(self) -> None:
        if self._is_stopping:
            return
        now = time.monotonic()
        filled = {child.slot for child in self._children if child.role == "serving"}
        for slot in range(self._count):
            if slot not in filled and self._due[slot] <= now:
                self._start("serving", slot)
        leaving = sum(child.role == "leaving" for child in self._children)
        under_way = [child for child in self._children if child.role in {"preparing", "replacing"}]
        if any(child.role == "replacing" and now > child.started_at + self._start_seconds for child in under_way):
            log.error("The new process does not serve after %.0f s and is ended.", self._start_seconds)
            under_way[0].signal(signal.SIGKILL)
        elif under_way or leaving >= self._count:  # so that there are never more than twice as many, and one
            return
        elif self._to_replace:
            self._start("replacing", self._to_replace.pop(0))
        elif self._is_restart_wanted:
            self._is_restart_wanted = False
            self._start("preparing", 0)

    def _start(self, role: Role, slot: int) -> None:
        child = _Child(self._commands[role], role, slot, self._listener)
        self._children.add(child)
        self._selector.register(child.ear, selectors.EVENT_READ, child)

    def _patience(self) -> float | None:
        """Seconds until something is due by itself."""
        filled = {child.slot for child in self._children if child.role == "serving"}
        dues = [self._due[slot] for slot in range(self._count) if slot not in filled]
        dues += [child.started_at + self._start_seconds for child in self._children if child.role == "replacing"]
        if not dues or self._is_stopping:
            return None
        return max(0.05, min(dues) - time.monotonic())
