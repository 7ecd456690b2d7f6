"""What a disk holds after the power was lost: what was synced, and of the rest whatever chance has it."""

import json
import random
import shutil
from pathlib import Path

POWER = Path(__file__).parent / "power"


def settings(journal: Path, synced: Path) -> dict[str, str]:
    """For the processes that lose it."""
    synced.mkdir(exist_ok=True)
    return {
        "PYTHONPATH": str(POWER),
        "SYNCED_FROM": str(journal),
        "SYNCED_TO": str(synced),
        "JOURNAL_SYNC": "always",
    }


def lose_power(journal: Path, synced: Path, chance: random.Random) -> None:
    """Make the journal what is left of it. Its processes are dead."""
    left = journal.with_name("left")
    left.mkdir(mode=0o700)
    for name, inode in _names_in(journal, synced, chance).items():
        old = _directory_of(journal, inode)
        if old is None:
            continue  # removed, and the removal was not synced: nothing that counts was in it
        (left / name).mkdir(mode=0o700)
        present = {item.stat().st_ino: item for item in old.iterdir()}
        for file, number in _names_in(old, synced, chance).items():
            (left / name / file).write_bytes(_content_of(present.get(number), number, synced, chance))
    shutil.rmtree(journal)
    left.rename(journal)


def _names_in(directory: Path, synced: Path, chance: random.Random) -> dict[str, int]:
    """The synced ones, or the present ones: a disk may have written more than it was told to."""
    present = {item.name: item.stat().st_ino for item in directory.iterdir()}
    try:
        kept: dict[str, int] = json.loads((synced / f"{directory.stat().st_ino}.names").read_bytes())
    except FileNotFoundError:
        kept = {}
    return present if chance.random() < 0.3 else kept


def _directory_of(journal: Path, inode: int) -> Path | None:
    return next((item for item in journal.iterdir() if item.is_dir() and item.stat().st_ino == inode), None)


def _content_of(file: Path | None, inode: int, synced: Path, chance: random.Random) -> bytes:
    """What was synced, then some of what was not, or NUL bytes in its place, or a shorter file.

    `file` is None when it was removed.
    """
    try:
        kept = (synced / str(inode)).read_bytes()
    except FileNotFoundError:
        kept = b""
    linked = synced / f"{inode}.file"
    place = file or (linked if linked.exists() else None)
    if not kept and place and place.stat().st_mtime < (synced / "since").stat().st_mtime:
        return place.read_bytes()  # written by those who kept no account of it
    now = place.read_bytes() if place else b""
    end = len(kept.rstrip(b"\0"))
    more = now[end:]
    cut = chance.randrange(len(more.rstrip(b"\0")) + 1) if more.rstrip(b"\0") else 0
    match chance.randrange(3):
        case 0:
            return kept[:end]  # shorter than it was
        case 1:
            return kept[:end] + bytes(len(more))
        case _:
            return kept[:end] + more[:cut] + bytes(len(more) - cut)
