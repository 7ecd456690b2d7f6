"""What the endpoints of the REST API take, for the schema: each view is annotated with one of these."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from analytics import exports
from analytics.api.schema.components import Schema, ref
from analytics.filters import DEFAULT_PRESET, PRESETS
from analytics.request_log import FLAGS, PAGE_SIZE, STATUSES
from proxy.body import MAX_PROMPT_KEY
from proxy.providers import PROVIDERS

_View = TypeVar("_View", bound=Callable[..., Any])


class _Annotation(Protocol):
    def __call__(self, view: _View, /) -> _View: ...


SECURITY_SCHEMES: dict[str, Schema] = {
    "platformKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A platform key, `apc_...`; `x-api-key: apc_...` does as well.",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A signed-in browser."},
}
# Its type says names, but what it is given goes into the document as it is.
_EITHER: Any = [{"platformKey": []}, {"session": []}]
MOST_AT_ONCE = 1000
_DATE = {"type": "string", "format": "date"}
_ERRORS = {
    400: "a parameter is missing, unknown, repeated or unreadable",
    401: "no platform key and no session, or the key is unknown or revoked",
    403: "the organization is suspended",
    404: "there is no such organization, request or table",
    503: "the database is away; try again after `Retry-After` seconds",
}
_REST = {"...": "the other fields"}


def _parameter(name: str, description: str, schema: Schema | None = None, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema or {"type": "string"}, description=description, **more)


_START = _parameter("start", "first day; left out: the current calendar month, or that of `end`", _DATE)
_END = _parameter("end", "last day, included; left out: today, or the end of the current month", _DATE)
_PROVIDER = _parameter(
    "provider", "one provider's numbers; left out: all of them together", {"type": "string", "enum": list(PROVIDERS)}
)
_ORGANIZATION = _parameter("organization", "the organization's slug; left out: the key's, or the only one of yours")
_PERIOD = [_START, _END, _PROVIDER, _ORGANIZATION]
_FILTERS = [
    _parameter(
        "range",
        "days by name, instead of `start` and `end`",
        {"type": "string", "enum": list(PRESETS), "default": DEFAULT_PRESET},
    ),
    *_PERIOD,
    _parameter("team", "a team's id", {"type": "integer"}),
    _parameter("key", "an API key's id", {"type": "integer"}),
    _parameter("prompt", "a prompt key; `unknown` for calls without one"),
    _parameter("version", "a version number; `none` for calls without one"),
    _parameter("model", "the model that answered, else the one asked for; `unnamed` for calls without either"),
    _parameter("tag", "a tag; `untagged` for calls without one; `=untagged` for a tag that is really called so"),
]
_FORMAT = {"type": "string", "enum": ["json", "csv"]}


def _answer(
    operation_id: str,
    summary: str,
    description: str,
    parameters: list[OpenApiParameter],
    answer: Schema,
    example: dict[str, Any],
    *,
    tag: str,
    has_csv: bool = False,
) -> _Annotation:
    answers: dict[Any, Any] = {(200, "application/json"): OpenApiResponse(answer, "As JSON")}
    if has_csv:
        answers[200, "text/csv"] = OpenApiResponse({"type": "string"}, "As a file")
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        parameters=parameters,
        responses=answers | _errors(),
        examples=[OpenApiExample("Answer", value=example, response_only=True, media_type="application/json")],
        auth=_EITHER,
        tags=[tag],
    )


def _errors() -> dict[Any, Any]:
    return {(status, "application/json"): OpenApiResponse(ref("Error"), text) for status, text in _ERRORS.items()}


def _with_frame(own: dict[str, Schema], *parts: str) -> Schema:
    return {
        "allOf": [
            {"type": "object", "required": list(own), "properties": own},
            *(ref(part) for part in (*parts, "Frame")),
        ]
    }


def _rows(name: str, component: str, description: str) -> dict[str, Schema]:
    return {name: {"type": "array", "items": ref(component), "description": description}}


_FRAME_EXAMPLE = {
    "period": {"start": "2026-02-01", "end": "2026-02-28"},
    "timezone": "Europe/Berlin",
    "organization": "example",
    "provider": None,
    "currency": "USD",
}
_BY_COST = "highest cost first, by name among equals"
monthly = _answer(
    "monthly",
    "Total cost of a period",
    "The current calendar month, unless other days are asked for. A period without usage is all zeros.",
    _PERIOD,
    _with_frame({}, "Sums"),
    {"total_cost": 12.45, **_FRAME_EXAMPLE, "request_count": 1202, "priced_count": 1200, "unpriced_count": 2} | _REST,
    tag="Totals",
)
by_prompt = _answer(
    "by-prompt",
    "Cost and requests by prompt key",
    "Requests without a prompt key are the row `unknown`. `(other)` holds new prompt keys beyond an organization's "
    "daily limit. The rows add up to the total.",
    _PERIOD,
    _with_frame(_rows("prompts", "PromptRow", _BY_COST), "Sums"),
    {
        "prompts": [
            {"prompt_key": "document-summarizer", "total_cost": 4.2, "request_count": 312} | _REST,
            {"prompt_key": "chat-assistant", "total_cost": 2.1, "request_count": 890} | _REST,
        ],
        "total_cost": 6.3,
    }
    | _REST,
    tag="Totals",
)
by_team = _answer(
    "by-team",
    "Cost and requests by team",
    "A request belongs to the team of the key that it was sent with. Archived teams and revoked keys keep what they "
    "spent. The rows add up to the total.",
    _PERIOD,
    _with_frame(_rows("teams", "TeamRow", _BY_COST), "Sums"),
    {
        "teams": [
            {"team_name": "backend", "total_cost": 8.3, "request_count": 540, "team_id": 1, "is_archived": False}
            | _REST,
            {"team_name": "frontend", "total_cost": 3.15, "request_count": 220, "team_id": 2, "is_archived": False}
            | _REST,
        ],
        "total_cost": 11.45,
    }
    | _REST,
    tag="Totals",
)
version_comparison = _answer(
    "version-comparison",
    "Cost and requests by version of one prompt",
    "A prompt key that was never used has an empty list. The rows add up to the prompt's total.",
    [
        _parameter(
            "prompt_key",
            "the prompt; `unknown` for requests without a prompt key",
            {"type": "string", "maxLength": MAX_PROMPT_KEY},
            required=True,
        ),
        *_PERIOD,
    ],
    _with_frame(
        _rows("versions", "VersionRow", "by number, the one without a number last")
        | {"prompt_key": {"type": "string", "description": "the prompt that was asked for"}},
        "Sums",
    ),
    {
        "versions": [
            {"version_number": 1, "total_cost": 6, "request_count": 400, "avg_cost_per_request": 0.015} | _REST,
            {"version_number": 2, "total_cost": 4.2, "request_count": 400, "avg_cost_per_request": 0.0105} | _REST,
        ],
        "prompt_key": "document-summarizer",
        "total_cost": 10.2,
    }
    | _REST,
    tag="Totals",
)
_REQUEST_EXAMPLE = {
    "id": "019c47f3f3c07c4e8a5b1f0e9d8c7b6a",
    "started_at": "2026-02-10T12:00:00.000000Z",
    "prompt_key": "document-summarizer",
    "version_number": 2,
    "model": "gpt-4o-2024-08-06",
    "team_name": "backend",
    "tags": ["documents"],
    "status": "ok",
    "flags": ["streamed"],
    "cost": 0.0035,
    "cost_status": "priced",
    "input_tokens": 1000,
    "output_tokens": 100,
}
log = _answer(
    "requests",
    "The calls behind the figures, newest first",
    "Failed, interrupted and simulated calls are listed too (`is_request` tells requests apart); the `cost` of all "
    "calls adds up to `total_cost` of the totals. As CSV, all calls of the period are sent, however many.",
    [
        *_FILTERS,
        _parameter("status", "calls without, or with, an error", {"type": "string", "enum": list(STATUSES)}),
        _parameter("flag", "calls with this mark", {"type": "string", "enum": list(FLAGS)}),
        _parameter(
            "limit",
            "how many at once; JSON only",
            {"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE, "default": PAGE_SIZE},
        ),
        _parameter("cursor", "the `next_cursor` of the answer before, all else being the same; JSON only"),
        _parameter("format", "left out: JSON, or CSV by `Accept: text/csv`", _FORMAT),
    ],
    _with_frame(
        _rows("requests", "Request", "the calls")
        | {"next_cursor": {"type": ["string", "null"], "description": "`null` at the end"}}
    ),
    {
        "requests": [_REQUEST_EXAMPLE | _REST],
        "next_cursor": "1770724800000000-019c47f3f3c07c4e8a5b1f0e9d8c7b6a",
        **_FRAME_EXAMPLE,
    },
    tag="Requests",
    has_csv=True,
)
one = _answer(
    "request",
    "One call and its receipt",
    "The receipt multiplies tokens by rates, line by line, and says whose price it is.",
    [
        _parameter("call_id", "the `x-aipc-request-id` of its answer, with hyphens or without", location="path"),
        _ORGANIZATION,
        _parameter("format", "as CSV it is the call's line of the log", _FORMAT),
    ],
    ref("Receipt"),
    {
        **_REQUEST_EXAMPLE,
        "lines": [
            {"model": "gpt-4o-2024-08-06", "bucket": "input", "quantity": 1000, "rate": 2.5, "rate_per": 1000000}
            | {"amount": 0.0025, "is_stand_in_rate": False},
            {"model": "gpt-4o-2024-08-06", "bucket": "output", "quantity": 100, "rate": 10, "rate_per": 1000000}
            | {"amount": 0.001, "is_stand_in_rate": False},
        ],
        "lines_total": 0.0035,
        "lines_are": "as booked",
    }
    | _REST,
    tag="Requests",
    has_csv=True,
)
table = extend_schema(
    operation_id="export",
    summary="A table of the dashboard as CSV",
    description="One line for each row that has usage, with the columns of the dashboard's own files.",
    parameters=[
        _parameter(
            "table", "which table", {"type": "string", "enum": list(exports.TABLES)}, location="path", required=True
        ),
        *_FILTERS,
        _parameter("format", "nothing else is written", {"type": "string", "enum": ["csv"]}),
    ],
    responses={(200, "text/csv"): OpenApiResponse({"type": "string"}, "The file")} | _errors(),
    auth=_EITHER,
    tags=["Requests"],
)
hidden = extend_schema(exclude=True)
