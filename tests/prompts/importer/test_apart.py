"""The code import in a process of its own: the same results, and an end to code that keeps a parser busy."""

import pytest

from prompts.importer import MOST_CHARACTERS, rewrite
from prompts.importer.apart import rewrite_apart
from tests.prompts.importer.cases_of_rewriting import CASES, TARGET

# The grammar tries ever more ways to make sense of this; whole it takes minutes.
WINDING = ":-" * 4_000


def test_the_result_is_the_same() -> None:
    case = next(case for case in CASES if case.name == "other-hosts")

    assert rewrite_apart(case.before, None, TARGET) == rewrite(case.before, None, TARGET)
    assert rewrite_apart("f(\n", "python", TARGET) == rewrite("f(\n", "python", TARGET)


def test_code_that_takes_too_long_is_refused() -> None:
    result = rewrite_apart(WINDING, "python", TARGET, seconds=1)

    assert result.refusal is not None
    assert "more time or memory" in result.refusal.text
    assert result.code == WINDING


def test_code_longer_than_the_limit_starts_no_process() -> None:
    with pytest.raises(ValueError, match="200,000"):
        rewrite_apart("#" * (MOST_CHARACTERS + 1), "python", TARGET)
