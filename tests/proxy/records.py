"""The usage records of one platform key, read from the journal where the proxy has written them."""

from pathlib import Path

from analytics.usage import UsageRecord, decode_line
from proxy.journal import complete_lines
from tests.servers import wait_until

_SEGMENTS = frozenset({".open", ".sealed", ".posted"})


def read_journal(folder: Path) -> list[UsageRecord]:
    """Every record of every segment, whatever state the segment is in."""
    found: dict[str, UsageRecord] = {}
    # Twice: a list of hundreds of names may lack one that is changed while it is read.
    listed = [path for _ in range(2) for path in folder.glob("*/*.*") if path.suffix in _SEGMENTS]
    for segment in {path.with_suffix(""): path for path in listed}.values():
        for line in _content(segment).splitlines():
            record = decode_line(line)
            assert found.setdefault(record.id, record) == record, "one call has two records"
    # Ids tell the millisecond only.
    return sorted(found.values(), key=lambda record: record.started_at)


def _content(segment: Path) -> bytes:
    """A segment is renamed when it is sealed and when it is posted: it may move under the reader."""
    for suffix in (segment.suffix, ".sealed", ".posted"):
        try:
            return complete_lines(segment.with_suffix(suffix).read_bytes())
        except FileNotFoundError:
            continue
    return b""  # an empty one, discarded


class Records:
    def __init__(self, folder: Path, api_key_id: int) -> None:
        self._folder = folder
        self._api_key_id = api_key_id

    def all(self) -> list[UsageRecord]:
        """In the order in which the calls came."""
        return [record for record in read_journal(self._folder) if record.api_key_id == self._api_key_id]

    def of(self, call_id: str) -> UsageRecord:
        """The call's record, which must be there now: it is written before the end of the answer goes out."""
        found = [record for record in self.all() if record.id == call_id]
        assert found, f"no record of call {call_id!r} is in the journal"
        return found[0]

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.all()) >= count, "the records are in the journal")

    def only(self) -> UsageRecord:
        """The record of the test's only call, waited for: its client did not see the answer's end."""
        wait_until(lambda: bool(self.all()), "the call's record is in the journal")
        (record,) = self.all()
        return record
