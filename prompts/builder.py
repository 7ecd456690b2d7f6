"""What may be sent to which model and why not, what a call will cost, and what a file of code is called. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from analytics.pricing import BUCKETS, Rates, price
from analytics.usage import TokenUsage
from prompts.snippets import ANTHROPIC_MAX_TOKENS, Kind

CALLS = 1000
# What an estimate goes by until somebody says, or measures, better.
ASSUMED = TokenUsage(input=1000, output=300)

_CLAUDE = re.compile(r"(?:ft:)?claude", re.IGNORECASE)
_OPENAI = re.compile(r"(?:ft:)?(?:gpt|chatgpt|o\d)", re.IGNORECASE)
# From gpt-5 on and the o-series: they reason before they answer. The models of ChatGPT itself do not.
_REASONS = re.compile(r"(?:ft:)?(?:gpt-(?:[5-9]|\d\d)(?![\d])(?!.*chat)|o\d)", re.IGNORECASE)
_RESPONSES_ONLY = re.compile(r"-(?:pro|codex|deep-research)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rules:
    """Which parameters a model's requests may carry. `temperature_off` says why not, or is empty."""

    limit_name: str
    limit_note: str
    temperature_off: str = ""
    notes: tuple[str, ...] = ()


def rules_for(provider: str, model: str) -> Rules:
    if provider == "anthropic":
        return Rules(
            "max_tokens",
            f"Anthropic asks for a limit in every request. Left empty, the code says {ANTHROPIC_MAX_TOKENS:,}.",
            "No temperature: Anthropic refuses it since its API version of October 2026, which current SDKs ask for.",
        )
    notes: tuple[str, ...] = ()
    if _RESPONSES_ONLY.search(model):
        notes = (f"OpenAI offers {model} on its Responses API alone; this code calls Chat Completions.",)
    if not _REASONS.match(model):
        return Rules("max_completion_tokens", "Sent as max_completion_tokens, which all models take.", notes=notes)
    return Rules(
        "max_completion_tokens",
        "Sent as max_completion_tokens: this model refuses max_tokens. Its reasoning counts too.",
        f"No temperature: {model} reasons before it answers, and such models take only their own.",
        notes,
    )


def provider_of(model: str) -> str:
    """Whose model it is by its name; empty where the name does not tell."""
    if _CLAUDE.match(model):
        return "anthropic"
    return "openai" if _OPENAI.match(model) else ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Exact pico-USD, None where no price is known. `is_partial`: a price of some tokens had to be stood in for."""

    usage: TokenUsage
    per_call: int | None
    is_partial: bool = False

    @property
    def per_thousand(self) -> int | None:
        return None if self.per_call is None else self.per_call * CALLS


def average_usage(tokens: Mapping[str, int], count: int) -> TokenUsage:
    """What one of `count` calls used of each bucket, halves rounded up. `tokens` holds their sums by bucket."""
    averages = {name: (2 * total + count) // (2 * count) for name, total in tokens.items() if name in BUCKETS}
    return msgspec.convert(averages, TokenUsage)


def with_typed(usage: TokenUsage, *, input_tokens: int | None, output_tokens: int | None) -> TokenUsage:
    """What somebody typed in the place of an average. Typed input is input without caching or sound."""
    if input_tokens is not None:
        usage = TokenUsage(
            input=input_tokens,
            output=usage.output,
            output_audio=usage.output_audio,
            web_searches=usage.web_searches,
        )
    if output_tokens is not None:
        usage = msgspec.structs.replace(usage, output=output_tokens, output_audio=0)
    return usage


def estimate(usage: TokenUsage, rates: Rates | None) -> Estimate:
    cost = price(usage, rates)
    return Estimate(usage, cost.pico_usd, cost.status == "partial")


def file_name(prompt_key: str, kind: Kind) -> str:
    """Never the name of a module that the code imports: a file `openai.py` would import itself."""
    between = "_" if kind.language in {"python", "go"} else "-"
    words = re.findall(r"[a-z0-9]+", prompt_key.lower())[:8]
    return f"{between.join([*words, 'request'])[-80:].lstrip('-_')}.{kind.ending}"
