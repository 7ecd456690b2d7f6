"""What a process that died leaves in the journal folder, and what is found there after others have adopted it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from analytics.usage import CallFacts, encode_facts
from proxy.inflight import InflightFile
from proxy.process_directory import ProcessDirectory
from tests.proxy.journal_stage import make_call_line


class LeftBehind:
    """A directory whose lock nobody holds."""

    def __init__(self, root: Path) -> None:
        directory = ProcessDirectory(root)
        self.path = directory.path
        (self.path / "left").touch()  # else releasing the empty directory would remove it
        directory.release()
        (self.path / "left").unlink()

    def add(self, suffix: str, lines: Iterable[bytes], tail: bytes = b"", name: str = "") -> Path:
        """A segment with these lines, and what else is in its file."""
        segment = self.path / f"{name or uuid4()}{suffix}"
        segment.write_bytes(b"".join(lines) + tail)
        return segment

    def add_slots(self, facts: Iterable[bytes]) -> None:
        file = InflightFile(self.path / "inflight")
        for item in facts:
            file.enter(item)
        file.close()


def make_facts(call_id: str = "") -> CallFacts:
    return CallFacts(
        v=1,
        id=call_id or uuid4().hex,
        started_at=1_770_724_800_000_000,
        organization_id=1,
        team_id=1,
        api_key_id=1,
        provider="openai",
        route="chat/completions",
    )


def make_slot(call_id: str = "") -> bytes:
    return encode_facts(make_facts(call_id))


def leave_everything(root: Path) -> tuple[Counter[bytes], set[str]]:
    """A directory with something of each kind: the lines that must survive, and the ids of the calls cut off."""
    left = LeftBehind(root)
    ids = [uuid4().hex for _ in range(5)]
    lines = [make_call_line(call_id) for call_id in ids]
    left.add(".posted", lines[:1])
    left.add(".sealed", lines[1:2])
    left.add(".sealed", lines[2:3])
    left.add(".open", lines[3:], tail=make_call_line()[:40] + bytes(5000))
    left.add(".open", [], tail=bytes(1000))
    cut_off = {uuid4().hex for _ in range(3)}
    left.add_slots(make_slot(call_id) for call_id in [ids[4], *cut_off])  # of ids[4] the slot was not cleared any more
    return Counter(lines), cut_off


def lines_in(folder: Path, suffixes: Sequence[str] = (".sealed", ".posted")) -> Counter[bytes]:
    """Every line of every segment in a process's directory."""
    contents = [path.read_bytes() for path in folder.iterdir() if path.suffix in suffixes]
    return Counter(line for content in contents for line in content.splitlines(keepends=True))
