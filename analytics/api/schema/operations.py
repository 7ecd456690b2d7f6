"""The request log and the files in the schema: what they take and answer."""

from drf_spectacular.utils import extend_schema

from analytics import exports
from analytics.api.schema.annotating import (
    FILTERS,
    FORMAT,
    FRAME_EXAMPLE,
    ORGANIZATION,
    answering,
    parameter,
    rows_of,
    with_frame,
)
from analytics.api.schema.components import ref
from analytics.api.schema.examples import example_of, line_of
from analytics.request_fields import FIELDS
from analytics.request_log import FLAGS, PAGE_SIZE, STATUSES

MOST_AT_ONCE = 1000
_TAG = "Requests"
_REQUEST_EXAMPLE = {
    "id": "019c47f3f3c07c4e8a5b1f0e9d8c7b6a",
    "started_at": "2026-02-10T12:00:00.000000Z",
    "prompt_key": "document-summarizer",
    "version_number": 2,
    "provider": "openai",
    "model": "gpt-4o-2024-08-06",
    "model_requested": "gpt-4o",
    "team_id": 1,
    "team_name": "backend",
    "api_key_id": 7,
    "api_key_name": "nightly reports",
    "tags": ["documents"],
    "status": "ok",
    "http_status": 200,
    "flags": ["streamed"],
    "is_request": True,
    "cost": 0.0035,
    "cost_status": "priced",
    "input_tokens": 1000,
    "output_tokens": 100,
    "latency_ms": 2140,
    "finish_reason": "stop",
    "route": "chat/completions",
}
_CSV_EXAMPLE = f"{','.join(FIELDS)}\r\n" + line_of(example_of(ref("Request"), _REQUEST_EXAMPLE), FIELDS)
log = answering(
    "requests",
    "The calls behind the figures, newest first",
    "Failed, interrupted and simulated calls are listed too (`is_request` tells requests apart); the `cost` of all "
    "calls adds up to `total_cost` of the totals. As CSV, all calls of the period are sent, however many.",
    [
        *FILTERS,
        parameter("status", "calls without, or with, an error", {"type": "string", "enum": list(STATUSES)}),
        parameter("flag", "calls with this mark", {"type": "string", "enum": list(FLAGS)}),
        parameter(
            "limit",
            "how many at once; JSON only",
            {"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE, "default": PAGE_SIZE},
        ),
        parameter(
            "cursor",
            "the `next_cursor` of the answer before, all else being the same; JSON only",
            {"type": "string", "pattern": "^[0-9]{1,17}-[0-9a-f]{32}$"},
        ),
        FORMAT,
    ],
    tag=_TAG,
    json=with_frame(
        rows_of("requests", "Request", "the calls")
        | {"next_cursor": {"type": ["string", "null"], "description": "`null` at the end"}}
    ),
    example={
        "requests": [_REQUEST_EXAMPLE],
        "next_cursor": "1770724800000000-019c47f3f3c07c4e8a5b1f0e9d8c7b6a",
        **FRAME_EXAMPLE,
    },
    csv=_CSV_EXAMPLE,
)
one = answering(
    "request",
    "One call and its receipt",
    "The receipt multiplies tokens by rates, line by line, and says whose price it is. As CSV it is the call's line of "
    "the log.",
    [
        parameter("call_id", "the `x-aipc-request-id` of its answer, with hyphens or without", location="path"),
        ORGANIZATION,
        FORMAT,
    ],
    tag=_TAG,
    json=ref("Receipt"),
    example={
        **_REQUEST_EXAMPLE,
        "lines": [
            {"model": "gpt-4o-2024-08-06", "bucket": "input", "quantity": 1000, "rate": 2.5, "rate_per": 1000000}
            | {"amount": 0.0025, "is_stand_in_rate": False},
            {"model": "gpt-4o-2024-08-06", "bucket": "output", "quantity": 100, "rate": 10, "rate_per": 1000000}
            | {"amount": 0.001, "is_stand_in_rate": False},
        ],
        "lines_total": 0.0035,
        "lines_are": "as booked",
        "cost_at_todays_prices": 0.0035,
        "prices": [
            {"model": "gpt-4o-2024-08-06", "priced_as": "gpt-4o", "source": "bundled", "is_exact": True},
        ],
        "price_list": "0.2.3",
        **{name: FRAME_EXAMPLE[name] for name in ("timezone", "organization", "currency")},
    },
    csv=_CSV_EXAMPLE,
)
table = answering(
    "export",
    "A table of the dashboard as CSV",
    "One line for each row that has usage, with the columns of the dashboard's own files.",
    [
        parameter(
            "table", "which table", {"type": "string", "enum": list(exports.TABLES)}, location="path", required=True
        ),
        *FILTERS,
        parameter("format", "nothing else is written", {"type": "string", "enum": ["csv"]}),
    ],
    tag=_TAG,
    csv=f"{','.join((*exports.TABLES['prompts'].columns, *exports.SUMS))}\r\n",
)
hidden = extend_schema(exclude=True)
