"""The aggregations in the schema."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from analytics.api.listings import LISTINGS, SUMS
from analytics.api.paging import MOST_AT_ONCE
from analytics.api.schema.annotating import (
    FORMAT,
    FRAME_EXAMPLE,
    NOT_BLANK,
    PERIOD,
    Annotation,
    answering,
    parameter,
    rows_of,
    with_frame,
)
from analytics.api.schema.components import Schema, flag, ref
from analytics.api.schema.examples import example_of, line_of
from analytics.filters import MOST_DAYS
from proxy.body import MAX_PROMPT_KEY

_TAG = "Totals"
_UNUSED = {
    "by-prompt": "registered prompts without usage, too, archived ones aside",
    "by-team": "teams without usage, too, archived ones aside",
    "by-key": "keys without usage, too, revoked ones aside",
    "version-comparison": "registered versions without usage, too",
}
_LIMIT = parameter(
    "limit",
    "how many rows at once; left out: all of them. JSON only",
    {"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE},
)
_CURSOR = parameter(
    "cursor",
    "the `next_cursor` of the answer before, all else being the same. All pages are of the moment of the first one. "
    "JSON only",
)
_PROMPT_KEY = parameter(
    "prompt_key",
    "the prompt; `unknown` for requests without a prompt key",
    {"type": "string", "minLength": 1, "maxLength": MAX_PROMPT_KEY, "pattern": NOT_BLANK},
    required=True,
)


def _parameters_of(endpoint: str) -> list[OpenApiParameter]:
    listing = LISTINGS[endpoint]
    found = [_PROMPT_KEY] if endpoint == "version-comparison" else []
    found += PERIOD
    if listing.has_unused:
        flags = {"type": "string", "enum": ["true", "false"], "default": "false"}
        found.append(parameter("include_unused", _UNUSED[endpoint], flags))
    order = {"type": "string", "enum": list(listing.orders), "default": listing.usual_order}
    said = "the field to order by, with `-` in front the highest first; equals: highest cost first, then by name"
    return [*found, parameter("sort", said, order), _LIMIT, _CURSOR, FORMAT]


def _listing(
    endpoint: str,
    summary: str,
    description: str,
    component: str,
    rows: list[dict[str, Any]],
    further: Mapping[str, tuple[Schema, Any]] | None = None,
) -> Annotation:
    """`further` are fields beside the list, each with an example."""
    listing = LISTINGS[endpoint]
    own = {name: schema for name, (schema, _) in (further or {}).items()}
    shown = {name: value for name, (_, value) in (further or {}).items()}
    adds_up = "overlap" not in own
    counts = {name: sum(row[name] for row in rows) if adds_up else value for name, value in _TOTAL.items()}
    counts["total_cost"] = round(counts["total_cost"], 12)
    counts["avg_cost_per_request"] = round(counts["total_cost"] / counts["priced_count"], 15)
    example = {listing.name: rows, **shown, **FRAME_EXAMPLE, **counts}
    first = listing.columns
    line = line_of(example_of(ref(component), rows[0]), first)
    return answering(
        endpoint,
        summary,
        f"{description} {'The rows add up to the total.' if adds_up else ''}".strip()
        + " As CSV, the columns are the fields of a row, in the same order.",
        _parameters_of(endpoint),
        tag=_TAG,
        json=with_frame(rows_of(listing.name, component, "the rows") | own, "List", "Sums"),
        example=example,
        csv=f"{','.join(first)}\r\n{line}",
        has_tag=True,
    )


# What the rows of an example have of the sums; what they overlap by is not in it.
_TOTAL = {"total_cost": 9.2, "request_count": 1100, "priced_count": 1100}


def _row(cost: float, requests: int, average: float, **own: Any) -> dict[str, Any]:
    return {
        **own,
        "total_cost": cost,
        "request_count": requests,
        "avg_cost_per_request": average,
        "priced_count": requests,
    }


_SHOWN_TOTAL = {
    "total_cost": 12.45,
    "request_count": 1202,
    "avg_cost_per_request": 0.010375,
    "priced_count": 1200,
    "unpriced_count": 2,
}
_CSV_TOTAL = {"start": "2026-02-01", "end": "2026-02-28", **dict.fromkeys(SUMS, 0), **_SHOWN_TOTAL}
monthly = answering(
    "monthly",
    "Total cost of a period",
    "The current calendar month, unless other days are asked for. A period without usage is all zeros. As CSV it is "
    "one line, with the days in front.",
    [*PERIOD, FORMAT],
    tag=_TAG,
    json=with_frame({}, "Sums"),
    example=FRAME_EXAMPLE | _SHOWN_TOTAL,
    csv=f"{','.join(_CSV_TOTAL)}\r\n{','.join(map(str, _CSV_TOTAL.values()))}\r\n",
    has_tag=True,
)
by_prompt = _listing(
    "by-prompt",
    "Cost and requests by prompt key",
    "Requests without a prompt key are the row `unknown`. `(other)` holds new prompt keys beyond an organization's "
    "daily limit.",
    "PromptRow",
    [
        _row(4.2, 312, 0.013461538461538, prompt_key="document-summarizer"),
        _row(2.1, 890, 0.002359550561798, prompt_key="chat-assistant"),
    ],
)
by_team = _listing(
    "by-team",
    "Cost and requests by team",
    "A request belongs to the team of the key that it was sent with. Archived teams and revoked keys keep what they "
    "spent.",
    "TeamRow",
    [
        _row(8.3, 540, 0.01537037037037, team_name="backend", team_id=1),
        _row(3.15, 220, 0.014318181818182, team_name="frontend", team_id=2),
    ],
)
by_key = _listing(
    "by-key",
    "Cost and requests by API key",
    "Revoked keys keep what they spent.",
    "KeyRow",
    [
        _row(8.3, 540, 0.01537037037037, api_key_name="nightly reports", api_key_id=7, team_id=1, team_name="backend"),
        _row(3.15, 220, 0.014318181818182, api_key_name="apc_...x4f2", api_key_id=9, team_id=2, team_name="frontend"),
    ],
)
by_tag = _listing(
    "by-tag",
    "Cost and requests by feature tag",
    "Tags overlap: a request counts in full under each of its tags, so the rows add up to more than the total, which "
    "has each request once. The row `untagged` has the requests without a tag.",
    "TagRow",
    [
        _row(6.0, 700, 0.008571428571429, tag="documents"),
        _row(4.2, 312, 0.013461538461538, tag="summarization"),
        _row(2.1, 388, 0.005412371134021, tag="untagged", is_untagged=True),
    ],
    {"overlap": (flag("always `true`: the rows add up to more than the total"), True)},
)
by_model = _listing(
    "by-model",
    "Cost and requests by model",
    "The model that answered, of each provider: two of them may sell one name.",
    "ModelRow",
    [
        _row(8.3, 540, 0.01537037037037, model="gpt-4o-2024-08-06", provider="openai"),
        _row(3.15, 220, 0.014318181818182, model="claude-sonnet-4-20250514", provider="anthropic"),
    ],
)
daily = _listing(
    "daily",
    "Cost and requests by day",
    "Every day of the period, also those without usage and those to come, counted in the organization's time zone; at "
    f"most {MOST_DAYS} days.",
    "DayRow",
    [
        _row(8.3, 540, 0.01537037037037, day="2026-02-01"),
        _row(3.15, 220, 0.014318181818182, day="2026-02-02"),
    ],
)
version_comparison = _listing(
    "version-comparison",
    "Cost and requests by version of one prompt",
    "A prompt key that was never used has an empty list. The total is that of the prompt.",
    "VersionRow",
    [_row(6.0, 400, 0.015, version_number=1), _row(4.2, 400, 0.0105, version_number=2)],
    {
        "prompt_key": (
            {"type": "string", "description": "the prompt that was asked for"},
            "document-summarizer",
        )
    },
)
