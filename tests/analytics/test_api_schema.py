"""Every question that the schema allows is answered as it says, and every other one refused as it says."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from analytics.api.schema import get_schema
from tests.analytics.aggregations import Issued, found
from tests.analytics.schema_checks import READING, AnyCase, excluded, refused_for_what_a_schema_tells
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_prompt, make_version

pytestmark = pytest.mark.django_db

KNOWN_CALL = "019c47f3f3c07c4e8a5b1f0e9d8c7b6a"
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
DRAWING = hypothesis_settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """The schema with values that there are, where drawn ones would only be refused: what is well formed is answered.

    Without cursors, which cannot be drawn, and with days in order.
    """
    known = {
        "organization": ["example"],
        "call_id": [KNOWN_CALL],
        "start": ["2026-02-01", "2026-02-09"],
        "end": ["2026-02-10", "2026-02-28"],
        "prompt_key": ["summarizer", "unknown", "=1+1", "no such prompt"],
    }
    document = deepcopy(document)
    for methods in document["paths"].values():
        for operation in methods.values():
            kept = [one for one in operation["parameters"] if one["name"] not in {"cursor", "range"}]
            operation["parameters"] = kept
            for one in kept:
                if one["name"] in known:
                    one["schema"] = {"type": "string", "enum": known[one["name"]]}
            for answer in operation["responses"].values():
                answer.pop("links", None)
    return document


def load(document: dict[str, Any]) -> Any:
    schema = schemathesis.openapi.from_dict(document).include(path_regex=READING)
    schema.app = get_wsgi_application()
    return schema


def operations(schema: Any) -> dict[str, Any]:
    return {found.ok().path: found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)}


SCHEMA = load(get_schema("http://127.0.0.1:8000"))
OPERATIONS = operations(SCHEMA)
NARROWED = operations(load(narrowed(get_schema("http://127.0.0.1:8000"))))


@pytest.fixture(autouse=True)
def plain_application(settings: Settings) -> Iterator[None]:
    """It never tells anybody to wait, and leaves the test's connection open, and with it the test's transaction."""
    settings.API_REQUESTS_PER_MINUTE, settings.ALLOWED_HOSTS = 0, ["localhost"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def example() -> Issued:
    issued = found(timezone="Asia/Kathmandu")
    make_version(make_prompt(issued.organization, "waiting"), number=3)
    others = (make_record(issued.key, prompt_key=key, tags=("a",)) for key in ("summarizer", "=1+1", ""))
    post(make_record(issued.key, id=KNOWN_CALL), *others)
    return issued


def call(case: AnyCase, issued: Issued) -> int:
    """The status, when all of the answer is as it should be."""
    response = case.call_and_validate(
        headers={"Authorization": f"Bearer {issued.text}"},
        additional_checks=[refused_for_what_a_schema_tells],
        excluded_checks=excluded(),
    )
    return response.status_code


def test_the_schema_is_one_of_openapi() -> None:
    SCHEMA.validate()


def boundaries(operation: Any) -> Iterator[AnyCase]:
    """Each parameter at the ends of what it may be, and just beyond; missing, twice; other methods."""
    found: Iterator[AnyCase] = operation.schema.iter_coverage_cases(
        operation,
        generation_modes=MODES,
        generation_config=operation.schema.config.generation_for(operation=operation, phase="coverage"),
    )
    return found


# The others take what `by-prompt` takes, and have it read by the same code.
OF_THEIR_OWN = [path for path in OPERATIONS if not path.endswith(("by-team", "by-key", "by-tag", "by-model", "daily"))]


@pytest.mark.slow
@pytest.mark.parametrize("path", OF_THEIR_OWN)
def test_parameters_at_their_ends_and_beyond_are_treated_as_the_schema_says(path: str, example: Issued) -> None:
    seen = {call(case, example) for case in boundaries(OPERATIONS[path])}
    assert {400, 405} <= seen or "{" in path
    assert seen <= {200, 304, 400, 401, 404, 405, 406}


@pytest.mark.parametrize("path", NARROWED)
def test_good_questions_are_answered(path: str, example: Issued) -> None:
    @DRAWING
    @given(case=NARROWED[path].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: AnyCase) -> None:
        pages_of_a_file = case.query.get("format") == "csv" and "limit" in case.query
        assert call(case, example) in ({400} if pages_of_a_file else {200, 304})

    ask()


@pytest.mark.slow
@pytest.mark.parametrize("path", NARROWED)
def test_bad_questions_are_refused(path: str, example: Issued) -> None:
    @DRAWING
    @given(case=OPERATIONS[path].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask(case: AnyCase) -> None:
        call(case, example)

    ask()
