"""Taking over the journal directories of processes that are gone: their segments, and the calls that a crash cut off.

Every step may be interrupted: what it leaves is what another adoption starts from.
"""

import fcntl
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from analytics.usage import decode_facts, encode_line, interrupted
from proxy.failpoints import reach
from proxy.inflight import read_slots
from proxy.journal import OPEN, POSTED, SEALED, complete_lines
from proxy.process_directory import sync_directory
from proxy.sealer import seal_file, write_sealed

log = logging.getLogger(__name__)

_INTERRUPTED = uuid.UUID("6f0c3c1e-3b0a-4d53-9d1e-0b7b6c9d3f11")


def adopt_all(root: Path, own: Path) -> None:
    """Move the segments of every directory under `root` whose process is gone into `own`."""
    for directory in root.iterdir():
        if directory.name.startswith(".") or directory == own or not directory.is_dir():
            continue  # a hidden one is being made
        try:
            with hold_lock(directory) as is_ours:
                if is_ours:
                    _adopt(directory, own)
        except OSError as error:
            log.warning("journal: cannot adopt %s: %s", directory, error)


@contextmanager
def hold_lock(directory: Path) -> Iterator[bool]:
    """Hold a process's lock in its place; False when the process lives, or when nothing is left of it."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.fstat(lock).st_nlink > 0  # else another one has adopted it meanwhile
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(lock)


def _adopt(directory: Path, own: Path) -> None:
    for segment in directory.glob(f"*{OPEN}"):
        _seal_left_behind(segment)
    reach("adoption.sealed")
    _record_interrupted_calls(directory)
    for segment in [*directory.glob(f"*{SEALED}"), *directory.glob(f"*{POSTED}")]:
        segment.rename(own / segment.name)
        reach("adoption.moved")
    sync_directory(own)
    shutil.rmtree(directory)


def _seal_left_behind(path: Path) -> None:
    with path.open("r+b") as file:
        content = complete_lines(file.read())
        file.truncate(len(content))
        os.fsync(file.fileno())
    if content:
        seal_file(path)
    else:
        path.unlink()


def _record_interrupted_calls(directory: Path) -> None:
    """Write the calls that a crash cut off as a segment of their own, named after the directory so that doing it
    twice is one.

    Must run before the directory's segments move away: a call whose record is in one of them is not interrupted.
    """
    inflight = directory / "inflight"
    recorded = {
        call_id
        for suffix in (SEALED, POSTED)
        for segment in directory.glob(f"*{suffix}")
        for call_id in _call_ids(segment)
    }
    lines = []
    for slot in read_slots(inflight):
        try:
            facts = decode_facts(slot)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.error("journal: an in-flight slot of %s cannot be read", directory)
            continue
        if facts.id not in recorded:
            lines.append(encode_line(interrupted(facts)))
    if lines:
        log.warning("journal: %d calls of a process that died are recorded as interrupted", len(lines))
        write_sealed(directory / f"{uuid.uuid5(_INTERRUPTED, directory.name)}{SEALED}", b"".join(lines))
        reach("adoption.interrupted")
    inflight.unlink(missing_ok=True)


class _Identified(msgspec.Struct):
    """All that is read of a line here, so that one of a newer release counts too."""

    id: str


def _call_ids(segment: Path) -> set[str]:
    ids = set()
    for line in segment.read_bytes().splitlines():
        try:
            ids.add(msgspec.json.decode(line, type=_Identified).id)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.error("journal: a line of segment %s cannot be read", segment)
    return ids
