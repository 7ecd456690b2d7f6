"""What is in the objects that the API takes and answers. Data alone; the fields' names are a contract."""

from collections.abc import Mapping
from typing import Any, get_args

from analytics.models import CostStatus
from analytics.quantities import QUANTITY_COLUMNS
from analytics.receipts import UNITS
from analytics.reports import SUM_COLUMNS
from analytics.request_log import FLAGS
from analytics.usage import UsageSource
from proxy.body import MAX_PROMPT_KEY, MAX_TAG, MAX_TAGS
from proxy.providers import PROVIDERS

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def text_or_null(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}


def count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def count_or_null(description: str, minimum: int = 0) -> Schema:
    return {"type": ["integer", "null"], "minimum": minimum, "description": description}


def usd(description: str) -> Schema:
    return {"type": "number", "description": description}


def usd_or_null(description: str) -> Schema:
    return {"type": ["number", "null"], "description": description}


def flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def many(item: Schema, description: str) -> Schema:
    return {"type": "array", "items": item, "description": description}


def record(description: str, properties: Mapping[str, Schema], *parts: str) -> Schema:
    """An object whose fields are always there, with those of other components behind them."""
    own = {"type": "object", "required": list(properties), "properties": dict(properties)}
    if not parts:
        return {**own, "description": description}
    return {"description": description, "allOf": [own, *(ref(part) for part in parts)]}


# Of what usage is counted in, whose amounts do not overlap but where it is said.
_QUANTITIES = {
    "input_tokens": count("uncached input"),
    "cache_read_tokens": count("input read from the prompt cache"),
    "cache_write_5m_tokens": count("input written to the cache for 5 minutes"),
    "cache_write_1h_tokens": count("input written to the cache for 1 hour"),
    "input_audio_tokens": count("audio input"),
    "output_tokens": count("output, reasoning included"),
    "output_audio_tokens": count("audio output"),
    "reasoning_tokens": count("for information; part of `output_tokens`"),
    "web_searches": count("web searches by the provider, charged each"),
    "input_image_tokens": count("image input"),
    "output_image_tokens": count("image output"),
    "file_searches": count("file searches by the provider, charged each"),
    "characters": count("characters of text spoken, where these are charged"),
    "audio_ms": count("milliseconds of audio heard or spoken, where its duration is charged"),
}
_AVERAGE = usd(
    "`total_cost / priced_count`, rounded to 15 places; 0 where no request has a price. Requests of unknown cost do "
    "not make the others look cheap"
)
_COUNTS = {
    "request_count": count(
        "calls that succeeded or used something; always `priced_count + unpriced_count + unmetered_count + "
        "pending_count`"
    ),
    "priced_count": count("requests whose cost is known"),
    "unpriced_count": count(
        "requests whose model has no known price. Their cost is **not** in `total_cost`; it is added once a price is "
        "known"
    ),
    "partial_count": count("of the priced: the provider's numbers were contradictory, so the cost may be off"),
    "estimated_count": count(
        "of the priced: the provider reported no usage (a stream that was broken off), so tokens are estimated"
    ),
    "unmetered_count": count("requests on routes whose usage cannot be read; not in `total_cost` either"),
    "interrupted_count": count("calls that a crash of the proxy cut off; no requests, cost unknown"),
    "error_count": count(
        "calls that failed. A failed call that used tokens is a request as well and costs what it used"
    ),
    "pending_count": count(
        "requests that are not done, like batches and background responses; their cost is added when their results are "
        "fetched"
    ),
    "failed_request_count": count("requests that are among `error_count` too"),
}
_SUMS = {
    "total_cost": usd("sum of all known costs"),
    "request_count": _COUNTS["request_count"],
    "avg_cost_per_request": _AVERAGE,
    **{name: (_COUNTS | _QUANTITIES)[name] for name in SUM_COLUMNS if name not in {"cost_pico_usd", "request_count"}},
}
_FRAME = {
    "period": record("", {"start": text("first day", format="date"), "end": text("last day, included", format="date")})
    | {"description": "`start` and `end`, both included"},
    "timezone": text("the IANA time zone in which days are counted"),
    "organization": text("its slug"),
    "provider": text_or_null("the filter, or `null` for all providers"),
    "currency": text("always `USD`"),
}
_REQUEST = {
    "id": text("the `x-aipc-request-id` of the answer"),
    "started_at": text("when the call started, in UTC", format="date-time"),
    "local_day": text("the day it counts to, in the organization's time zone", format="date"),
    "prompt_key": text("`unknown` without one"),
    "version_number": count_or_null("the version sent, else the one active when the call started", 1),
    "provider": text("who answered", enum=list(PROVIDERS)),
    "model": text_or_null("the model that answered, else the one asked for"),
    "model_requested": text_or_null("the model asked for"),
    "team_id": count("whose key it was"),
    "team_name": text("its name today"),
    "api_key_id": count("the key"),
    "api_key_name": text("its description, else its masked form"),
    "tags": many({"type": "string"}, "the feature tags"),
    "status": text("whether it failed", enum=["ok", "error"]),
    "http_status": count_or_null("the provider's status"),
    "error_code": text_or_null("what went wrong"),
    "flags": many({"type": "string", "enum": list(FLAGS)}, "the marks of the request log"),
    "is_request": flag("whether it counts as a request: it succeeded or used something"),
    "cost": usd_or_null("`null` where unknown, never 0"),
    "cost_status": text("how sure the cost is", enum=list(CostStatus.values)),
    "previous_cost": usd_or_null("the amount before it was repriced"),
    "usage_source": text("who counted the tokens", enum=list(get_args(UsageSource))),
    **{name: _QUANTITIES[name] for name in QUANTITY_COLUMNS},
    "service_tier": text_or_null("as the answer named it"),
    "speed": text_or_null("as the answer named it"),
    "inference_geo": text_or_null("as the answer named it"),
    "latency_ms": count_or_null("until the end of the answer"),
    "first_byte_ms": count_or_null("until its first byte"),
    "first_token_ms": count_or_null("until the first token of a stream"),
    "finish_reason": text_or_null("why the answer ended, in the provider's word"),
    "sdk_retry_count": count_or_null("which retry of the official SDKs it was; 0 is the first attempt"),
    "provider_request_id": text_or_null("the provider's own id of the call"),
    "route": text("the provider's route with `{id}` for an id, or `other`"),
    "method": text("the HTTP method"),
    "object_id": text_or_null("the provider's id of the background response or batch that the call created"),
    "completed_at": {
        "type": ["string", "null"],
        "format": "date-time",
        "description": "of such a call, when the call began that fetched its result through the proxy",
    },
}
_LINE = {
    "model": text("whose tokens they are"),
    "bucket": text("which kind, like `input` or `cache_read`"),
    "unit": text("what is counted", enum=["token", *dict.fromkeys(UNITS.values())]),
    "quantity": {"type": "number", "minimum": 0, "description": "how many"},
    "rate": usd("dollars per `rate_per` units"),
    "rate_per": {
        "type": "integer",
        "enum": [1, 60, 3600, 10**6],
        "description": "1,000,000 for tokens and characters, 1 for searches, 60 or 3600 for seconds",
    },
    "amount": usd("quantity x rate / `rate_per`"),
    "is_stand_in_rate": flag("the price has no rate for this bucket, and another bucket's holds"),
}
_PRICE = {
    "model": text("the model of the lines"),
    "priced_as": text_or_null("the name under which the price is entered"),
    "source": text_or_null("`organization`: your own; `service`: the operators'; `bundled`: the list of the release"),
    "effective_from": text_or_null("since when it holds"),
    "effective_until": text_or_null("until when"),
    "long_context_above_tokens": count_or_null("the rates of prompts longer than this hold"),
    "is_exact": flag("false where the call's tier, speed or geography has no price of its own"),
}
_RECEIPT = {
    "lines": many(ref("ReceiptLine"), "what was multiplied"),
    "lines_total": usd_or_null(
        "sum of the lines: with `discount` taken off, exactly `cost` while `lines_are` is `as booked`; of a simulated "
        "call, what a real one would cost"
    ),
    "lines_are": text(
        "`of today's prices` where the price has changed since and the booked lines are not known any more",
        enum=["as booked", "of today's prices"],
    ),
    "cost_at_todays_prices": usd_or_null("other than `cost` where a price has changed; `null` without a price"),
    "prices": many(ref("ReceiptPrice"), "the entries that priced it, one for each model"),
    "price_list": text("the release of the bundled list (genai-prices)"),
    "discount": usd_or_null("what a negotiated discount takes off the sum of the lines; `null` without one"),
    "discount_percent": {"type": ["number", "null"], "minimum": 0, "maximum": 100, "description": "its percentage"},
    "timezone": _FRAME["timezone"],
    "organization": _FRAME["organization"],
    "currency": _FRAME["currency"],
}
_METADATA = {
    "prompt_key": text("which prompt this is", maxLength=MAX_PROMPT_KEY),
    "feature_tags": many({"type": "string", "maxLength": MAX_TAG}, "parts of your product") | {"maxItems": MAX_TAGS},
    "version": {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**31 - 1,
        "description": "a version of the prompt; without it, the one that is active",
    },
}
COMPONENTS: dict[str, Schema] = {
    "Frame": record("Whose numbers they are, and of which days.", _FRAME),
    "List": record(
        "A list, or a page of one. All else in the answer is about the whole list: a total is never that of a page.",
        {
            "next_cursor": text_or_null(
                "for the next page: send it as `cursor`, with all else as it was. `null` at the end"
            )
        },
    ),
    "Sums": record(
        "Cost, requests and what was used. The amounts used do not overlap, except for `reasoning_tokens`. Sandbox "
        "calls and free ones are in none of these.",
        _SUMS,
    ),
    "PromptRow": record("One prompt key.", {"prompt_key": text("`unknown` for requests without one")}, "Sums"),
    "TeamRow": record(
        "One team.",
        {
            "team_name": text("its name today"),
            "team_id": count("for the parameter `team` of other endpoints"),
            "is_archived": flag("archived teams keep what they spent"),
        },
        "Sums",
    ),
    "KeyRow": record(
        "One API key.",
        {
            "api_key_name": text("its description, else its masked form"),
            "api_key_id": count("for the parameter `key` of other endpoints"),
            "team_id": count_or_null("the team that it belongs to"),
            "team_name": text_or_null("its name today"),
            "is_revoked": flag("revoked keys keep what they spent"),
        },
        "Sums",
    ),
    "TagRow": record(
        "One feature tag.",
        {
            "tag": text("`untagged` for requests without one"),
            "is_untagged": flag("whether these are the requests without a tag; a tag may be called `untagged`, too"),
        },
        "Sums",
    ),
    "ModelRow": record(
        "One model of a provider.",
        {
            "model": text_or_null("the model that answered, else the one asked for; `null` where neither is known"),
            "provider": text("who sells it", enum=list(PROVIDERS)),
        },
        "Sums",
    ),
    "DayRow": record("One day.", {"day": text("in the organization's time zone", format="date")}, "Sums"),
    "VersionRow": record(
        "One version of the prompt.",
        {"version_number": count_or_null("`null` for requests that belong to no version", 1)},
        "Sums",
    ),
    "Request": record("One call. What is unknown or absent is `null`.", _REQUEST),
    "ReceiptLine": record("One line of a receipt.", _LINE),
    "ReceiptPrice": record("Whose price it is.", _PRICE),
    "Receipt": record("A call, and how its cost came about.", _RECEIPT, "Request"),
    "Error": record(
        "Decide by `code`; messages may change.",
        {
            "error": record(
                "",
                {
                    "code": text("what went wrong, in one word"),
                    "parameter": text_or_null("the one that it is about"),
                    "message": text("a sentence for people"),
                },
            )
            | {"description": "`code`, `parameter` and `message`"}
        },
    ),
    "Metadata": {
        "description": "What a call is labelled with. All of it may be left out, and nothing in it fails a call.",
        "type": "object",
        "properties": _METADATA,
    },
}
