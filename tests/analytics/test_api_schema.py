"""Every question that the schema allows is answered as it says, and every other one refused as it says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, seed
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

SCHEMA = schemathesis.openapi.from_dict(get_schema("http://127.0.0.1:8000")).include(path_regex=READING)
SCHEMA.app = get_wsgi_application()
OPERATIONS = {found.ok().path: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.fixture(autouse=True)
def plain_application(settings: Settings) -> Iterator[None]:
    """It never tells anybody to wait, and leaves the test's connection open, and with it the test's transaction."""
    settings.API_REQUESTS_PER_MINUTE = 0
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def example() -> Issued:
    issued = found(timezone="Asia/Kathmandu")
    make_version(make_prompt(issued.organization, "waiting"), number=3)
    post(*(make_record(issued.key, prompt_key=key, tags=("a",)) for key in ("summarizer", "=1+1", "")))
    return issued


def call(case: AnyCase, issued: Issued) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {issued.text}"},
        additional_checks=[refused_for_what_a_schema_tells],
        excluded_checks=excluded(),
    )


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


@pytest.mark.parametrize("path", OPERATIONS)
def test_parameters_at_their_ends_and_beyond_are_treated_as_the_schema_says(path: str, example: Issued) -> None:
    count = 0
    for case in boundaries(OPERATIONS[path]):
        call(case, example)
        count += 1
    assert count > 20


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("path", OPERATIONS)
def test_drawn_questions_are_treated_as_the_schema_says(path: str, mode: GenerationMode, example: Issued) -> None:
    @seed(20260210)
    @hypothesis_settings(
        max_examples=10,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[path].as_strategy(generation_mode=mode))
    def ask(case: AnyCase) -> None:
        call(case, example)

    ask()
