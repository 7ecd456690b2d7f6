"""A comparison as it is shown: nothing that changed is folded away, and all lines are accounted for."""

from hypothesis import given
from hypothesis import strategies as st

from prompts.folding import fold
from prompts.importer import side_by_side

lines = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40)


def test_three_lines_around_a_change_stay_and_the_rest_is_folded() -> None:
    before = [str(number) for number in range(20)]
    after = [*before[:10], "new", *before[11:]]

    blocks = fold(side_by_side("\n".join(before), "\n".join(after)))

    shown = [(block.is_same, block.folded, [row.after for row in block.rows]) for block in blocks]
    assert shown == [
        (True, 7, []),
        (True, 0, ["7", "8", "9"]),
        (False, 0, ["new"]),
        (True, 0, ["11", "12", "13"]),
        (True, 6, []),
    ]


def test_one_line_is_not_worth_folding() -> None:
    blocks = fold(side_by_side("0\n1\n2\n3\nold\n", "0\n1\n2\n3\nnew\n"))

    assert [block.folded for block in blocks] == [0, 0]


@given(lines, lines)
def test_every_line_is_shown_or_counted(before: list[str], after: list[str]) -> None:
    rows = side_by_side("\n".join(before), "\n".join(after))
    blocks = fold(rows)

    assert sum(len(block.rows) + block.folded for block in blocks) == len(rows)
    assert [row for block in blocks for row in block.rows if row.kind != "same"] == [
        row for row in rows if row.kind != "same"
    ]
    assert all(len({row.kind == "same" for row in block.rows}) <= 1 for block in blocks)
