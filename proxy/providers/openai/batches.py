"""Batches: created, looked at, and the lines of their results (API reference, "Batch"; guide "Batch API")."""

from typing import Any

import msgspec

from analytics.usage import Alias, Completion, OtherModelUsage, TokenUsage
from proxy.providers.base import (
    MAX_ID,
    NULL,
    Asked,
    Counts,
    Reading,
    Route,
    generic,
    label,
    member,
    members_of,
)
from proxy.providers.openai import errors, images, responses
from proxy.providers.openai.routes import BATCHES
from proxy.providers.openai.usage import read_embedding_usage, read_response_usage, read_usage
from proxy.providers.shares import BUCKETS, BatchSum

_TERMINAL = ("completed", "failed", "expired", "cancelled")
_FREE_ENDPOINTS = ("/v1/moderations",)  # "Moderation"
_MAX_ALIASES = 50
_MAX_ALIAS_ID = 64  # so that a record with all its aliases stays below a journal line's limit


def read_created(route: Route, body: bytes, asked: Asked) -> Reading:
    """The batch is made; what it uses is told when its results are fetched. Batches are listed at the same address."""
    if route.metering == "free":
        return read_told(route, body, asked)
    reading = _reading_of(body)
    batch = generic_object(body)
    reading.model = label(batch.get("model"), 128)
    reading.object_id = label(batch.get("id"), MAX_ID)
    reading.is_pending = bool(reading.object_id)
    return reading


def read_told(route: Route, body: bytes, asked: Asked) -> Reading:
    """A batch looked at or cancelled, or the list of them: which files hold its results, and its own sum of usage."""
    reading = _reading_of(body)
    batch = generic_object(body)
    listed = batch.get("data")
    batches = listed if route.name == BATCHES and isinstance(listed, list) else [batch]
    aliases = [alias for each in batches for alias in _aliases_of(each)]
    reading.aliases = tuple(aliases[:_MAX_ALIASES])
    if route.name != BATCHES:
        reading.completion = _completion_of(batch)
    return reading


def generic_object(body: bytes) -> dict[str, Any]:
    members = members_of(body) or {}
    return {name: generic(raw) for name, raw in members.items()}


def _reading_of(body: bytes) -> Reading:
    reading = Reading()
    reading.is_finished = reading.is_usage_complete = True
    errors.note(members_of(body) or {}, reading)
    return reading


def _aliases_of(batch: Any) -> list[Alias]:
    batch_id = label(member(batch, "id"), MAX_ID)
    files = [label(member(batch, name), MAX_ID) for name in ("output_file_id", "error_file_id")]
    ids = [name for name in files if name and batch_id]
    return [Alias(name, batch_id) for name in ids if max(len(name), len(batch_id)) <= _MAX_ALIAS_ID]


def _completion_of(batch: dict[str, Any]) -> Completion | None:
    """The batch's own usage (SDK, `BatchUsage`): a sum over all requests, so the lengths of their prompts are not
    known, only how long they were on average. Without a single completed request it has cost nothing.
    """
    batch_id, status = label(batch.get("id"), MAX_ID), batch.get("status")
    if not batch_id or status not in _TERMINAL:
        return None
    requests = batch.get("request_counts")
    counts = Counts()
    completed = 0 if batch.get("endpoint") in _FREE_ENDPOINTS else counts.read(requests, "completed")
    failed = batch.get("errors")
    told = member(failed, "data")
    code = errors.code_of(told[0]) if isinstance(told, list) and told else "batch_failed"
    error_code = code if status == "failed" else ""
    model = label(batch.get("model"), 128)
    usage = batch.get("usage")
    if isinstance(usage, dict) and counts.read(usage, "input_tokens"):
        read = _summed(read_response_usage(usage, counts), model, completed)
        return Completion(
            object_id=batch_id, model=model, usage=read, error_code=error_code, finish_reason=status, is_final=False
        )
    is_known = isinstance(member(requests, "completed"), int) or status == "failed"
    if completed or not is_known:
        return None
    nothing = TokenUsage(service_tier="batch")
    return Completion(object_id=batch_id, model=model, usage=nothing, error_code=error_code, finish_reason=status)


def _summed(usage: TokenUsage, model: str, requests: int) -> TokenUsage:
    sent = usage.input + usage.cache_read + usage.cache_write_5m + usage.input_audio
    buckets = {name: getattr(usage, name) for name in BUCKETS}
    share = OtherModelUsage(model=model, longest_prompt=sent // max(requests, 1) or 1, **buckets)
    return msgspec.structs.replace(usage, service_tier="batch", other_models=(share,))


class _Result(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = NULL


class _Line(msgspec.Struct):
    custom_id: str | None
    response: _Result | None


_line_decoder = msgspec.json.Decoder(_Line)


class BatchResultsReader:
    """The lines of a file that may hold a batch's results. Any other file ends the reading with its first line."""

    def __init__(self, asked: Asked) -> None:
        self.reading = Reading()
        self.reading.is_usage_complete = True
        self._is_reading = bool(asked.object_id)
        self._file_id = asked.object_id
        self._sum = BatchSum()
        self._is_known = False

    def read(self, line: bytes) -> None:
        line = line.strip()
        if not self._is_reading or not line:
            return
        result = _decode_line(line)
        if result is None:
            self._is_reading = self._is_known
            self._sum.mark_partial()
            return
        self._is_known = True
        if 200 <= result.status_code < 300:
            self._add(result.body)

    def _add(self, body: msgspec.Raw) -> None:
        members = members_of(bytes(body)) or {}
        usage = generic(members.get("usage"))
        if usage is None and "results" in members:
            return  # a moderation, which is free
        if not isinstance(usage, dict):
            self._sum.mark_partial()
            return
        model = label(generic(members.get("model")), 128)
        kind = generic(members.get("object"))
        if "prompt_tokens" in usage:
            is_embedding = kind == "list" and "completion_tokens" not in usage
            self._sum.add(model, read_embedding_usage(usage) if is_embedding else read_usage(usage, model=model))
        elif kind == "response" or "data" not in members:
            self._sum.add(model, responses.usage_of(members) or TokenUsage())
        else:
            self._sum.add(model, images.read_usage(usage))

    def finish(self) -> None:
        """A file of nothing but errors completes nothing: the results may be in the batch's other file."""
        if self._is_known and self._sum.requests:
            self.reading.completion = Completion(
                object_id=self._file_id, model=self._sum.model, usage=self._sum.total(), finish_reason="completed"
            )


def _decode_line(line: bytes) -> _Result | None:
    """None for a line that is no batch result. One with an error in place of a response has used nothing."""
    try:
        decoded = _line_decoder.decode(line)
        return decoded.response or _Result()
    except (ValueError, RecursionError):
        members = members_of(line)
    if members is None or "custom_id" not in members or "response" not in members:
        return None
    response = members_of(bytes(members["response"])) or {}
    status = generic(response.get("status_code"))
    return _Result(status if isinstance(status, int) else 0, response.get("body", NULL))
