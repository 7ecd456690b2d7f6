"""The aggregations of the REST API (docs/api.md): read the question off a request, ask reports, write the answer."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from analytics import exports, periods, reports
from analytics.api import answers, listings, paging, questions
from analytics.api.listings import LISTINGS, Listing
from analytics.api.questions import READING
from analytics.api.schema import totals
from analytics.api.schema.operations import hidden
from analytics.api_errors import BadParameter
from analytics.periods import BadPeriod, Period
from analytics.reports import Scope, Sums
from orgs.models import Organization
from prompts.models import CONTROL_CHARACTERS
from proxy.body import MAX_PROMPT_KEY

PARAMETERS = ("start", "end", "provider", "organization", "format")
LIST_PARAMETERS = ("sort", "limit", "cursor")
ENDPOINTS = ("monthly", *LISTINGS)
# What a page may have of its own, all pages being of one answer; and what says no more than the key does.
_NOT_ASKED = frozenset({"limit", "cursor", "organization", "format"})


@dataclass(frozen=True, slots=True)
class Question:
    endpoint: str
    organization: Organization
    scope: Scope
    order: str = ""
    with_unused: bool = False

    def file_name(self) -> str:
        return exports.file_name(self.organization.slug, self.endpoint, self.scope.period)


@totals.monthly
@api_view(READING)
def monthly(request: Request) -> HttpResponseBase:
    """Total cost of the current calendar month or of the days asked for."""
    questions.check_parameters(request, PARAMETERS)
    is_csv = questions.wants_csv(request)
    question = _read_question(request, "monthly")
    total = reports.get_total(question.scope)
    if is_csv:
        row = _days(question.scope.period) | listings.costs_of(total) | listings.details_of(total)
        return answers.send_csv(request, listings.csv_of([row], tuple(row)), question.file_name())
    return answers.send_json(request, answers.encode(_frame(question, total)))


@totals.by_prompt
@api_view(READING)
def by_prompt(request: Request) -> HttpResponseBase:
    return _answer_list(request, "by-prompt")


@totals.by_team
@api_view(READING)
def by_team(request: Request) -> HttpResponseBase:
    return _answer_list(request, "by-team")


@totals.by_key
@api_view(READING)
def by_key(request: Request) -> HttpResponseBase:
    return _answer_list(request, "by-key")


@totals.by_tag
@api_view(READING)
def by_tag(request: Request) -> HttpResponseBase:
    return _answer_list(request, "by-tag")


@totals.by_model
@api_view(READING)
def by_model(request: Request) -> HttpResponseBase:
    return _answer_list(request, "by-model")


@totals.daily
@api_view(READING)
def daily(request: Request) -> HttpResponseBase:
    return _answer_list(request, "daily")


@totals.version_comparison
@api_view(READING)
def version_comparison(request: Request) -> HttpResponseBase:
    """Cost, request count and average cost by version of one prompt."""
    return _answer_list(request, "version-comparison", "prompt_key")


@hidden
@api_view(READING)
def no_such_aggregation(request: Request) -> HttpResponseBase:
    raise NotFound(f"There is no such aggregation. There are: {', '.join(ENDPOINTS)}.")


def _answer_list(request: Request, endpoint: str, *further_parameters: str) -> HttpResponseBase:
    """A list as JSON, whole or a page of it, or as CSV."""
    listing = LISTINGS[endpoint]
    unused = ("include_unused",) if listing.has_unused else ()
    questions.check_parameters(request, (*further_parameters, *unused, *LIST_PARAMETERS, *PARAMETERS))
    is_csv = questions.wants_csv(request)
    question = replace(
        _read_question(request, endpoint),
        order=questions.read_choice(request, "sort", listing.orders) or listing.usual_order,
        with_unused=questions.read_flag(request, "include_unused"),
    )
    if "prompt_key" in further_parameters:
        question = _of_prompt(question, _read_prompt_key(request))
    limit = questions.read_limit(request, paging.MOST_AT_ONCE)
    if is_csv:
        questions.refuse_pages(request)
        rows, _ = _read_rows(listing, question)
        return answers.send_csv(request, listings.csv_of(rows, listing.columns), question.file_name())
    asked = _digest_of(request, question)
    cursor = request.query_params.get("cursor")
    if cursor is not None:
        place = paging.read_cursor(cursor, asked)
        question = replace(question, scope=replace(question.scope, period=place.period))
        page = paging.next_page(listing.name, place, limit, lambda: _whole_answer(listing, question))
    else:
        answer = _whole_answer(listing, question)
        page = paging.first_page(answer, listing.name, question=asked, period=question.scope.period, limit=limit)
    return answers.send_json(request, page)


def _whole_answer(listing: Listing, question: Question) -> bytes:
    rows, total = _read_rows(listing, question)
    further = dict(listing.says_more or {})
    if question.scope.prompt_key is not None:
        further["prompt_key"] = question.scope.prompt_key or reports.UNKNOWN_PROMPT
    return answers.encode({listing.name: rows, **further, **_frame(question, total)})


def _read_rows(listing: Listing, question: Question) -> tuple[list[Any], Sums]:
    with reports.one_moment():
        found = listing.report(question.scope, question.with_unused)
        total = listing.total(question.scope, found)
    rows = [listing.row(row) for row in found]
    return rows if question.order == listing.usual_order else listings.sort_rows(rows, question.order), total


# --- Reading the question ---------------------------------------------------------------------------------------------


def _read_question(request: Request, endpoint: str) -> Question:
    """Raises an APIException of `api_errors` for whatever would make the numbers other than those asked for."""
    organization = questions.get_organization(request)
    today = periods.local_day(timezone.now(), organization.tz)
    try:
        period = periods.parse_period(request.query_params.get("start"), request.query_params.get("end"), today)
    except BadPeriod as error:
        raise BadParameter(error.parameter, error.message) from None
    return Question(endpoint, organization, Scope(organization.pk, period, questions.read_provider(request)))


def _read_prompt_key(request: Request) -> str:
    prompt_key = request.query_params.get("prompt_key", "").strip()
    if not prompt_key:
        message = "Name the prompt. Usage without a prompt key is found under prompt_key=unknown."
        raise BadParameter("prompt_key", message, "missing_parameter")
    if len(prompt_key) > MAX_PROMPT_KEY or CONTROL_CHARACTERS.search(prompt_key):
        message = f"A prompt key has at most {MAX_PROMPT_KEY} characters, none of them a control character."
        raise BadParameter("prompt_key", message)
    return prompt_key


def _of_prompt(question: Question, prompt_key: str) -> Question:
    of_prompt = "" if prompt_key == reports.UNKNOWN_PROMPT else prompt_key
    return replace(question, scope=replace(question.scope, prompt_key=of_prompt))


def _digest_of(request: Request, question: Question) -> str:
    """Of what a cursor is good for: the parameters as they were given, since the days they mean move on."""
    asked = sorted((name, value) for name, value in request.query_params.items() if name not in _NOT_ASKED)
    return paging.digest_of(f"{question.organization.pk} {question.endpoint}?{urlencode(asked)}".encode())


# --- Writing the answer -----------------------------------------------------------------------------------------------


def _frame(question: Question, total: Sums) -> dict[str, Any]:
    """What all answers tell, whatever they list."""
    scope = question.scope
    costs = listings.costs_of(total)
    return {
        "total_cost": costs.pop("total_cost"),
        "period": _days(scope.period),
        "timezone": question.organization.timezone,
        "organization": question.organization.slug,
        "provider": scope.provider or None,
        "currency": "USD",
        **costs,
        **listings.details_of(total),
    }


def _days(period: Period) -> dict[str, date]:
    return {"start": period.start, "end": period.end}
