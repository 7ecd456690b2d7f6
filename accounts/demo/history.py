"""Believable usage records of any day in the demo's past: the same day always gives the same records, ids included.

Knows no Django, no network and no clock; who pays is given by ids.
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from accounts.demo.workload import HISTORY_DAYS, PROMPTS, PromptPlan, VersionPlan
from analytics.usage import FORMAT_VERSION, TokenUsage, UsageRecord

_GROWTH = 0.8  # at the end of the history there are that many more calls than at its start
# Share of a day's calls by hour, for people at work and for jobs in the night.
_BY_DAY = (1, 1, 0, 0, 0, 1, 3, 8, 16, 22, 24, 22, 16, 20, 24, 23, 20, 14, 9, 7, 6, 5, 3, 2)
_BY_NIGHT = (2, 24, 36, 24, 8, 2, *(0,) * 16, 1, 2)
_FAILURES = (  # share of calls, status, code, how long it takes in ms
    (0.012, 429, "rate_limit_error", 140),
    (0.004, 500, "api_error", 900),
    (0.002, 502, "upstream_unreachable", 10_000),
)


@dataclass(frozen=True, slots=True)
class Payer:
    organization_id: int
    team_id: int
    api_key_id: int


def records_of(day: date, first_day: date, payers: Mapping[PromptPlan, Payer]) -> list[UsageRecord]:
    """All calls of a day (UTC) in order of time. Days before `first_day` have none."""
    number = (day - first_day).days
    if number < 0:
        return []
    found: list[UsageRecord] = []
    for plan in PROMPTS:
        dice = random.Random(f"{day.isoformat()} {plan.prompt_key}")  # noqa: S311 - believable, not secret
        found += _records_of_plan(plan, day, number, payers[plan], dice)
    return sorted(found, key=lambda record: record.started_at)


def _records_of_plan(
    plan: PromptPlan, day: date, number: int, payer: Payer, dice: random.Random
) -> Iterator[UsageRecord]:
    version = next((item for item in reversed(plan.versions) if item.from_day <= number), None)
    if version is None or number < plan.from_day:
        return
    mean = plan.calls_a_day * (1 + _GROWTH * min(number / HISTORY_DAYS, 1))
    mean *= plan.weekend_factor if day.weekday() >= 5 else 1 + 0.12 * math.sin(number * 1.7)
    weights = _BY_NIGHT if plan.is_nightly else _BY_DAY
    for _ in range(max(0, round(dice.gauss(mean, math.sqrt(mean))))):
        (hour,) = dice.choices(range(24), weights)
        start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) + timedelta(seconds=dice.uniform(0, 3600))
        yield _record(plan, version, payer, start, dice)


def _record(plan: PromptPlan, version: VersionPlan, payer: Payer, start: datetime, dice: random.Random) -> UsageRecord:
    started_at = int(start.timestamp() * 1_000_000)
    call = UsageRecord(
        v=FORMAT_VERSION,
        id=uuid7(started_at // 1000, dice),
        started_at=started_at,
        organization_id=payer.organization_id,
        team_id=payer.team_id,
        api_key_id=payer.api_key_id,
        provider=plan.provider,
        route="chat/completions" if plan.provider == "openai" else "messages",
        prompt_key=plan.prompt_key,
        tags=plan.tags,
        model_requested=version.model,
        streamed=dice.random() < plan.streamed_share,
        provider_request_id=f"req_{dice.getrandbits(96):024x}",
    )
    roll = dice.random()
    for share, status, code, usual_ms in _FAILURES:
        if roll < share:
            latency_ms = round(usual_ms * dice.uniform(0.7, 1.6))
            return replace(call, status=status, error_code=code, latency_ms=latency_ms)
        roll -= share
    usage = _usage(plan, version, dice)
    first = round(dice.lognormvariate(6.1, 0.35))
    is_broken_off = call.streamed and dice.random() < 0.01
    return replace(
        call,
        model=version.answering_model,
        status=200,
        error_code="client_disconnected" if is_broken_off else "",
        usage=usage,
        usage_source="estimated" if is_broken_off else "provider",
        latency_ms=first + round(usage.output * dice.uniform(9, 17)),
        first_byte_ms=first,
        first_token_ms=first + 12 if call.streamed else -1,
        finish_reason="" if is_broken_off else "stop" if plan.provider == "openai" else "end_turn",
    )


def _usage(plan: PromptPlan, version: VersionPlan, dice: random.Random) -> TokenUsage:
    total = max(20, round(version.input_tokens * dice.lognormvariate(-0.05, 0.32)))
    output = max(5, round(version.output_tokens * dice.lognormvariate(-0.08, 0.4)))
    output = min(output, version.max_tokens or output)
    cached = round(version.input_tokens * version.cached_share)
    is_hit = dice.random() < version.hit_rate
    writes = cached if cached and not is_hit and plan.provider == "anthropic" else 0
    reads = cached if is_hit else 0
    return TokenUsage(
        input=max(12, total - reads - writes),
        cache_read=reads,
        cache_write_5m=writes,
        output=output,
        reasoning=round(output * version.reasoning_share),
        web_searches=dice.randint(0, plan.web_searches),
        service_tier="default" if plan.provider == "openai" else "standard",
    )


def uuid7(milliseconds: int, dice: random.Random) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) of that time, as 32 hexadecimal digits."""
    number = (milliseconds << 80) | (7 << 76) | (dice.getrandbits(12) << 64) | (2 << 62) | dice.getrandbits(62)
    return f"{number:032x}"
