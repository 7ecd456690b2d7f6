"""Two versions of a text side by side, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "changed", "removed", "added"]
# difflib's work grows with the product of how often each line stands on either side; about a tenth of a second.
_MOST_WORK = 300_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of both columns. A number is None, and its text empty, where that side has no line here."""

    kind: Kind
    before_number: int | None
    before: str
    after_number: int | None
    after: str


def side_by_side(before: str, after: str) -> list[Row]:
    """All lines of both texts in order, aligned. Line endings are left out of the rows."""
    old, new = before.splitlines(), after.splitlines()
    rows: list[Row] = []
    for is_same, old_start, old_end, new_start, new_end in _blocks(old, new):
        for offset in range(max(old_end - old_start, new_end - new_start)):
            at_old, at_new = old_start + offset, new_start + offset
            rows.append(_row(is_same, old, at_old, old_end, new, at_new, new_end))
    return rows


def _row(is_same: bool, old: list[str], at_old: int, old_end: int, new: list[str], at_new: int, new_end: int) -> Row:
    if at_new >= new_end:
        return Row("removed", at_old + 1, old[at_old], None, "")
    if at_old >= old_end:
        return Row("added", None, "", at_new + 1, new[at_new])
    kind: Kind = "same" if is_same or old[at_old] == new[at_new] else "changed"
    return Row(kind, at_old + 1, old[at_old], at_new + 1, new[at_new])


def _blocks(old: list[str], new: list[str]) -> Iterator[tuple[bool, int, int, int, int]]:
    """(is the same, start and end before, start and end after), without gaps."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    old_end, new_end = len(old) - tail, len(new) - tail
    yield True, 0, head, 0, head
    if _work(old[head:old_end], new[head:new_end]) <= _MOST_WORK:
        matcher = SequenceMatcher(None, old[head:old_end], new[head:new_end], autojunk=False)
        for tag, *ends in matcher.get_opcodes():
            a, b, c, d = (head + end for end in ends)
            yield tag == "equal", a, b, c, d
    else:
        yield False, head, old_end, head, new_end
    yield True, old_end, len(old), new_end, len(new)


def _work(old: list[str], new: list[str]) -> int:
    counts: dict[str, int] = {}
    for line in new:
        counts[line] = counts.get(line, 0) + 1
    return sum(counts.get(line, 0) for line in old)
