"""An organization with usage of all kinds, and what each call must count as, worked out without the ledger."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics import periods
from analytics.reports import Scope, Sums
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Organization
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team

# Pico-USD for a token in and a token out: "Pricing" of OpenAI ($2.50 and $10 a million) and Anthropic ($3 and $15).
RATES = {
    ("openai", "gpt-4o-2024-08-06"): (2_500_000, 10_000_000),
    ("anthropic", "claude-sonnet-4-20250514"): (3_000_000, 15_000_000),
}
UNPRICED = ("openai", "a-model-nobody-sells")
MODELS = (*RATES, UNPRICED)
TAGS = ("search", "checkout", "untagged", 'say "hi", 50 % off', "é")
PROMPT_KEYS = ("", "summarizer", "chat", "Chat")
OUTCOMES: dict[str, dict[str, Any]] = {
    "success": {},
    "broken": {"error_code": "upstream_broken"},
    "failed": {"usage": TokenUsage(), "usage_source": "none", "status": 500, "error_code": "server_error"},
    "interrupted": {
        "usage": TokenUsage(),
        "usage_source": "none",
        "state": "interrupted",
        "status": 0,
        "error_code": "interrupted",
    },
    "simulated": {"state": "simulated"},
    "free": {"usage": TokenUsage(), "usage_source": "none", "metering": "free", "method": "GET", "status": 404},
    "pending": {"usage": TokenUsage(), "usage_source": "none", "state": "pending"},
}


@dataclass(frozen=True)
class Use:
    """One call that counts."""

    at: datetime
    day: date
    team_id: int
    api_key_id: int
    prompt_key: str
    version: int
    provider: str
    model: str
    tags: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    outcome: str

    @property
    def tags_counted(self) -> tuple[str, ...]:
        return self.tags or ("",)

    def is_in(self, scope: Scope) -> bool:
        wanted = {name: getattr(scope, name) for name in _NARROWING if getattr(scope, name) is not None}
        return (
            self.day in scope.period
            and scope.provider in {"", self.provider}
            and scope.tag in {None, *self.tags_counted}
            and all(getattr(self, name) == value for name, value in wanted.items())
        )

    @property
    def counts(self) -> Counter[str]:
        if self.outcome in {"failed", "interrupted"}:
            return Counter(error_count=1, interrupted_count=int(self.outcome == "interrupted"))
        counted = Counter(request_count=1, input_tokens=self.input_tokens, output_tokens=self.output_tokens)
        if self.outcome == "pending":
            return Counter(request_count=1, pending_count=1)
        counted["error_count"] = counted["failed_request_count"] = int(self.outcome == "broken")
        if (self.provider, self.model) == UNPRICED:
            return counted + Counter(unpriced_count=1)
        of_input, of_output = RATES[self.provider, self.model]
        return counted + Counter(
            priced_count=1, cost_pico_usd=self.input_tokens * of_input + self.output_tokens * of_output
        )


_NARROWING = ("prompt_key", "team_id", "api_key_id", "model", "version")


@dataclass(frozen=True)
class World:
    organization: Organization
    keys: list[ApiKey]
    uses: list[Use]  # without the simulated and free ones, which count nowhere

    def scope(self, period: periods.Period, **narrowing: Any) -> Scope:
        return Scope(self.organization.pk, period, **narrowing)

    def used_in(self, scope: Scope) -> list[Use]:
        return [use for use in self.uses if use.is_in(scope)]


def make_world(timezone: str, first: date, last: date, *, calls: int = 120, seed: int = 4) -> World:
    """Calls at random on these days, some of them at the very ends of days, posted through the ledger."""
    chance = random.Random(seed)
    organization = make_organization(timezone=timezone)
    teams = [make_team(organization) for _ in range(2)]
    keys = [make_key(team)[0] for team in (teams[0], teams[0], teams[1])]
    start, end = periods.moments_of(periods.Period(first, last), organization.tz)
    days = [periods.start_of(day, organization.tz) for day in periods.Period(first, last).days]
    edges = [
        day + timedelta(microseconds=by) for day in days for by in (-1, 0) if start <= day + timedelta(microseconds=by)
    ]
    records, uses = [], []
    for number in range(calls):
        at = chance.choice(edges) if number % 4 == 0 else start + (end - start) * chance.random()
        outcome = chance.choice(["success"] * 5 + list(OUTCOMES))
        key, (provider, model) = chance.choice(keys), chance.choice(MODELS)
        use = Use(
            at=at,
            day=periods.local_day(at, organization.tz),
            team_id=key.team_id,
            api_key_id=key.pk,
            prompt_key=chance.choice(PROMPT_KEYS),
            version=chance.choice([0, 1, 2]),
            provider=provider,
            model=model,
            tags=tuple(chance.sample(TAGS, chance.choice([0, 0, 1, 2, 3]))),
            input_tokens=chance.randint(1, 5000),
            output_tokens=chance.randint(0, 5000),
            outcome=outcome,
        )
        usage = TokenUsage(input=use.input_tokens, output=use.output_tokens)
        changes = {"usage": usage, "object_id": f"batch_{number}"} | OUTCOMES[outcome]
        # Some answers do not name their model: those count under the one that was asked for.
        named = {"model_requested": model, "model": "" if number % 7 == 0 else model}
        same = {name: getattr(use, name) for name in ("prompt_key", "version", "provider", "tags")}
        records.append(make_record(key, at=at, **same, **named, **changes))
        uses.append(use)
    post(*records, now=datetime(2026, 12, 31, tzinfo=UTC))
    return World(organization, keys, [use for use in uses if use.outcome not in {"simulated", "free"}])


def counted(uses: Iterable[Use]) -> Counter[str]:
    return sum((use.counts for use in uses), Counter[str]())


def counted_by(uses: Iterable[Use], value_of: Callable[[Use], Hashable]) -> dict[Any, Counter[str]]:
    return _without_empty((value_of(use), use.counts) for use in uses)


def counted_by_tag(uses: Iterable[Use], scope: Scope) -> dict[Any, Counter[str]]:
    """In a scope with a tag, under that one alone."""
    return _without_empty((tag, use.counts) for use in uses for tag in use.tags_counted if scope.tag in {None, tag})


def _without_empty(parts: Iterable[tuple[Any, Counter[str]]]) -> dict[Any, Counter[str]]:
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for value, counts in parts:
        found[value] += counts
    return {value: counts for value, counts in found.items() if counts}


def shown(sums: Sums | None) -> Counter[str]:
    """The same out of a report: whatever is not 0."""
    names = [name for name in Sums.__slots__ if getattr(sums, name)]
    return Counter({name: getattr(sums, name) for name in names})
