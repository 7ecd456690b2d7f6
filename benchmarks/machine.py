"""The machine under the benchmarks: its cores, the CPU that processes use, and the moments when it was not ours."""

import contextlib
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.hermetic import ROOT

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
GAP_SECONDS = 0.012  # from here on a late wake-up of the probe is a gap
STRANGERS_SHARE = 0.15  # of a core in a window that others may use before its figures are not ours


def cores() -> tuple[int, int]:
    """The load's core and the targets'. Raises `SystemExit` with one core, and on other systems than Linux."""
    if not hasattr(os, "sched_getaffinity"):
        raise SystemExit("Linux is needed: processes are pinned to cores, and their CPU is read from /proc.")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("Two cores are needed: one for the load, one for what is measured.")
    return allowed[0], allowed[-1]


@contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """What starts in here runs on that core, with all of its threads and children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# --- CPU of processes -------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """Used so far by all threads of a process and of its descendants, those that ended included."""
    return sum(_of_process(member) for member in family(pid))


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for item in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            children.setdefault(int(_fields(int(item.name))[1]), []).append(int(item.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _of_process(pid: int) -> float:
    """In steps of 10 ms, as the kernel counts it. Threads that have ended are in the process's own figure, and children
    that have ended in its children's.
    """
    try:
        return sum(int(field) for field in _fields(pid)[11:15]) / CLOCK_TICKS
    except OSError:
        return 0.0


@dataclass(frozen=True)
class CoreTimes:
    """Seconds of one core since the machine started."""

    busy: float  # with processes; interrupts, which on loopback are those of our own calls, are left out
    stolen: float  # by the hypervisor, for other machines


def core_times(core: int) -> CoreTimes:
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, _, _, steal = (int(tick) / CLOCK_TICKS for tick in ticks[:8])
            return CoreTimes(user + nice + system, steal)
    raise ValueError(f"no core {core}")


def strangers_share(before: CoreTimes, after: CoreTimes, own_seconds: float, elapsed: float) -> float:
    """How much of a core's time in a window others used, or the hypervisor took."""
    strangers = after.busy - before.busy - own_seconds + after.stolen - before.stolen
    return max(strangers, 0.0) / elapsed


# --- Gaps -------------------------------------------------------------------------------------------------------------


def watch_for_gaps(core: int) -> None:
    """The probe's own process: write the moment and the length of each gap, in seconds, until the input ends.

    It asks to be woken every 2 ms, before everybody else if it may. A loop that never slept would see more, and take
    the core from what is measured.
    """
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    parent = os.getppid()
    last = time.monotonic()
    while os.getppid() == parent:
        time.sleep(0.002)
        now = time.monotonic()
        if now - last > GAP_SECONDS:
            print(f"{last} {now - last}", flush=True)
        last = now


class GapProbe:
    """One probe on each core, and the gaps that they have seen."""

    def __init__(self, on: Iterable[int]) -> None:
        self._files = []
        self._processes = []
        for core in on:
            line = [sys.executable, "-m", "benchmarks.machine", str(core)]
            process = subprocess.Popen(line, stdout=subprocess.PIPE, cwd=ROOT)
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            self._processes.append(process)
            self._files.append(process.stdout.fileno())
        self.gaps: list[tuple[float, float]] = []

    def seen(self, start: float, end: float) -> list[float]:
        """The lengths of the gaps that touched this span of the monotonic clock."""
        for file in self._files:
            with contextlib.suppress(BlockingIOError):
                for line in os.read(file, 1 << 20).decode().splitlines():
                    moment, length = line.split()
                    self.gaps.append((float(moment), float(length)))
        return [length for moment, length in self.gaps if moment < end and moment + length > start]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


# --- What to say of it ------------------------------------------------------------------------------------------------


def description() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else platform.machine()
    kernel = ".".join(platform.release().split(".")[:2])
    return f"Linux {kernel}, {os.cpu_count()} cores of {name}, Python {platform.python_version()}"


if __name__ == "__main__":
    watch_for_gaps(int(sys.argv[1]))
