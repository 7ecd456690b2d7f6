"""docs/api.md names what the API really answers."""

import re
from pathlib import Path

import pytest

from tests.analytics.aggregations import ENDPOINTS, ask, found
from tests.analytics.rollup_rows import FEBRUARY, spend

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_field_is_documented(endpoint: str) -> None:
    example = found()
    spend(example.key, "1", prompt_key="summarizer", version=1)
    named = set(re.findall(r"[`\"]([a-z0-9_]+)[`\"]", PAGE.read_text()))

    body = ask(endpoint, example.text, **FEBRUARY)

    rows = [row for value in body.values() if isinstance(value, list) for row in value]
    assert len(rows) == (endpoint != "monthly")
    assert {name for part in (body, *rows) for name in part} <= named
