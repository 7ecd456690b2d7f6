"""The aggregations of the REST API (docs/api.md): read the question off a request, ask `reports`, write the answer.

The names of the documented fields are a contract and never change; further fields stand behind them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import periods, reports
from analytics.api import questions
from analytics.api.questions import PRIVATE, READING
from analytics.api.schema import operations
from analytics.api_errors import BadParameter
from analytics.periods import BadPeriod, Period
from analytics.reports import Scope, Sums
from orgs.models import Organization
from proxy.body import MAX_PROMPT_KEY

PARAMETERS = ("start", "end", "provider", "organization")
ENDPOINTS = ("monthly", "by-prompt", "by-team", "version-comparison")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_COUNTS_AND_TOKENS = tuple(name for name in reports.SUM_COLUMNS if name != "cost_pico_usd")


@dataclass(frozen=True, slots=True)
class Question:
    organization: Organization
    scope: Scope


@operations.monthly
@api_view(READING)
def monthly(request: Request) -> Response:
    """Total cost of the current calendar month or of the days asked for."""
    question = _read_question(request)
    return _answer(question, {}, reports.get_total(question.scope))


@operations.by_prompt
@api_view(READING)
def by_prompt(request: Request) -> Response:
    """Cost and request count by prompt key."""
    question = _read_question(request)
    rows = reports.by_prompt(question.scope)
    prompts = [{"prompt_key": row.name, **_costs(row.sums), **_details(row.sums)} for row in rows]
    return _answer(question, {"prompts": prompts}, reports.add_up(rows))


@operations.by_team
@api_view(READING)
def by_team(request: Request) -> Response:
    """Cost and request count by team."""
    question = _read_question(request)
    rows = reports.by_team(question.scope)
    teams = [
        {
            "team_name": row.name,
            **_costs(row.sums),
            "team_id": row.value,
            "is_archived": row.is_archived,
            **_details(row.sums),
        }
        for row in rows
    ]
    return _answer(question, {"teams": teams}, reports.add_up(rows))


@operations.version_comparison
@api_view(READING)
def version_comparison(request: Request) -> Response:
    """Cost, request count and average cost by version of one prompt."""
    question = _read_question(request, "prompt_key")
    prompt_key = _read_prompt_key(request)
    scope = replace(question.scope, prompt_key="" if prompt_key == reports.UNKNOWN_PROMPT else prompt_key)
    rows = reports.by_version(scope)
    versions = [
        {
            "version_number": row.value or None,
            **_costs(row.sums),
            "avg_cost_per_request": row.sums.average_cost_usd,
            **_details(row.sums),
        }
        for row in rows
    ]
    return _answer(question, {"versions": versions, "prompt_key": prompt_key}, reports.add_up(rows))


@operations.hidden
@api_view(READING)
def no_such_aggregation(request: Request) -> Response:
    raise NotFound(f"There is no such aggregation. There are: {', '.join(ENDPOINTS)}.")


def _read_question(request: Request, *further_parameters: str) -> Question:
    """Raises an APIException of `api_errors` for whatever would make the numbers other than those asked for."""
    allowed = (*further_parameters, *PARAMETERS)
    questions.check_parameters(request, allowed)
    organization = questions.get_organization(request)
    today = periods.local_day(timezone.now(), organization.tz)
    try:
        period = periods.parse_period(request.query_params.get("start"), request.query_params.get("end"), today)
    except BadPeriod as error:
        raise BadParameter(error.parameter, error.message) from None
    return Question(organization, Scope(organization.pk, period, questions.read_provider(request)))


def _read_prompt_key(request: Request) -> str:
    prompt_key = request.query_params.get("prompt_key", "").strip()
    if not prompt_key:
        message = "Name the prompt. Usage without a prompt key is found under prompt_key=unknown."
        raise BadParameter("prompt_key", message, "missing_parameter")
    if len(prompt_key) > MAX_PROMPT_KEY or _CONTROL.search(prompt_key):
        message = f"A prompt key has at most {MAX_PROMPT_KEY} characters, none of them a control character."
        raise BadParameter("prompt_key", message)
    return prompt_key


def _answer(question: Question, documented: Mapping[str, Any], total: Sums) -> Response:
    scope = question.scope
    answer = {
        **documented,
        "total_cost": total.cost_usd,
        "period": _days(scope.period),
        "timezone": question.organization.timezone,
        "organization": question.organization.slug,
        "provider": scope.provider or None,
        "currency": "USD",
        **_details(total),
    }
    return Response(answer, headers=PRIVATE)


def _days(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def _costs(sums: Sums) -> dict[str, Any]:
    return {"total_cost": sums.cost_usd, "request_count": sums.request_count}


def _details(sums: Sums) -> dict[str, int]:
    return {name: getattr(sums, name) for name in _COUNTS_AND_TOKENS}
