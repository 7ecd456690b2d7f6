"""Questions to the aggregation REST API, and the organizations that ask them."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

from django.http import HttpResponse
from django.test import Client

from orgs.models import ApiKey, Organization, Team
from tests.factories import make_key, make_organization, make_team

# The list in the answer of each endpoint that has one.
LISTS = {
    "by-prompt": "prompts",
    "by-team": "teams",
    "by-key": "keys",
    "by-tag": "tags",
    "by-model": "models",
    "daily": "days",
    "version-comparison": "versions",
}
ENDPOINTS = ("monthly", *LISTS)

_VISITOR = Client()  # without a session; one for all, since each loads the middleware anew


class Issued(NamedTuple):
    """An organization with one team and its key; `text` is what a caller sends."""

    organization: Organization
    team: Team
    key: ApiKey
    text: str


def found(name: str = "Example", timezone: str = "UTC", team: str = "backend") -> Issued:
    return issue(make_team(make_organization(name, timezone=timezone), team))


def issue(team: Team) -> Issued:
    key, text = make_key(team)
    return Issued(team.organization, team, key, text)


def send(
    endpoint: str,
    key: str = "",
    parameters: Mapping[str, str] | str = "",
    *,
    client: Client | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A request as it is, to an aggregation or a path. `version-comparison` gets a prompt key if a mapping has none."""
    if isinstance(parameters, Mapping) and endpoint == "version-comparison":
        parameters = {"prompt_key": "summarizer"} | dict(parameters)
    sender = client or _VISITOR
    credentials = {"Authorization": f"Bearer {key}"} if key else {}
    response = sender.generic(
        method,
        endpoint if endpoint.startswith("/") else f"/api/aggregations/{endpoint}",
        headers=credentials | dict(headers or {}),
        **{"query_params": parameters} if isinstance(parameters, Mapping) else {"QUERY_STRING": parameters},
    )
    return cast(HttpResponse, response)


def read(response: HttpResponse) -> dict[str, Any]:
    """The JSON of an answer, its numbers as they are written. Money would not survive being a string or a float."""
    assert response.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
    return body


def ask(endpoint: str, key: str, **parameters: str) -> dict[str, Any]:
    """The answer to a question that is answered."""
    response = send(endpoint, key, parameters)
    assert response.status_code == 200, response.content
    return read(response)


def refusal(response: HttpResponse) -> tuple[int, str, str | None]:
    """Status, code and parameter of a question that is refused."""
    error = read(response)["error"]
    assert set(error) == {"code", "parameter", "message"}
    assert error["message"]
    return response.status_code, error["code"], error["parameter"]
