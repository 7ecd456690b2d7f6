"""The parent of several processes, with children that do nothing but note what becomes of them."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.hermetic import ROOT
from tests.processes import PATIENCE_SECONDS
from tests.servers import wait_until

pytestmark = pytest.mark.trial

# Its file `release` says how a child fares: serves, dies, is silent; `prepare` how preparing ends, or that it does not.
CHILD = """
    import os, signal, sys, time
    from pathlib import Path

    folder = Path(sys.argv[1])

    def note(text):
        with (folder / "notes").open("a") as file:
            file.write(f"{os.getpid()} {text}\\n")

    def end(reason, code=0):
        note(reason)
        os._exit(code)

    if "prepare" in sys.argv:
        note("prepares")
        while (code := (folder / "prepare").read_text()) in ("", "later"):
            time.sleep(0.01)
        sys.exit(int(code))
    signal.signal(signal.SIGTERM, lambda *_: end("told to stop"))
    release = (folder / "release").read_text()
    note(release)
    if release == "dies":
        sys.exit(1)
    if release == "serves":
        os.write(int(sys.argv[sys.argv.index("--tell") + 1]), b"s")
    os.read(0, 1)
    end("handed over")
"""
# SIGUSR1 ends the patience with what does not serve, SIGUSR2 brings it back.
PARENT = """
    import logging, signal, socket, sys
    from proxy.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO)
    child = [sys.executable, "-I", "-S", sys.argv[1] + "/child.py", sys.argv[1]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        supervisor = Supervisor(listener, 2, prepare=[*child, "prepare"], serve=[*child], replace=[*child])
        signal.signal(signal.SIGUSR1, lambda *_: setattr(supervisor, "_start_seconds", 0.0))
        signal.signal(signal.SIGUSR2, lambda *_: setattr(supervisor, "_start_seconds", 120.0))
        sys.exit(supervisor.run())
"""


class Parent:
    def __init__(self, folder: Path, release: str = "serves") -> None:
        self.folder = folder
        self.release(release)
        self.prepare("0")
        (folder / "child.py").write_text(textwrap.dedent(CHILD))
        (folder / "notes").touch()
        command = [sys.executable, "-c", textwrap.dedent(PARENT), str(folder)]
        self.output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=self.output, start_new_session=True
        )

    def release(self, text: str) -> None:
        (self.folder / "release").write_text(text)

    def prepare(self, code: str) -> None:
        (self.folder / "prepare").write_text(code)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def notes(self) -> list[tuple[int, str]]:
        lines = [line.split(" ", 1) for line in (self.folder / "notes").read_text().splitlines()]
        return [(int(pid), text) for pid, text in lines]

    def those(self, text: str) -> list[int]:
        return [pid for pid, noted in self.notes() if noted == text]

    def wait_for(self, text: str, count: int) -> list[int]:
        wait_until(lambda: len(self.those(text)) >= count, f"{count} x {text}: {self.notes()}")
        return self.those(text)

    def wait_for_line(self, text: str) -> None:
        wait_until(lambda: text in (self.folder / "output").read_text(), text)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self").exists() else True


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    parent = Parent(tmp_path)
    parent.wait_for("serves", 2)
    yield parent
    if parent.process.poll() is None:
        parent.signal(signal.SIGKILL)
        parent.process.wait()
    parent.output.close()
    wait_until(lambda: not any(is_alive(pid) for pid, _ in parent.notes()), "nothing is left over")


def test_each_new_process_serves_before_an_old_one_is_told_to_go(parent: Parent) -> None:
    parent.signal(signal.SIGHUP)
    parent.wait_for("handed over", 2)
    words = [text for _, text in parent.notes()]
    assert words[:4] == ["serves", "serves", "prepares", "serves"]
    serving = [words[: end + 1].count("serves") - words[: end + 1].count("handed over") for end in range(2, len(words))]
    assert min(serving) == 2, words
    assert sorted(parent.those("handed over")) == sorted(parent.those("serves")[:2])


def test_a_restart_asked_for_during_a_restart_follows_it(parent: Parent) -> None:
    parent.prepare("later")
    for _ in range(3):
        parent.signal(signal.SIGHUP)
        parent.wait_for("prepares", 1)
    parent.prepare("0")
    parent.wait_for("handed over", 4)
    assert len(parent.those("prepares")) == 2
    parent.signal(signal.SIGTERM)
    assert parent.process.wait(PATIENCE_SECONDS) == 0
    assert sorted(parent.those("told to stop")) == sorted(parent.those("serves")[-2:])


@pytest.mark.parametrize("release", ["dies", "is silent"])
def test_a_release_that_does_not_serve_leaves_the_old_one_serving(parent: Parent, release: str) -> None:
    parent.release(release)
    parent.signal(signal.SIGHUP)
    if release == "is silent":
        parent.wait_for("is silent", 1)
        parent.signal(signal.SIGUSR1)
    parent.wait_for_line("the running ones stay")
    assert not parent.those("handed over")
    assert all(is_alive(pid) for pid in parent.those("serves"))
    parent.signal(signal.SIGUSR2)
    parent.release("serves")
    parent.signal(signal.SIGHUP)
    parent.wait_for("handed over", 2)


def test_a_release_that_cannot_be_prepared_is_not_started(parent: Parent) -> None:
    parent.prepare("1")
    parent.signal(signal.SIGHUP)
    parent.wait_for_line("cannot be prepared")
    assert len(parent.those("serves")) == 2


def test_a_process_that_dies_is_replaced_also_during_a_restart_that_waits(parent: Parent) -> None:
    parent.release("is silent")
    parent.signal(signal.SIGHUP)
    parent.wait_for("is silent", 1)
    parent.release("serves")
    os.kill(parent.those("serves")[0], signal.SIGKILL)
    parent.wait_for("serves", 3)


def test_a_stop_during_a_restart_ends_old_and_new(parent: Parent) -> None:
    parent.release("is silent")
    parent.signal(signal.SIGHUP)
    parent.wait_for("is silent", 1)
    parent.signal(signal.SIGTERM)
    assert parent.process.wait(PATIENCE_SECONDS) == 0
    assert len(parent.those("told to stop")) == 3


def test_children_of_a_killed_parent_end_in_order(parent: Parent) -> None:
    parent.signal(signal.SIGKILL)
    parent.wait_for("handed over", 2)


def test_what_cannot_start_at_all_ends_with_a_failure(tmp_path: Path) -> None:
    parent = Parent(tmp_path, "dies")
    assert parent.process.wait(PATIENCE_SECONDS) == 3
    parent.output.close()
