"""The request log of the REST API, as JSON and as CSV, and the CSV files of the tables (docs/api.md)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import exports, filters, periods, receipts, request_log
from analytics.api import questions
from analytics.api.questions import PRIVATE, READING
from analytics.api.schema import operations
from analytics.api_errors import BadParameter
from analytics.filters import BadFilter, Filters
from analytics.periods import Period
from analytics.request_fields import FIELDS, fields_of, fields_of_receipt, values_of
from analytics.request_log import FLAGS, STATUSES, BadCursor, Cursor, Names, Question
from orgs.models import Organization

OWN_PARAMETERS = ("status", "flag", "limit", "cursor", "format")
USUAL_LIMIT = request_log.PAGE_SIZE
HIGHEST_LIMIT = operations.MOST_AT_ONCE


@operations.log
@api_view(READING)
def log(request: Request) -> HttpResponseBase:
    """Calls, newest first: a page of JSON, or all of them as CSV."""
    questions.check_parameters(request, (*filters.PARAMETERS, *OWN_PARAMETERS, "organization"))
    organization = questions.get_organization(request)
    wanted = _read_filters(request, organization)
    status, flag = (
        questions.read_choice(request, name, tuple(known)) for name, known in (("status", STATUSES), ("flag", FLAGS))
    )
    question = Question(wanted.scope(organization.pk), organization.tz, status, flag)
    if questions.wants_csv(request):
        questions.refuse_pages(request)
        return _log_file(organization, question)
    limit, cursor = questions.read_limit(request, HIGHEST_LIMIT) or USUAL_LIMIT, _read_cursor(request)
    records = request_log.read_chunk(question, cursor, limit + 1)
    names = Names(organization.pk)
    names.learn(records[:limit])
    answer = {
        "requests": [fields_of(record, names) for record in records[:limit]],
        "next_cursor": str(request_log.cursor_of(records[limit - 1])) if len(records) > limit else None,
        **_frame(organization, wanted.period),
        "provider": wanted.provider or None,
    }
    return Response(answer, headers=PRIVATE)


@operations.one
@api_view(READING)
def one(request: Request, call_id: str) -> HttpResponseBase:
    """A call with its receipt; as CSV its line of the log."""
    questions.check_parameters(request, ("organization", "format"))
    organization = questions.get_organization(request)
    receipt = receipts.find_receipt(organization, _read_id(call_id))
    if receipt is None:
        raise _no_such_request()
    names = Names(organization.pk)
    names.learn([receipt.record])
    if questions.wants_csv(request):
        content = exports.lines([FIELDS, values_of(receipt.record, names)])
        return _file(HttpResponse(content), f"{organization.slug}_request_{receipt.record.pk.hex}.csv")
    answer = {
        **fields_of(receipt.record, names),
        **fields_of_receipt(receipt),
        "timezone": organization.timezone,
        "organization": organization.slug,
        "currency": "USD",
    }
    return Response(answer, headers=PRIVATE)


@operations.table
@api_view(READING)
def table(request: Request, table: str) -> HttpResponseBase:
    """A table of the dashboard as CSV."""
    if table not in exports.TABLES:
        raise NotFound(f"There is no such table. There are: {', '.join(exports.TABLES)}.")
    questions.check_parameters(request, (*filters.PARAMETERS, "organization", "format"))
    organization = questions.get_organization(request)
    questions.check_csv_is_wanted(request)
    wanted = _read_filters(request, organization)
    content = exports.table_file(table, wanted.scope(organization.pk))
    return _file(HttpResponse(content), exports.file_name(organization.slug, table, wanted.period))


def _log_file(organization: Organization, question: Question) -> HttpResponseBase:
    file = exports.LogFile(question)
    response = StreamingHttpResponse(exports.stream(file.read(), file))
    return _file(response, exports.file_name(organization.slug, exports.LOG, question.scope.period))


def _file(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response.headers["Cache-Control"] = PRIVATE["Cache-Control"]
    response.headers["Content-Type"] = exports.MEDIA_TYPE
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _frame(organization: Organization, period: Period) -> dict[str, Any]:
    return {
        "period": {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "timezone": organization.timezone,
        "organization": organization.slug,
        "currency": "USD",
    }


def _read_filters(request: Request, organization: Organization) -> Filters:
    """Like on the pages, but nothing is overlooked: an ignored filter would be a wrong number."""
    for name in filters.PARAMETERS:
        if request.query_params.get(name) == "":
            raise BadParameter(name, "The parameter is empty. Leave it out, or give it a value.")
    if "range" in request.query_params and request.query_params.keys() & {"start", "end"}:
        raise BadParameter("range", "Give either a range or start and end.")
    try:
        wanted = filters.parse(request.query_params, today=periods.local_day(timezone.now(), organization.tz))
    except BadFilter as error:
        raise BadParameter(error.parameter, error.message) from None
    questions.read_provider(request)
    return wanted


def _read_cursor(request: Request) -> Cursor | None:
    text = request.query_params.get("cursor")
    try:
        return None if text is None else Cursor.read(text)
    except BadCursor as error:
        raise BadParameter("cursor", str(error)) from None


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _no_such_request() from None


def _no_such_request() -> NotFound:
    return NotFound("There is no such request. A new one is here within seconds after it ended.", "request_not_found")
