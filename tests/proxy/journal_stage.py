"""A journal on its own, without a server: what it hands over is kept, and its spare segments come when the test says
so.
"""

import asyncio
import contextlib
import json
import resource
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from uuid import uuid4

from analytics.usage import FORMAT_VERSION, UsageRecord, encode_line
from proxy.held_writes import Turn
from proxy.journal import Journal, JournalFull, Segment, complete_lines


class JournalStage:
    """Made in a running event loop."""

    def __init__(self, folder: Path, *, syncs_always: bool = False, turn: Turn | None = None) -> None:
        self.folder = folder
        self.finished: list[Segment] = []
        self.has_finished = asyncio.Event()
        self.wanted_capacities: list[int] = []
        self._heard: list[Callable[[], object]] = []
        self.journal = Journal(
            folder,
            seal=self._finish,
            request_spare=self.wanted_capacities.append,
            on_written=self._hear,
            syncs_always=syncs_always,
            turn=turn,
        )

    def _finish(self, segment: Segment) -> None:
        self.finished.append(segment)
        self.has_finished.set()

    def _hear(self, slots: Collection[int]) -> None:
        for slot in slots:
            self._heard[slot]()

    def append(self, line: bytes, on_written: Callable[[], object]) -> None:
        """The record of a call that was admitted."""
        self._heard.append(on_written)
        self.journal.append(line, len(self._heard) - 1)

    def give_spare(self) -> Segment:
        """The spare segment that was last asked for."""
        spare = Segment(self.folder, self.wanted_capacities[-1])
        self.journal.add_spare(spare)
        return spare

    def write(self, line: bytes) -> list[bytes]:
        """Admit a call and append its record. The list holds the line once it counts as written."""
        self.journal.reserve()
        written: list[bytes] = []
        self.append(line, lambda: written.append(line))
        return written

    def only_file(self) -> Path:
        (path,) = self.folder.glob("*.open")
        return path

    def admit_all(self) -> int:
        """Admit calls until one is refused; how many were admitted."""
        for admitted in range(100_000):
            try:
                self.journal.reserve()
            except JournalFull:
                return admitted
        raise AssertionError("nobody was refused")

    def open_lines(self) -> list[bytes]:
        """The lines in open segments, as an adopter would read them."""
        contents = [complete_lines(path.read_bytes()) for path in sorted(self.folder.glob("*.open"))]
        return [line for content in contents for line in content.splitlines(keepends=True)]


def make_line(length: int = 0) -> bytes:
    """A line of its own; `length` bytes long if given."""
    line = json.dumps({"v": 1, "id": uuid4().hex, "filling": ""}).encode() + b"\n"
    return line[:-3] + b"x" * (length - len(line)) + line[-3:]


def make_call_line(call_id: str = "") -> bytes:
    """The record of a call, as the journal holds it."""
    return encode_line(
        UsageRecord(
            v=FORMAT_VERSION,
            id=call_id or uuid4().hex,
            started_at=1_770_724_800_000_000,
            organization_id=1,
            team_id=1,
            api_key_id=1,
            provider="openai",
            route="chat/completions",
            status=200,
        )
    )


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size`: what a full disk does, to this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
