"""Two versions of a text side by side, line by line, in a time that grows little faster than the texts."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "changed", "removed", "added"]
# Pairs of lines that difflib may be asked to compare at once: in the worst case it takes their number to the 1.5.
_MOST_PAIRS = 2_500
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of both columns. A number is None, and its text empty, where that side has no line here."""

    kind: Kind
    before_number: int | None
    before: str
    after_number: int | None
    after: str


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines from a start up to an end, on both sides."""

    old: range
    new: range


def side_by_side(before: str, after: str) -> list[Row]:
    """All lines of both texts in order, aligned. Line endings are left out of the rows."""
    old, new = _lines(before), _lines(after)
    return [row for block in _blocks(old, new) for row in _rows(block, old, new)]


def _lines(text: str) -> list[str]:
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def _rows(block: _Block, old: list[str], new: list[str]) -> Iterator[Row]:
    for offset in range(max(len(block.old), len(block.new))):
        at_old, at_new = block.old.start + offset, block.new.start + offset
        if offset >= len(block.new):
            yield Row("removed", at_old + 1, old[at_old], None, "")
        elif offset >= len(block.old):
            yield Row("added", None, "", at_new + 1, new[at_new])
        else:
            kind: Kind = "same" if old[at_old] == new[at_new] else "changed"
            yield Row(kind, at_old + 1, old[at_old], at_new + 1, new[at_new])


def _blocks(old: list[str], new: list[str]) -> Iterator[_Block]:
    """Lines that stand once on either side hold both together (Cohen, "patience diff"); difflib looks between them."""
    at_old = at_new = 0
    for anchor_old, anchor_new in [*_anchors(old, new), (len(old), len(new))]:
        yield from _between(old, range(at_old, anchor_old), new, range(at_new, anchor_new))
        at_old, at_new = anchor_old, anchor_new


def _between(old: list[str], in_old: range, new: list[str], in_new: range) -> Iterator[_Block]:
    """Blocks of two stretches without anchors; an anchor stands first in both."""
    shorter = min(len(in_old), len(in_new))
    head = next((at for at in range(shorter) if old[in_old[at]] != new[in_new[at]]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[in_old[-1 - at]] != new[in_new[-1 - at]]), rest)
    middle_old, middle_new = in_old[head : len(in_old) - tail], in_new[head : len(in_new) - tail]
    yield _Block(in_old[:head], in_new[:head])
    if len(middle_old) * len(middle_new) > _MOST_PAIRS:
        yield _Block(middle_old, middle_new)
    else:
        a, b = [old[at] for at in middle_old], [new[at] for at in middle_new]
        for _, a_start, a_end, b_start, b_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
            yield _Block(middle_old[a_start:a_end], middle_new[b_start:b_end])
    yield _Block(in_old[len(in_old) - tail :], in_new[len(in_new) - tail :])


def _anchors(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """The most lines, each of them once on either side, that stand in the same order on both."""
    count_old, count_new = Counter(old), Counter(new)
    place = {line: at for at, line in enumerate(new) if count_new[line] == 1}
    pairs = [(at, place[line]) for at, line in enumerate(old) if count_old[line] == 1 and line in place]
    return _longest_rising(pairs)


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs whose second member rises, too (patience sorting)."""
    tops: list[int] = []  # the second member on each pile
    piles: list[int] = []  # which pair that is
    before: list[int] = []  # for each pair, the one under it, or -1
    for at, (_, second) in enumerate(pairs):
        pile = bisect_left(tops, second)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(second)
            piles.append(at)
        else:
            tops[pile], piles[pile] = second, at
    run: list[tuple[int, int]] = []
    at = piles[-1] if piles else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]
