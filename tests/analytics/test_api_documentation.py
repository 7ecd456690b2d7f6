"""The OpenAPI schema says what the API takes and answers: every parameter, every field, and no other."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from jsonschema import Draft202012Validator

from analytics.api.schema import get_schema
from tests.analytics.aggregations import Issued, found
from tests.analytics.requests_seen import body_of
from tests.analytics.usage_lines import NOON, make_record, post
from tests.documentation.pages import DOCS, rows

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FEBRUARY = {"start": "2026-02-01", "end": "2026-02-28"}
SCHEMA = get_schema("https://costs.example.com")
READ = {path: methods["get"] for path, methods in SCHEMA["paths"].items() if "get" in methods}
_VISITOR = Client()


def answer_of(path: str, status: str = "200") -> Any:
    """The schema of an endpoint's answer, None for one that answers no JSON."""
    content = READ[path]["responses"][status]["content"]
    return content.get("application/json", {}).get("schema")


AS_JSON = [path for path in READ if answer_of(path)]


def complaints(schema: Any, value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": SCHEMA["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def fields_of(schema: Any) -> dict[str, Any]:
    """Name -> schema of everything that an object may hold."""
    if "$ref" in schema:
        return fields_of(SCHEMA["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= fields_of(part)
    return found


def unnamed(schema: Any, value: Any) -> set[str]:
    """Fields of an answer that its schema does not name."""
    if isinstance(value, list):
        return set().union(*(unnamed(schema["items"], one) for one in value))
    if not isinstance(value, dict):
        return set()
    known = fields_of(schema)
    return (value.keys() - known.keys()).union(*(unnamed(known[name], value[name]) for name in value.keys() & known))


def parameters_of(path: str, place: str = "query") -> set[str]:
    return {one["name"] for one in READ[path]["parameters"] if one["in"] == place}


@pytest.fixture
def example() -> Issued:
    issued = found(timezone="Asia/Kathmandu")
    last = make_record(issued.key, prompt_key="summarizer", version=2, tags=("a", "b"), streamed=True)
    post(last, make_record(issued.key, model="", model_requested="", error_code="", at=NOON - timedelta(1)))
    return issued


def ask(path: str, text: str, parameters: dict[str, str]) -> tuple[int, Any]:
    if "prompt_key" in parameters_of(path):
        parameters = {"prompt_key": "summarizer"} | parameters
    if "{call_id}" in path:
        listed = ask("/api/requests", text, FEBRUARY)[1]["requests"]
        path = path.replace("{call_id}", listed[0]["id"])
        parameters = {name: value for name, value in parameters.items() if name not in FEBRUARY}
    path = path.replace("{table}", "prompts")
    answer = _VISITOR.get(path, parameters, headers={"Authorization": f"Bearer {text}"})
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status_code, json.loads(answer.content) if is_json else body_of(answer).decode()


@pytest.mark.parametrize("path", AS_JSON)
def test_an_answer_is_what_the_schema_says_and_has_no_other_field(path: str, example: Issued) -> None:
    status, body = ask(path, example.text, FEBRUARY)

    assert status == 200
    assert complaints(answer_of(path), body) == []
    assert unnamed(answer_of(path), body) == set()
    lists = [value for value in body.values() if isinstance(value, list)]
    assert all(lists)
    assert lists or path.endswith("/monthly")


def test_a_field_that_the_schema_does_not_name_would_be_seen(example: Issued) -> None:
    path = "/api/aggregations/by-prompt"
    _, body = ask(path, example.text, FEBRUARY)
    body["prompts"][0]["colour"] = "red"
    del body["prompts"][1]["input_tokens"]

    assert unnamed(answer_of(path), body) == {"colour"}
    assert any("input_tokens" in complaint for complaint in complaints(answer_of(path), body))


@pytest.mark.parametrize("path", READ)
def test_every_parameter_is_in_the_schema_and_no_other_is_taken(path: str, example: Issued) -> None:
    status, body = ask(path, example.text, {"no-such-parameter": "x"})

    assert status == 400
    assert complaints(answer_of(path, "400"), body) == []
    assert body["error"]["code"] == "unknown_parameter"
    _, _, taken = body["error"]["message"].partition("There are: ")
    assert set(re.findall(r"\w+", taken)) - {"There", "are"} == parameters_of(path)


@pytest.mark.parametrize("path", READ)
def test_the_examples_fit_the_schema_and_leave_no_field_out(path: str) -> None:
    shown = 0
    for answer in READ[path]["responses"].values():
        as_json = answer.get("content", {}).get("application/json", {})
        for example in as_json.get("examples", {}).values():
            assert complaints(as_json["schema"], example["value"]) == []
            assert unnamed(as_json["schema"], example["value"]) == set()
            shown += 1
    assert shown == len([status for status in READ[path]["responses"] if status not in {"200", "304"}]) + (
        path in AS_JSON
    )


@pytest.mark.parametrize("path", [path for path in AS_JSON if "/aggregations/" in path])
def test_the_rows_of_an_example_add_up(path: str) -> None:
    (example,) = READ[path]["responses"]["200"]["content"]["application/json"]["examples"].values()
    shown = example["value"]
    for listed in [value for value in shown.values() if isinstance(value, list)]:
        for name in ("total_cost", "request_count", "priced_count"):
            assert (round(sum(row[name] for row in listed), 9) == shown[name]) is not shown.get("overlap", False)


@pytest.mark.parametrize("path", READ)
def test_the_example_of_a_file_begins_with_its_columns(path: str, example: Issued) -> None:
    content = READ[path]["responses"]["200"]["content"]["text/csv"]
    (shown,) = content["examples"].values()
    written = ask(path, example.text, {**FEBRUARY, "format": "csv"})[1]
    assert shown["value"].splitlines()[0] == written.splitlines()[0]


def test_the_schema_is_served_to_everybody_and_its_addresses_exist(client: Client) -> None:
    served = client.get("/api/schema/").json()

    assert served["openapi"].startswith("3.1")
    assert set(served["paths"]) == set(SCHEMA["paths"])
    for path in READ:
        resolve(path.replace("{call_id}", "0" * 32).replace("{table}", "days"))  # raises for what is not there
    names = {scheme for operation in READ.values() for one in operation["security"] for scheme in one}
    assert names <= set(served["components"]["securitySchemes"])


def test_every_reference_inside_the_schema_leads_somewhere() -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(SCHEMA)))

    assert named == set(SCHEMA["components"]["schemas"])


def test_the_page_about_the_api_lists_the_same_endpoints() -> None:
    listed = {cell.strip("`").removeprefix("GET ") for cell, _ in rows(DOCS / "api.md", "# REST API")}

    assert listed == {path.replace("{call_id}", "{id}") for path in READ}
