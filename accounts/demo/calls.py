"""The demo's real calls: sent with the official SDKs through the proxy, and read back from the REST API."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

PROVIDER_KEYS = {"openai": "sk-demo-not-a-real-key", "anthropic": "sk-ant-demo-not-a-real-key"}
# The fake provider takes from this header what it is to report (tests/fake_provider/scenario.py).
_SCENARIO = "x-fake-scenario"
_ARRIVAL_SECONDS = 30


class DemoCallFailed(Exception):
    """A call did not work, or did not come to the ledger as it should. The message says which."""


@dataclass(frozen=True, slots=True)
class Tokens:
    input: int  # all of them, cached ones included
    output: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that was answered, as its client saw it."""

    prompt_key: str
    model: str
    is_streamed: bool
    tokens: Tokens | None  # None: a stream whose client did not ask for usage


@dataclass(frozen=True, slots=True)
class Booked:
    """The same call as the ledger has it."""

    tokens: Tokens
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class _Spent:
    request_count: int = 0
    tokens: Tokens = Tokens(0, 0)
    cost_usd: Decimal = Decimal(0)


class Client:
    """What a service of the demo's organization does: it knows the server and its platform key."""

    def __init__(self, url: str, platform_key: str) -> None:
        # Importing the SDKs takes a second, so nothing else waits for it.
        from anthropic import Anthropic
        from openai import OpenAI

        def headers(provider: str) -> dict[str, str]:
            return {"X-Provider-Key": PROVIDER_KEYS[provider]}

        self._url, self._key = url, platform_key
        today = datetime.now(UTC).date()
        # The same days each time, so that nothing but the calls makes the difference, around midnight too.
        self._days = {"start": str(today - timedelta(days=1)), "end": str(today + timedelta(days=1))}
        proxy = f"{url}/api/proxy/v1"
        self.openai = OpenAI(
            api_key=platform_key, base_url=f"{proxy}/openai", default_headers=headers("openai"), timeout=30
        )
        self.anthropic = Anthropic(
            api_key=platform_key, base_url=f"{proxy}/anthropic", default_headers=headers("anthropic"), timeout=30
        )

    def spent_by_prompt(self) -> dict[str, _Spent]:
        """GET /api/aggregations/by-prompt for the days around now."""
        found = self._get(f"/api/aggregations/by-prompt?{urllib.parse.urlencode(self._days)}")
        return {row["prompt_key"]: _spent(row) for row in found["prompts"]}

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(self._url + path, headers={"Authorization": f"Bearer {self._key}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read(), parse_float=Decimal, parse_int=int)
        except urllib.error.HTTPError as error:
            raise DemoCallFailed(f"GET {path} answered {error.code}: {error.read()[:300]!r}") from None


def _spent(row: dict[str, Any]) -> _Spent:
    parts = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    tokens = Tokens(sum(row[name] for name in parts), row["output_tokens"])
    return _Spent(row["request_count"], tokens, Decimal(row["total_cost"]))


# --- The calls. Each has a prompt key of its own, so that its cost is the difference of that key's sums. --------------


def _metadata(prompt_key: str, *tags: str) -> dict[str, Any]:
    return {"_aipromptcost": {"prompt_key": prompt_key, "feature_tags": ["demo", *tags]}}


def _openai_json(client: Client) -> Sent:
    answer = client.openai.chat.completions.create(
        model="gpt-4.1-mini",
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Summarize this document..."},
        ],
        extra_body=_metadata("document-summarizer", "documents"),
        extra_headers={_SCENARIO: "prompt_tokens=2381, output_tokens=364"},
    )
    assert answer.usage is not None
    tokens = Tokens(answer.usage.prompt_tokens, answer.usage.completion_tokens)
    return Sent("document-summarizer", answer.model, is_streamed=False, tokens=tokens)


def _openai_stream(client: Client) -> Sent:
    model = ""
    chunks = client.openai.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": "Write three drafts of a friendly answer."}],
        stream=True,
        extra_body=_metadata("email-drafts", "email"),
        extra_headers={_SCENARIO: "prompt_tokens=912, output_tokens=648, reasoning_tokens=256"},
    )
    for chunk in chunks:
        model = chunk.model
    return Sent("email-drafts", model, is_streamed=True, tokens=None)


def _openai_cached(client: Client) -> Sent:
    usage = None
    model = ""
    chunks = client.openai.chat.completions.create(
        model="gpt-5-nano",
        messages=[{"role": "user", "content": "Order these twenty hits."}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body=_metadata("search-rerank", "search"),
        extra_headers={_SCENARIO: "prompt_tokens=1490, cached_tokens=1024, output_tokens=58"},
    )
    for chunk in chunks:
        usage, model = chunk.usage or usage, chunk.model
    tokens = Tokens(usage.prompt_tokens, usage.completion_tokens) if usage else None
    return Sent("search-rerank", model, is_streamed=True, tokens=tokens)


def _anthropic_json(client: Client) -> Sent:
    answer = client.anthropic.messages.create(
        model="claude-haiku-4-5",
        max_tokens=200,
        messages=[{"role": "user", "content": "Which label fits this ticket?"}],
        extra_body=_metadata("ticket-triage", "support"),
        extra_headers={_SCENARIO: "prompt_tokens=1118, output_tokens=87"},
    )
    tokens = Tokens(answer.usage.input_tokens, answer.usage.output_tokens)
    return Sent("ticket-triage", answer.model, is_streamed=False, tokens=tokens)


def _anthropic_stream(client: Client) -> Sent:
    with client.anthropic.messages.stream(
        model="claude-sonnet-4-6",
        max_tokens=1024,
        messages=[{"role": "user", "content": "Where is my order?"}],
        extra_body=_metadata("chat-assistant", "chat"),
        extra_headers={_SCENARIO: "prompt_tokens=531, cached_tokens=2120, output_tokens=342"},
    ) as stream:
        answer = stream.get_final_message()
    read = answer.usage.cache_read_input_tokens or 0
    tokens = Tokens(answer.usage.input_tokens + read, answer.usage.output_tokens)
    return Sent("chat-assistant", answer.model, is_streamed=True, tokens=tokens)


CALLS: tuple[Callable[[Client], Sent], ...] = (
    _openai_json,
    _openai_stream,
    _openai_cached,
    _anthropic_json,
    _anthropic_stream,
)


def send_all(client: Client) -> list[Sent]:
    """Raises `DemoCallFailed` naming the call that failed."""
    sent = []
    for call in CALLS:
        try:
            sent.append(call(client))
        except Exception as error:  # Whatever the SDKs raise.
            raise DemoCallFailed(f"The call {call.__name__.strip('_')} failed: {error}") from error
    return sent


def read_back(client: Client, sent: list[Sent], before: dict[str, _Spent]) -> list[Booked]:
    """Waits until the ledger has every call. Raises `DemoCallFailed` when one is missing, unpriced or different."""
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while True:
        after = client.spent_by_prompt()
        gains = [_gain(after.get(call.prompt_key), before.get(call.prompt_key)) for call in sent]
        missing = [call.prompt_key for call, gain in zip(sent, gains, strict=True) if gain.request_count < 1]
        if not missing:
            break
        if time.monotonic() > deadline:
            raise DemoCallFailed(f"After {_ARRIVAL_SECONDS} s the ledger lacks the calls of {', '.join(missing)}.")
        time.sleep(0.1)
    for call, gain in zip(sent, gains, strict=True):
        if gain.request_count != 1 or gain.cost_usd <= 0 or call.tokens not in {None, gain.tokens}:
            raise DemoCallFailed(f"The ledger says {gain} of one call that its client saw as {call}.")
    return [Booked(gain.tokens, gain.cost_usd) for gain in gains]


def _gain(after: _Spent | None, before: _Spent | None) -> _Spent:
    new, old = after or _Spent(), before or _Spent()
    tokens = Tokens(new.tokens.input - old.tokens.input, new.tokens.output - old.tokens.output)
    return _Spent(new.request_count - old.request_count, tokens, new.cost_usd - old.cost_usd)
