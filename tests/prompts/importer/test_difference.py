"""Two texts side by side: nothing is lost on either side, and what is the same stands in one row."""

from hypothesis import given
from hypothesis import strategies as st

from prompts.importer import Row, side_by_side

lines = st.lists(st.sampled_from(["", "a", "b", "client = OpenAI()", "    indented", "é😀"]), max_size=25)


def text(rows: list[Row], side: str) -> list[str]:
    return [getattr(row, side) for row in rows if getattr(row, f"{side}_number") is not None]


@given(lines, lines)
def test_both_texts_can_be_read_off_the_rows(before: list[str], after: list[str]) -> None:
    rows = side_by_side("".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after))

    assert (text(rows, "before"), text(rows, "after")) == (before, after)
    assert [row.before_number for row in rows if row.before_number] == list(range(1, len(before) + 1))
    assert [row.after_number for row in rows if row.after_number] == list(range(1, len(after) + 1))
    assert all(
        (row.kind == "same") == (row.before == row.after) for row in rows if row.before_number and row.after_number
    )


def test_what_is_new_stands_beside_nothing() -> None:
    rows = side_by_side("a\nclient = OpenAI()\nb\n", "import os\na\r\nclient = OpenAI(\n    timeout=1,\n)\nb")

    assert [(row.kind, row.before, row.after) for row in rows] == [
        ("added", "", "import os"),
        ("same", "a", "a"),
        ("changed", "client = OpenAI()", "client = OpenAI("),
        ("added", "", "    timeout=1,"),
        ("added", "", ")"),
        ("same", "b", "b"),
    ]


def test_the_same_text_twice_differs_in_nothing() -> None:
    assert {row.kind for row in side_by_side("a\n\nb\n", "a\n\nb\n")} == {"same"}
    assert side_by_side("", "") == []
    assert [row.kind for row in side_by_side("a\nb\n", "a\n")] == ["same", "removed"]


def test_long_texts_of_few_different_lines_are_set_side_by_side() -> None:
    """difflib alone would take minutes for these."""
    before = "x\n" * 30_000
    after = "".join("y\n" if at % 3 else "x\n" for at in range(60_000))
    numbered = "".join(f"{at}\n" for at in range(20_000))

    assert len(side_by_side(before, after)) == 60_000
    assert sum(row.kind == "changed" for row in side_by_side(numbered, numbered.replace("7\n", "7!\n"))) == 2_000
