"""Where the clients are installed: throwaway environments of Python, and npm's folders, each made from its lock when it
is first needed.
"""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.hermetic import ROOT, environment

NODE = ROOT / "tests" / "node"
NODE_OLD = NODE / "old"
_PYTHONS = ROOT / "var" / "clients"
_FAILED = "{what} could not be installed (it needs npm or Python's package index); `make test` runs the rest.\n{why}"


class NotInstalled(Exception):
    """What the tests of clients need is not there, and could not be brought."""


def lock_file(name: str) -> Path:
    return ROOT / "requirements" / f"clients-{name}.txt"


def python_with(name: str) -> Path:
    """The Python of the environment that holds what `requirements/clients-{name}.txt` pins."""
    return python_of(lock_file(name), _PYTHONS / name)


def python_of(lock: Path, folder: Path) -> Path:
    """The Python of the environment in that folder, which holds what the lock pins."""
    name = folder.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    with _missing(folder / "complete", lock, f"python {sys.version}\n") as notes:
        if notes:
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", "--without-pip", folder], f"The environment {name}")
            pip: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                python,
                "--disable-pip-version-check",
                "install",
            ]
            _run([*pip, "--quiet", "--no-compile", "--require-hashes", "-r", lock], f"What {lock.name} pins")
    return python


def node_folder(folder: Path = NODE) -> Path:
    """A folder whose package-lock.json is installed."""
    with _missing(folder / "node_modules" / ".complete", folder / "package-lock.json", "") as notes:
        if notes:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            _run(command, f"What {folder.relative_to(ROOT)}/package-lock.json pins", folder)
    return folder


@contextlib.contextmanager
def _missing(stamp: Path, lock: Path, more: str) -> Iterator[str]:
    """Notes to be written when the work is done, or "" where it has been. Of several processes one does it."""
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        notes = more + hashlib.sha256(held.read()).hexdigest()
        is_complete = stamp.exists() and stamp.read_text() == notes
        yield "" if is_complete else notes
        if not is_complete:
            stamp.write_text(notes)


def _run(command: Sequence[str | Path], what: str, folder: Path = ROOT) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise NotInstalled(_FAILED.format(what=what, why=done.stderr[-2000:]))
