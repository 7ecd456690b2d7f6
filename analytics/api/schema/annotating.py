"""Annotating a view for the schema: the parameters that several take, and what all of them may answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from analytics.api.schema.components import Schema, ref
from analytics.api.schema.examples import example_of
from analytics.filters import DEFAULT_PRESET, PRESETS
from proxy.body import MAX_PROMPT_KEY, MAX_TAG
from proxy.providers import PROVIDERS

_View = TypeVar("_View", bound=Callable[..., Any])


class Annotation(Protocol):
    def __call__(self, view: _View, /) -> _View: ...


SECURITY_SCHEMES: dict[str, Schema] = {
    "platformKey": {"type": "http", "scheme": "bearer", "description": "A platform key, `apc_...`."},
    "platformKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same key, where `Authorization` is taken.",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A signed-in browser."},
}
# Its type says names, but what it is given goes into the document as it is.
_ANY_OF_THEM: Any = [{name: []} for name in SECURITY_SCHEMES]


def parameter(name: str, description: str, schema: Schema | None = None, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema or {"type": "string"}, description=description, **more)


# As in a class of characters.
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
PLAIN_TEXT = rf"^[^{_CONTROL}]+$"
NOT_BLANK = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"


def _text(most: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": PLAIN_TEXT}


_DATE = {"type": "string", "format": "date"}
ORGANIZATION = parameter(
    "organization",
    "the organization's slug; left out: the key's, or the only one of yours",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
)
PERIOD = [
    parameter("start", "first day; left out: the current calendar month, or that of `end`", _DATE),
    parameter("end", "last day, included; left out: today, or the end of the current month", _DATE),
    parameter(
        "provider",
        "one provider's numbers; left out: all of them together",
        {"type": "string", "enum": list(PROVIDERS)},
    ),
    ORGANIZATION,
]
FILTERS = [
    parameter(
        "range",
        "days by name, instead of `start` and `end`",
        {"type": "string", "enum": list(PRESETS), "default": DEFAULT_PRESET},
    ),
    *PERIOD,
    parameter("team", "a team's id", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
    parameter("key", "an API key's id", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
    parameter("prompt", "a prompt key; `unknown` for calls without one", _text(MAX_PROMPT_KEY)),
    parameter(
        "version",
        "a version number; `none` for calls without one",
        {"type": "string", "pattern": r"^(none|[0-9]{1,9})$"},
    ),
    parameter(
        "model", "the model that answered, else the one asked for; `unnamed` for calls without either", _text(200)
    ),
    parameter(
        "tag",
        "a tag; `untagged` for calls without one; `=untagged` for a tag that is really called so",
        _text(MAX_TAG),
    ),
]
FORMAT = parameter(
    "format", "left out: JSON, or CSV by `Accept: text/csv`", {"type": "string", "enum": ["json", "csv"]}
)
IF_NONE_MATCH = parameter("If-None-Match", "the `ETag` of an answer that you have", location="header")

_JSON = "application/json"
FRAME_EXAMPLE = {
    "period": {"start": "2026-02-01", "end": "2026-02-28"},
    "timezone": "Europe/Berlin",
    "organization": "example",
    "provider": None,
    "currency": "USD",
}

# Status -> when, and an example of its code, parameter and message.
_ERRORS: Mapping[int, tuple[str, tuple[str, str | None, str]]] = {
    400: (
        "a parameter is missing, unknown, repeated or unreadable",
        ("invalid_parameter", "start", "There is no such day in the calendar."),
    ),
    401: (
        "no platform key and no session, or the key is unknown or revoked",
        ("revoked_platform_key", None, "This platform API key was revoked."),
    ),
    403: ("the organization is suspended", ("organization_suspended", None, "This organization is suspended.")),
    404: (
        "there is no such organization, request or table",
        (
            "organization_not_found",
            "organization",
            "There is no such organization, or you are not a member of it.",
        ),
    ),
    406: (
        "`Accept` allows neither JSON nor CSV",
        (
            "not_acceptable",
            None,
            "This is answered as application/json or text/csv: accept that, or say format=csv.",
        ),
    ),
    429: (
        "too many questions within a minute; ask again after `Retry-After` seconds",
        ("throttled", None, "You asked 1200 times within a minute. Ask again in 12 seconds."),
    ),
    503: (
        "the database is away; try again after `Retry-After` seconds",
        ("unavailable", None, "The usage data cannot be read at the moment. Try again in a few seconds."),
    ),
}


def answering(
    operation_id: str,
    summary: str,
    description: str,
    parameters: Sequence[OpenApiParameter],
    *,
    tag: str,
    json: Schema | None = None,
    example: Mapping[str, Any] | None = None,
    csv: str = "",
    has_tag: bool = False,
) -> Annotation:
    """`json` and `csv` are what it answers; `example` is filled up to all fields; `has_tag` is for an entity tag."""
    answers: dict[Any, Any] = {}
    examples = []
    if json:
        answers[200, _JSON] = OpenApiResponse(json, "The answer")
        examples.append(_example("Answer", example_of(json, example or {}), 200))
    if csv:
        answers[200, "text/csv"] = OpenApiResponse({"type": "string"}, "The answer")
        examples.append(_example("File", csv, 200, "text/csv"))
    if has_tag:
        answers[304] = OpenApiResponse(None, "you have it already: its `ETag` is that of `If-None-Match`")
    for status, (text, (code, parameter_name, message)) in _ERRORS.items():
        answers[status, _JSON] = OpenApiResponse(ref("Error"), text)
        error = {"code": code, "parameter": parameter_name, "message": message}
        examples.append(_example("Error", {"error": error}, status))
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        parameters=[*parameters, *([IF_NONE_MATCH] if has_tag else []), *_headers(has_tag)],
        responses=answers,
        examples=examples,
        auth=_ANY_OF_THEM,
        tags=[tag],
    )


def _example(name: str, value: Any, status: int, media_type: str = _JSON) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, media_type=media_type, status_codes=[status])


def _headers(has_tag: bool) -> list[OpenApiParameter]:
    """Of the answers."""

    def header(name: str, description: str, statuses: Sequence[int], kind: str = "string") -> OpenApiParameter:
        return parameter(name, description, {"type": kind}, location="header", response=list(statuses))

    found = [
        header("Cache-Control", "nobody but you may keep it", (200,)),
        header("WWW-Authenticate", "`Bearer`", (401,)),
        header("Retry-After", "seconds to wait", (429, 503), "integer"),
    ]
    return [header("ETag", "changes whenever the answer does", (200, 304)), *found] if has_tag else found


def with_frame(own: Mapping[str, Schema], *parts: str) -> Schema:
    """An answer with fields of its own, those of other components, and those that all answers have."""
    return {
        "allOf": [
            {"type": "object", "required": list(own), "properties": dict(own)},
            *(ref(part) for part in (*parts, "Frame")),
        ]
    }


def rows_of(name: str, component: str, description: str) -> dict[str, Schema]:
    return {name: {"type": "array", "items": ref(component), "description": description}}
