"""The pasted text: its lines, its habits (line ends, indentation, quotes), and the edits made to it."""

import re
from bisect import bisect_right
from collections import Counter
from itertools import pairwise

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = re.compile(r"[ \t\f]*")
_INDENTATION = re.compile(r"^([ \t]+)\S", re.MULTILINE)
# Lines are not made longer than the longest one of the code, within these bounds.
_LEAST_WIDTH, _MOST_WIDTH = 88, 120


class Source:
    """Positions are indexes into `text`; lines and columns count from 1."""

    def __init__(self, text: str, default_unit: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        ends = Counter(_LINE_END.findall(text))
        self.newline = ends.most_common(1)[0][0] if ends else "\n"
        self.unit = _indentation_unit(text, default_unit)
        lengths = (after - before - 1 for before, after in pairwise(self._starts))
        self.width = max(_LEAST_WIDTH, max((length for length in lengths if length <= _MOST_WIDTH), default=0))

    def line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    def column(self, at: int) -> int:
        return at - self._starts[self.line(at) - 1] + 1

    def line_start(self, at: int) -> int:
        return self._starts[self.line(at) - 1]

    def line_end(self, at: int) -> int:
        """Where the line ends, without its line ending."""
        line = self.line(at)
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        while end > self._starts[line - 1] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def next_line(self, at: int) -> int:
        """Where the next line begins, or the end of the text."""
        line = self.line(at)
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def indentation(self, at: int) -> str:
        """The white space that the line begins with."""
        match = _BLANKS.match(self.text, self.line_start(at))
        assert match
        return match[0]

    def opens_line(self, at: int) -> bool:
        """Whether only white space stands before this in its line."""
        match = _BLANKS.match(self.text, self.line_start(at))
        assert match
        return match.end() >= at


def _indentation_unit(text: str, default: str) -> str:
    """A tab, or the smallest difference of depth that lines show."""
    found = _INDENTATION.findall(text)
    if not found:
        return default
    if sum(one.startswith("\t") for one in found) * 2 > len(found):
        return "\t"
    depths = sorted({len(one) for one in found if one[0] == " "} | {0})
    steps = {deeper - depth for depth, deeper in pairwise(depths)} & {2, 3, 4, 8}
    return " " * min(steps, default=len(default))


class Overlap(Exception):
    """Two edits want the same characters: a defect here, never to be seen by people."""


class Edits:
    """What is to be put where. Insertions at one place keep the order in which they were made."""

    def __init__(self) -> None:
        self._made: list[tuple[int, int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._made)

    def replace(self, start: int, end: int, text: str) -> None:
        self._made.append((start, end, text))

    def insert(self, at: int, text: str) -> None:
        self.replace(at, at, text)

    def apply(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for start, end, new in sorted(self._made, key=lambda edit: edit[:2]):
            if start < done:
                raise Overlap
            parts += (text[done:start], new)
            done = end
        return "".join((*parts, text[done:]))
