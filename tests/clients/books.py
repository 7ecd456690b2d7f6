"""What the ledger must say of a call, worked out from what the fake provider says was used, by rules of its own."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.fake_provider import Exchange, Used

BUCKETS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens",
    "input_image_tokens", "output_tokens", "output_audio_tokens", "output_image_tokens", "web_searches",
    "file_searches", "characters", "audio_ms",
)  # fmt: skip
Buckets = dict[str, int]
# POSTs that cost nothing (docs/proxy.md); every GET, HEAD and DELETE is free as well.
FREE_POSTS = frozenset({
    "files", "uploads", "uploads/{id}/parts", "uploads/{id}/complete", "moderations", "responses/{id}/cancel",
    "batches/{id}/cancel", "messages/count_tokens", "messages/batches/{id}/cancel",
})  # fmt: skip
# What these make is billed later, with a response in the background or a batch.
MADE = frozenset({"responses", "batches", "messages/batches"})
# Anthropic's older completions tell nothing of what they used: an estimate stands in.
ESTIMATED = frozenset({"complete"})


def booked(database: Path, organization_id: int) -> list[dict[str, Any]]:
    """The organization's records, in the order of their calls."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        sql = "SELECT * FROM analytics_usagerecord WHERE organization_id = ? ORDER BY id"
        rows = [dict(row) for row in connection.execute(sql, [organization_id])]
    return [row | {"tags": json.loads(row["tags"])} for row in rows]


def buckets_of(record: dict[str, Any]) -> Buckets:
    return {name: record[name] for name in BUCKETS if record[name]}


def find_misbookings(record: dict[str, Any], upstream: Exchange, later: list[Used]) -> list[str]:
    """In what the record says something else than the provider: buckets, model, status, whether it is a request."""
    used = what_was_used(upstream, later)
    is_free = record["method"] != "POST" or record["route"] in FREE_POSTS
    is_failed = upstream.status >= 400
    status = "priced" if used or is_failed else "unpriced"  # what a cancelled response has used is not told
    if is_free or record["route"] in ESTIMATED:
        status = "free" if is_free else "estimated"
    told = {
        "status": upstream.status,
        "provider_request_id": upstream.request_id,
        "cost_status": status,
        "is_request": not is_free and not is_failed,
        "is_error": is_failed,
        "sdk_retry_count": int(upstream.header("x-stainless-retry-count") or 0),
    }
    if upstream.usage is not None:
        told["model"] = upstream.model
    # Some answers do not name their model: the one that was asked for counts.
    record = record | {"model": record["model"] or record["model_requested"]}
    wrong = [f"{name} is {record[name]!r}, not {value!r}" for name, value in told.items() if record[name] != value]
    if status != "estimated" and buckets_of(record) != used:
        wrong.append(f"booked {buckets_of(record)}, used {used}")
    if bool(record["cost_pico_usd"]) != (bool(used) or status == "estimated"):
        wrong.append(f"the cost is {record['cost_pico_usd']}")
    return wrong


def what_was_used(upstream: Exchange, later: list[Used]) -> Buckets:
    """Of one call; `later` is what was billed with the response or batch that it made."""
    route = upstream.target.partition("/v1/")[2].partition("?")[0]
    total = Counter(_buckets(upstream.provider, route, upstream.usage) | upstream.tool_calls)
    for one in later:
        total.update(_buckets(upstream.provider, one.route, one.usage) | one.tool_calls)
    return dict(total)


def _buckets(provider: str, route: str, usage: dict[str, Any] | None) -> Buckets:
    if usage is None:
        return {}
    return _positive(_of_a_message(usage) if provider == "anthropic" else _of_openai(route, usage))


def _positive(found: Buckets) -> Buckets:
    return {name: count for name, count in found.items() if count}


def _of_openai(route: str, usage: dict[str, Any]) -> Buckets:
    if "characters" in usage:
        return {"characters": usage["characters"]}
    if usage.get("type") == "duration":
        return {"audio_ms": round(usage["seconds"] * 1000)}
    if route == "audio/speech":  # There is one price for what these models put out.
        return {"input_tokens": usage["input_tokens"], "output_tokens": usage["output_tokens"]}
    if route.startswith("audio/"):
        sound = usage["input_token_details"]["audio_tokens"]
        words = usage["input_token_details"]["text_tokens"]
        return {"input_tokens": words, "input_audio_tokens": sound, "output_tokens": usage["output_tokens"]}
    if route.startswith("images/"):
        sent = usage["input_tokens_details"]
        return {
            "input_tokens": sent["text_tokens"],
            "input_image_tokens": sent["image_tokens"],
            "output_image_tokens": usage["output_tokens"],
        }
    sent = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    received = usage.get("completion_tokens_details") or {}
    cached, written = sent.get("cached_tokens", 0), sent.get("cache_write_tokens", 0)
    heard, spoken = sent.get("audio_tokens", 0), received.get("audio_tokens", 0)
    prompt = usage["prompt_tokens"] if "prompt_tokens" in usage else usage["input_tokens"]
    output = usage.get("completion_tokens", usage.get("output_tokens", 0))
    return {
        "input_tokens": prompt - cached - written - heard,
        "cache_read_tokens": cached,
        "cache_write_5m_tokens": written,
        "input_audio_tokens": heard,
        "output_tokens": output - spoken,
        "output_audio_tokens": spoken,
    }


def _of_a_message(usage: dict[str, Any]) -> Buckets:
    split = usage.get("cache_creation") or {"ephemeral_5m_input_tokens": usage["cache_creation_input_tokens"]}
    return {
        "input_tokens": usage["input_tokens"],
        "cache_read_tokens": usage["cache_read_input_tokens"],
        "cache_write_5m_tokens": split["ephemeral_5m_input_tokens"],
        "cache_write_1h_tokens": split.get("ephemeral_1h_input_tokens", 0),
        "output_tokens": usage["output_tokens"],
        "web_searches": usage.get("server_tool_use", {}).get("web_search_requests", 0),
    }
