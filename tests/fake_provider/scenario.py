"""What a test may ask of the fake provider for one call: what the answer says, and how it travels.

A scenario comes from the test (`provider.script`), from the request header `x-fake-scenario`, or from the model name
(`gpt-4o@slow`); the last two work across processes. The text form is either a JSON object or a comma-separated list of
names and settings: `gzip, chunk_delay_ms=50, split_at=7:90`.
"""

import json
from typing import Literal

import msgspec

Moment = Literal["", "before-headers", "after-headers", "mid-body"]


class ToolCall(msgspec.Struct, frozen=True):
    name: str
    arguments: str  # JSON text


class Scenario(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every field's default means "as derived from the request"."""

    # --- What the answer says ---
    status: int = 0  # 4xx and 5xx answer with an error in the provider's shape
    error_type: str = ""  # the provider's name for the error, else the documented one of the status
    error_code: str = ""  # OpenAI's second name ("invalid_api_key", "insufficient_quota")
    retry_after: str = ""
    location: str = ""  # of a redirect
    model: str = ""  # the answering model, else the dated form of the requested one
    text: str | None = None
    text_bytes: int = 0  # makes the text at least this long
    refusal: str = ""
    thinking: str = ""
    finish: str = ""  # "length", "content_filter", "refusal", "pause_turn", ...
    tools: tuple[ToolCall, ...] = ()
    raw_body: str | None = None  # sent in place of the answer's body, JSON or not
    content_bytes: int = 0  # makes a binary answer (speech, a file) this long, whatever it holds
    has_all_events: bool = False  # a Responses stream with every kind of item, and so of event
    # Background responses and batches: how many retrievals it takes until they have ended (and the milliseconds that
    # must have passed), and how they end: "failed", "incomplete", "expired", ...
    polls: int = 2
    ends_after_ms: int = 0
    ends_as: str = ""

    # --- What it says was used. `prompt_tokens` is the provider's own figure: OpenAI's includes the cached, cache-write
    #     and audio ones, Anthropic's `input_tokens` excludes the cache. `output_tokens` includes reasoning, audio. ---
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0  # OpenAI's, and Anthropic's without a 5m/1h split
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    audio_seconds: float = 0  # the length of a recording, else its bytes by 16,000, rounded up
    web_searches: int = 0
    file_searches: int = 0
    service_tier: str = ""
    speed: str = ""
    inference_geo: str = ""
    has_usage: bool = True
    has_brief_delta_usage: bool = False  # Anthropic's older `message_delta`, with `output_tokens` alone
    usage: dict[str, object] = {}  # members laid over the final usage object as they are
    start_usage: dict[str, object] = {}  # the same for Anthropic's `message_start`

    # --- How it travels ---
    encoding: Literal["", "gzip", "deflate"] = ""  # used when the request accepts it
    is_encoding_forced: bool = False
    framing: Literal["", "content-length", "chunked", "close"] = ""
    headers: tuple[tuple[str, str], ...] = ()  # added to the answer's own
    informational: tuple[int, ...] = ()  # 1xx answers sent first
    has_trailers: bool = False
    has_crlf: bool = False  # ends the lines of a stream with CRLF
    head_delay_ms: int = 0
    chunk_delay_ms: int = 0
    split: int = 0  # bytes per write
    split_at: tuple[int, ...] = ()  # offsets of the body where one write ends and the next begins
    hold_at: Moment = ""  # silence from here on, until `provider.release()` or the client goes
    cut_at: Moment = ""
    cut_by: Literal["reset", "eof"] = "reset"
    at_event: int | None = None  # where "mid-body" is, in events (or writes); else half-way
    at_byte: int | None = None  # the same in bytes
    error_event: str = ""  # an error of this type in mid-stream, which ends the stream
    hangs_up: bool = False  # closes the kept-alive connection after the answer, unannounced
    garbage: Literal["", "status-line", "header", "endless-head", "chunk-size", "half-chunk", "event"] = ""


LOOKALIKE = ToolCall(
    "file_report",
    '{"usage": {"prompt_tokens": 999999, "completion_tokens": 999999, "input_tokens": 999999, '
    '"output_tokens": 999999}, "note": "\\"usage\\": {\\"total_tokens\\": 1}", "model": "not-the-model"}',
)

NAMED: dict[str, Scenario] = {
    "gzip": Scenario(encoding="gzip"),
    "deflate": Scenario(encoding="deflate"),
    "chunked": Scenario(framing="chunked"),
    "close": Scenario(framing="close"),
    "slow": Scenario(head_delay_ms=50, chunk_delay_ms=50),
    "bytewise": Scenario(split=1),
    "silent": Scenario(hold_at="before-headers"),
    "silent-after-headers": Scenario(hold_at="after-headers"),
    "silent-mid-body": Scenario(hold_at="mid-body"),
    "reset": Scenario(cut_at="mid-body", cut_by="reset"),
    "reset-before-headers": Scenario(cut_at="before-headers", cut_by="reset"),
    "early-eof": Scenario(cut_at="mid-body", cut_by="eof"),
    "eof-before-headers": Scenario(cut_at="before-headers", cut_by="eof"),
    "error-event": Scenario(error_event="overloaded_error"),
    "huge": Scenario(text_bytes=4 * 1024 * 1024),
    "trailers": Scenario(framing="chunked", has_trailers=True),
    "informational": Scenario(informational=(103,)),
    "redirect": Scenario(status=307, location="http://127.0.0.1:9/elsewhere"),
    "hangs-up": Scenario(hangs_up=True),
    "garbage": Scenario(garbage="status-line"),
    "garbage-header": Scenario(garbage="header"),
    "garbage-chunk": Scenario(garbage="chunk-size", framing="chunked"),
    "half-chunk": Scenario(garbage="half-chunk", framing="chunked"),
    "endless-head": Scenario(garbage="endless-head"),
    "garbage-event": Scenario(garbage="event"),
    "html": Scenario(raw_body="<html><body>Bad gateway</body></html>", headers=(("Content-Type", "text/html"),)),
    "bad-request": Scenario(status=400),
    "unauthorized": Scenario(status=401),
    "forbidden": Scenario(status=403),
    "not-found": Scenario(status=404),
    "too-large": Scenario(status=413),
    "rate-limited": Scenario(status=429, retry_after="2"),
    "no-quota": Scenario(status=429, error_type="insufficient_quota", error_code="insufficient_quota"),
    "server-error": Scenario(status=500),
    "unavailable": Scenario(status=503),
    "overloaded": Scenario(status=529),
    "no-usage": Scenario(has_usage=False),
    "length": Scenario(finish="length"),
    "refusal": Scenario(refusal="I'm sorry, but I can't help with that."),
    "tools": Scenario(tools=(LOOKALIKE,)),
    "two-tools": Scenario(tools=(LOOKALIKE, ToolCall("get_weather", '{"city": "Zürich", "days": 3}'))),
    "thinking": Scenario(thinking="Two facts are needed, and one of them is known.", reasoning_tokens=24),
    "web-search": Scenario(web_searches=2, prompt_tokens=2400),
    "cached": Scenario(prompt_tokens=1144, cached_tokens=1024),
    "cache-write": Scenario(prompt_tokens=2100, cache_write_5m_tokens=1031, cache_write_1h_tokens=512),
    "reasoning": Scenario(output_tokens=340, reasoning_tokens=320),
    "audio": Scenario(prompt_tokens=120, audio_input_tokens=80, output_tokens=90, audio_output_tokens=60),
    "all-events": Scenario(has_all_events=True),
    "crlf": Scenario(has_crlf=True),
    "file-search": Scenario(file_searches=1, prompt_tokens=2600),
    "never-ends": Scenario(polls=1_000_000),
    "fails": Scenario(ends_as="failed"),
    "incomplete": Scenario(ends_as="incomplete"),
    "expires": Scenario(ends_as="expired"),
    "flex": Scenario(service_tier="flex"),
    "priority": Scenario(service_tier="priority"),
}


def parse(text: str) -> Scenario:
    """Raises ValueError naming the part that is no scenario and no setting."""
    if text.lstrip().startswith("{"):
        return msgspec.json.decode(text, type=Scenario)
    settings: dict[str, object] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            if name not in NAMED:
                raise ValueError(f"no scenario is called {name!r}")
            settings.update(msgspec.to_builtins(NAMED[name]))
        elif name in Scenario.__struct_fields__:
            settings[name] = value.split(":") if name == "split_at" else value
        else:
            raise ValueError(f"a scenario has no {name!r}")
    return msgspec.convert(settings, Scenario, strict=False)


def as_text(scenario: Scenario) -> str:
    """The value for `x-fake-scenario` that says the same (ASCII only)."""
    return json.dumps(msgspec.to_builtins(scenario))
