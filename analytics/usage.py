"""The usage record: the frozen values that the proxied call writes to the journal and the ledger reads back.

Knows no Django, no network and no clock. A journal line is one `UsageRecord` as JSON. `FORMAT_VERSION` rises whenever
an older worker could misread a newer line; the worker leaves such lines unposted until it is upgraded.
"""

from typing import Any, Literal

import msgspec

FORMAT_VERSION = 1
# The largest line. The caps on what a client controls (128-character keys, 20 tags of 64 characters) keep every line
# below it.
MAX_LINE_BYTES = 16 * 1024
MAX_TOKENS = 1_000_000_000  # A count above this is taken for garbage, clamped, and the record marked partial.

# How the token counts were obtained: from the provider's answer, guessed from text lengths, or not at all.
UsageSource = Literal["provider", "estimated", "none"]
# What kind of record it is: a call that ended; one that a crash cut off (its cost is unknown); a sandbox answer.
State = Literal["complete", "interrupted", "simulated"]
# Whether this route's usage can be read (`metered`), or the call was only forwarded (`unmetered`).
Metering = Literal["metered", "unmetered"]


class TokenUsage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Token counts in buckets that do not overlap, except `reasoning`, which is inside `output` and for information."""

    input: int = 0  # uncached
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    output: int = 0
    output_audio: int = 0
    reasoning: int = 0
    web_searches: int = 0
    service_tier: str = ""
    speed: str = ""
    inference_geo: str = ""
    # Clamped or contradictory numbers were seen, so the cost may be off.
    is_partial: bool = False
    # The share of the buckets above that belongs to other models (Anthropic's advisor), priced at their own rates.
    other_models: tuple["OtherModelUsage", ...] = ()

    @property
    def is_billable(self) -> bool:
        return any(
            (
                self.input,
                self.cache_read,
                self.cache_write_5m,
                self.cache_write_1h,
                self.input_audio,
                self.output,
                self.output_audio,
                self.web_searches,
            )
        )


class OtherModelUsage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    model: str
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0


class CallFacts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known before the provider is called. Written to the in-flight slot, so that a crash leaves it behind."""

    v: int  # FORMAT_VERSION of the writer
    id: str  # UUIDv7, 32 hex digits
    started_at: int  # microseconds since the epoch, UTC
    organization_id: int
    team_id: int
    api_key_id: int
    provider: str
    route: str  # route class: "chat/completions", "messages", or "other"
    method: str = "POST"
    metering: Metering = "metered"
    prompt_key: str = ""  # "" means none
    version: int = 0  # 0 means absent: resolved when posting
    tags: tuple[str, ...] = ()
    model_requested: str = ""
    streamed: bool = False
    sdk_retry_count: int = 0


class UsageRecord(CallFacts, frozen=True, omit_defaults=True, kw_only=True):
    """One call, as it ended. One journal line."""

    state: State = "complete"
    model: str = ""  # the answering model; "" when the answer named none
    status: int = 0  # the provider's HTTP status; 502 or 504 of ours when it gave none; 0 when interrupted
    error_code: str = ""  # ours ("upstream_unreachable", "client_disconnected", ...) or the provider's error type
    usage: TokenUsage = TokenUsage()
    usage_source: UsageSource = "none"
    latency_ms: int = 0  # from the request's arrival to the end of the answer
    first_byte_ms: int = -1  # to the first byte of the answer's body; -1 when none came
    first_token_ms: int = -1  # of a stream, to its first event with content; -1 when not a stream or none came
    finish_reason: str = ""
    provider_request_id: str = ""

    @property
    def is_error(self) -> bool:
        return self.status >= 400 or self.state == "interrupted" or self.error_code not in {"", "client_disconnected"}


class NewerFormat(ValueError):
    """A line was written by a newer release than this one. It must stay where it is until this worker is upgraded."""


class _Versioned(msgspec.Struct):
    v: int = 0


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(UsageRecord)
_version_decoder = msgspec.json.Decoder(_Versioned)
_facts_decoder = msgspec.json.Decoder(CallFacts)


def encode_line(record: UsageRecord) -> bytes:
    """One journal line, newline included."""
    return _encoder.encode(record) + b"\n"


def decode_line(line: bytes | str) -> UsageRecord:
    """Raises `NewerFormat` for a newer release's line, `msgspec.MsgspecError` (a ValueError) for anything
    unreadable.
    """
    if _version_decoder.decode(line).v > FORMAT_VERSION:
        raise NewerFormat("line of a newer format")
    return _decoder.decode(line)


def encode_facts(facts: CallFacts) -> bytes:
    return _encoder.encode(facts)


def decode_facts(raw: bytes) -> CallFacts:
    return _facts_decoder.decode(raw)


def ended(facts: CallFacts, **outcome: Any) -> UsageRecord:
    """The record of a call from its facts and the fields that `UsageRecord` adds to them."""
    return UsageRecord(**msgspec.structs.asdict(facts), **outcome)


def interrupted(facts: CallFacts) -> UsageRecord:
    """The record of a call whose process died: known call, unknown cost."""
    return ended(facts, state="interrupted", error_code="interrupted")
