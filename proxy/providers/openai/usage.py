"""OpenAI's usage objects of text: of chat and legacy completions, of responses and of embeddings."""

from typing import Any, NamedTuple

import msgspec

from analytics.usage import TokenUsage
from proxy.providers.base import Count, Counts, label, member

# Chat models that search the web once for every request, at a fee per call ("Pricing", built-in tools, web search).
_SEARCH_MODEL_MARKS = ("-search-preview", "-search-api")


class _Names(NamedTuple):
    sent: str
    received: str
    sent_details: str
    received_details: str


_SENT = ("cached_tokens", "cache_write_tokens", "audio_tokens")
_RECEIVED = ("audio_tokens", "reasoning_tokens")
_CHAT = _Names("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_RESPONSE = _Names("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Count | None = 0
    cache_write_tokens: Count | None = 0
    audio_tokens: Count | None = 0
    reasoning_tokens: Count | None = 0


_NOTHING_SPECIAL = _Details()


class UsualUsage(msgspec.Struct, gc=False):
    """The usage object of a completion, as nearly all are. Another one is no such, and `read_usage` reads it."""

    prompt_tokens: Count
    completion_tokens: Count
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


def of_usual(usage: UsualUsage, model: str, service_tier: str | None) -> TokenUsage | None:
    """What `read_usage` makes of it; None where its numbers contradict each other, which is to be read with care."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    cached = written = audio_in = audio_out = reasoning = 0
    if (sent := usage.prompt_tokens_details) is not None and sent != _NOTHING_SPECIAL:
        cached, written, audio_in = sent.cached_tokens or 0, sent.cache_write_tokens or 0, sent.audio_tokens or 0
        prompt -= cached + written + audio_in
    if (received := usage.completion_tokens_details) is not None and received != _NOTHING_SPECIAL:
        audio_out, reasoning = received.audio_tokens or 0, received.reasoning_tokens or 0
        if audio_out > completion or reasoning > completion:
            return None
    if prompt < 0:
        return None
    return TokenUsage(
        input=prompt,
        cache_read=cached,
        cache_write_5m=written,
        input_audio=audio_in,
        output=completion - audio_out,
        output_audio=audio_out,
        reasoning=reasoning,
        service_tier=label(service_tier) if service_tier else "",
        web_searches=_searches(model) if "-search-" in model else 0,
    )


def _searches(model: str) -> int:
    return 1 if any(mark in model for mark in _SEARCH_MODEL_MARKS) else 0


def read_usage(usage: dict[str, Any], *, model: str = "", service_tier: str = "") -> TokenUsage:
    """The usage object of a completion (API reference, "The chat completion object", `usage`).

    `prompt_tokens` includes the cached, cache-written and audio tokens, `completion_tokens` the reasoning and audio
    tokens, so that uncached text is what remains.
    """
    return _read(_CHAT, usage, Counts(), service_tier=service_tier, web_searches=_searches(model))


def read_response_usage(usage: dict[str, Any], counts: Counts, **more: Any) -> TokenUsage:
    """The usage object of a response ("The response object", `usage`): the same under other names.

    What it does not hold, `more` adds; `counts` may already know that something is off.
    """
    # Prices are known for the shorter of the two retentions (SDK: `InputTokensDetailsCacheWriteTokensDetails`).
    kept = member(member(usage, "input_tokens_details"), "cache_write_tokens_details")
    if counts.read(kept, "ttl_12h_tokens"):
        counts.is_partial = True
    return _read(_RESPONSE, usage, counts, **more)


def _read(names: _Names, usage: dict[str, Any], counts: Counts, *, service_tier: str = "", **more: Any) -> TokenUsage:
    sent, received = usage.get(names.sent_details), usage.get(names.received_details)
    cached, written, audio_in = counts.read_each(sent, _SENT)
    audio_out, reasoning = counts.read_each(received, _RECEIVED)
    prompt, completion = counts.require(usage, names.sent), counts.require(usage, names.received)
    if reasoning > completion:
        reasoning = counts.clamp(reasoning, most=completion)
    return TokenUsage(
        input=counts.clamp(prompt - cached - written - audio_in),
        cache_read=cached,
        cache_write_5m=written,
        input_audio=audio_in,
        output=counts.clamp(completion - audio_out),
        output_audio=audio_out,
        reasoning=reasoning,
        service_tier=label(service_tier) if service_tier else "",
        is_partial=counts.is_partial,
        **more,
    )


def read_embedding_usage(usage: dict[str, Any]) -> TokenUsage:
    """API reference, "Create embeddings": what goes in is all there is."""
    counts = Counts()
    tokens = counts.require(usage, "prompt_tokens")
    return TokenUsage(input=tokens, is_partial=counts.is_partial)
