"""A comparison as it is shown: what changed with some lines around it, the rest folded away. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from prompts.importer import Row

_AROUND = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are all the same on both sides, or all not; or, without rows, how many lines are folded away."""

    rows: Sequence[Row] = ()
    is_same: bool = True
    folded: int = 0


def fold(rows: Sequence[Row]) -> list[Block]:
    return list(_fold(rows))


def _fold(rows: Sequence[Row]) -> Iterator[Block]:
    runs = [(is_same, list(run)) for is_same, run in groupby(rows, lambda row: row.kind == "same")]
    for number, (is_same, run) in enumerate(runs):
        if not is_same:
            yield Block(run, is_same=False)
            continue
        before = run[: _AROUND if number else 0]
        after = run[max(len(before), len(run) - (_AROUND if number + 1 < len(runs) else 0)) :]
        folded = len(run) - len(before) - len(after)
        if folded <= 1:  # a line that says so would be as long
            yield Block(run)
            continue
        yield from (
            block for block in (Block(before), Block(folded=folded), Block(after)) if block.rows or block.folded
        )
