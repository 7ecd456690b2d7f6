"""The directory of one proxy process: its own for as long as it lives, and for whoever adopts it afterwards."""

import fcntl
import os
import shutil
import uuid
from pathlib import Path


class ProcessDirectory:
    """A directory that belongs to this process for as long as its lock is held."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = uuid.uuid4().hex
        hidden = root / f".{name}"
        hidden.mkdir(mode=0o700)
        self.path = root / name
        self._lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(self.path)  # only now can others see it, and it is locked
        sync_directory(root)

    def release(self) -> None:
        """Give the directory up. It goes away when nothing is left in it; else the next process adopts it."""
        left = {item.name for item in self.path.iterdir()}
        if left <= {"lock"}:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
