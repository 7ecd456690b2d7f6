"""The cases: each is rewritten as its file says, a second time changes nothing, and its language is told."""

import ast
from collections import Counter

import pytest

from prompts.importer import rewrite
from prompts.importer.syntax import parse
from tests.prompts.importer.cases_of_rewriting import CASES, TARGET, Case, said


def name(case: Case) -> str:
    return f"{case.language}-{case.name}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_code_is_rewritten_as_the_case_says(case: Case) -> None:
    result = rewrite(case.before, case.language, TARGET)

    assert result.refusal is None
    assert result.code == case.after
    assert said(result) == case.said


@pytest.mark.parametrize("case", CASES, ids=name)
def test_rewritten_code_is_left_as_it_is(case: Case) -> None:
    again = rewrite(case.after, case.language, TARGET)

    assert again.code == case.after
    assert again.changes == ()


@pytest.mark.parametrize("case", CASES, ids=name)
def test_rewritten_code_is_read_without_errors(case: Case) -> None:
    if case.language == "python":
        ast.parse(case.after)
    else:
        grammar = "tsx" if case.language == "typescript" else case.language
        assert parse(case.after, grammar).root.children


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_language_is_told_from_the_code(case: Case) -> None:
    assert rewrite(case.before, None, TARGET).language == case.language


@pytest.mark.parametrize("case", CASES, ids=name)
def test_windows_line_ends_are_kept(case: Case) -> None:
    result = rewrite(case.before.replace("\n", "\r\n"), case.language, TARGET)

    assert result.code == case.after.replace("\n", "\r\n")
    assert said(result) == case.said


def test_there_are_cases_enough() -> None:
    counts = Counter(case.language for case in CASES)

    assert sum(counts.values()) >= 60
    assert min(counts.values()) >= 5
