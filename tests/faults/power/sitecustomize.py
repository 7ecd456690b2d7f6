"""Runs at the start of a process that has this folder in PYTHONPATH: keeps what it fsyncs, as a disk would.

`SYNCED_FROM` is the journal, `SYNCED_TO` the place for what is on the disk: the content of a file when it was last
synced (`<inode>`, beside `<inode>.file`, a link that keeps the number from being given away) and the names in a
directory when that was synced (`<inode>.names`); `since` is as old as the first such process. `tests.faults.disk`
reads it.
"""

import contextlib
import json
import os
from pathlib import Path

_FROM, _TO = Path(os.environ["SYNCED_FROM"]), Path(os.environ["SYNCED_TO"])
_really = os.fsync
with contextlib.suppress(FileExistsError):
    (_TO / "since").touch(exist_ok=False)


def _keep(place: Path, content: bytes) -> None:
    unready = place.with_name(f"{place.name}.{os.getpid()}")
    unready.write_bytes(content)
    unready.replace(place)


def _link(path: Path, inode: int) -> None:
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(path, _TO / f"{inode}.file")


def fsync(file: int) -> None:
    _really(file)
    path = Path(f"/proc/self/fd/{file}").readlink()
    if not path.is_relative_to(_FROM):
        return
    inode = os.fstat(file).st_ino
    if path.is_dir():
        names = {}
        for entry in os.scandir(path):
            with contextlib.suppress(FileNotFoundError):
                names[entry.name] = entry.inode()
                if entry.is_file():
                    _link(path / entry.name, entry.inode())
        _keep(_TO / f"{inode}.names", json.dumps(names).encode())
        return
    _link(path, inode)
    with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
        _keep(_TO / str(inode), (_TO / f"{inode}.file").read_bytes())


os.fsync = fsync  # type: ignore[assignment]  # nobody here passes objects
