"""What schemathesis checks of an answer, and what it cannot know: questions that are well formed and still refused."""

import json
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response, checks

AnyCase = Case[Any]

READING = r"^/api/(aggregations|requests|exports)"

# No schema tells which days are in order, few enough or near enough, nor what a cursor is good for.
_UNTOLD = {("invalid_parameter", name) for name in ("start", "end", "range", "cursor")}
# Nor that files have no pages.
_UNTOLD_OF_FILES = {("invalid_parameter", "limit")}


@schemathesis.check
def refused_for_what_a_schema_tells(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """In place of `positive_data_acceptance`: a good question is answered, unless for one of the reasons above."""
    meta: Any = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    error = json.loads(response.content)["error"]
    untold = _UNTOLD | (_UNTOLD_OF_FILES if case.query.get("format") == "csv" else set())
    assert (error["code"], error["parameter"]) in untold, f"A good question is refused: {error}"


def excluded() -> list[Any]:
    checks.load_all_checks()
    return checks.CHECKS.get_by_names(["positive_data_acceptance"])
