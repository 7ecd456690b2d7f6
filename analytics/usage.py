"""The usage record: the frozen values that the proxied call writes to the journal and the ledger reads back.

Knows no Django, no network and no clock. A journal line is one `UsageRecord` as JSON. `FORMAT_VERSION` rises whenever
an older worker could misread a newer line; the worker leaves such lines unposted until it is upgraded.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

FORMAT_VERSION = 2  # 2: image tokens, durations, characters, batches, answers that come later
# The largest line. The caps on what a client controls (128-character keys, 20 tags of 64 characters) keep every line
# below it.
MAX_LINE_BYTES = 16 * 1024
MAX_TOKENS = 1_000_000_000  # A count above this is taken for garbage, clamped, and the record marked partial.

# How the quantities were obtained: from the provider's answer, counted in the request as the provider bills it (the
# characters of a text to be spoken), guessed from text lengths, or not at all.
UsageSource = Literal["provider", "request", "estimated", "none"]
# What kind of record it is: a call that ended; one that a crash cut off (its cost is unknown); a sandbox answer; one
# whose usage the provider tells later, in the answer to another call (a background response, a batch).
State = Literal["complete", "interrupted", "simulated", "pending"]
# Whether this route's usage can be read (`metered`), it is known to cost nothing (`free`: lists, retrievals, token
# counts), or the call was only forwarded and may cost something (`unmetered`).
Metering = Literal["metered", "free", "unmetered"]


class TokenUsage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Quantities in buckets that do not overlap, except `reasoning`, which is inside `output` and for information.

    Tokens, unless the name says otherwise. `input` and `output` hold text, and whatever the provider does not tell
    apart.
    """

    input: int = 0  # uncached
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    output: int = 0
    output_audio: int = 0
    output_image: int = 0
    reasoning: int = 0
    web_searches: int = 0
    file_searches: int = 0
    characters: int = 0  # of a text to be spoken, where speech is sold by them
    audio_ms: int = 0  # length of the recording, where transcription is sold by time
    service_tier: str = ""
    speed: str = ""
    inference_geo: str = ""
    # Clamped or contradictory numbers were seen, so the cost may be off.
    is_partial: bool = False
    # The share of the buckets above that is priced apart: at another model's rates (Anthropic's advisor), or by the
    # length of a prompt of its own (a compaction, the requests of a batch).
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
                self.input_image,
                self.output,
                self.output_audio,
                self.output_image,
                self.web_searches,
                self.file_searches,
                self.characters,
                self.audio_ms,
            )
        )


class OtherModelUsage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A share of a usage that is priced apart."""

    model: str
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    output: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    file_searches: int = 0
    # The longest prompt in this share, in tokens, for prices that depend on it; 0: the share is one prompt, its input.
    longest_prompt: int = 0


class Completion(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a later answer told of a call that is pending. The first final one counts, further ones are ignored."""

    object_id: str  # the provider's id of what was created: a response, a batch, or a file that an alias leads to
    model: str = ""
    usage: TokenUsage = TokenUsage()
    usage_source: UsageSource = "provider"
    error_code: str = ""  # the provider's error type, when it failed
    finish_reason: str = ""
    # False: summed up by the provider without the lengths of the single prompts, to be replaced by a final one.
    is_final: bool = True


class Alias(msgspec.Struct, frozen=True):
    """That what `name` (a file of results) holds belongs to `object_id` (its batch)."""

    name: str
    object_id: str


class CallFacts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known before the provider is called. Written to the in-flight slot, so that a crash leaves it behind."""

    v: int  # FORMAT_VERSION of the writer
    id: str  # UUIDv7, 32 hex digits
    started_at: int  # microseconds since the epoch, UTC
    organization_id: int
    team_id: int
    api_key_id: int
    provider: str
    route: str  # route class, as in proxy.providers: "chat/completions", "responses/{id}", or "other"
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
    object_id: str = ""  # of a pending call: what was created, by which a later answer refers to it
    # What this call's answer told of earlier calls.
    completion: Completion | None = None
    aliases: tuple[Alias, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.status >= 400 or self.state == "interrupted" or self.error_code not in {"", "client_disconnected"}


_OUTCOME = [field for field in msgspec.structs.fields(UsageRecord) if field.name not in CallFacts.__struct_fields__]
# What `UsageRecord` adds to the facts, alone.
Outcome: Callable[..., msgspec.Struct] = msgspec.defstruct(
    "Outcome",
    [(field.name, field.type, field.default) for field in _OUTCOME],
    omit_defaults=True,
    kw_only=True,
    gc=False,
)


class FactsWithoutCall:
    """The facts of many calls: all but `v`, `id` and `started_at`, encoded once."""

    __slots__ = ("_begun", "_facts", "_rest", "metering", "streamed")

    def __init__(self, **facts: Any) -> None:
        self._facts = facts
        made = CallFacts(v=FORMAT_VERSION, id="", started_at=0, **facts)
        self.metering = made.metering
        self.streamed = made.streamed
        begun, _, self._rest = encode_facts(made).decode().partition('"","started_at":0')
        self._begun = begun + '"'

    def encode(self, call_id: str, started_at: int) -> bytes:
        """As `encode_facts` of the facts with these. The id needs no escaping."""
        return f'{self._begun}{call_id}","started_at":{started_at}{self._rest}'.encode()

    def replace(self, **changed: Any) -> "FactsWithoutCall":
        return FactsWithoutCall(**{**self._facts, **changed})


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


def encode_ended(facts: bytes, outcome: msgspec.Struct) -> bytes:
    """The same line, from what `encode_facts` made at the call's start and an `Outcome`."""
    told = _encoder.encode(outcome)
    return facts + b"\n" if told == b"{}" else b"".join((facts[:-1], b",", told[1:], b"\n"))


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
