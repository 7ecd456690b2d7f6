"""Whatever is posted, the API's lists add up to its totals, and both to what was used."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from analytics import periods, reports
from analytics.periods import Period
from analytics.reports import Dimension, Scope
from analytics.usage import TokenUsage, UsageRecord
from orgs.services import keys, teams
from prompts import services as prompts
from tests.analytics.aggregations import LISTS, Issued, ask, issue, send
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_organization, make_prompt, make_team, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# Pico-USD for a token in and a token out: "Pricing" of OpenAI ($2.50 and $10 a million) and Anthropic ($3 and $15).
RATES = {
    ("openai", "gpt-4o-2024-08-06"): (2_500_000, 10_000_000),
    ("anthropic", "claude-sonnet-4-20250514"): (3_000_000, 15_000_000),
}
UNPRICED = ("openai", "a-model-nobody-sells")
FIRST, LAST = date(2026, 3, 6), date(2026, 4, 6)  # clocks change in New York, Berlin and Santiago
ZONES = ("UTC", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "America/Santiago")
PROMPT_KEYS = ("", "versioned", "summarizer", "chat")  # the second has an active version: 3


class Use(NamedTuple):
    """One call, as drawn."""

    day: date
    offset: timedelta  # from the day's first moment; just before it, it is the day before
    team: int
    prompt_key: str
    version: int
    model: tuple[str, str]
    tokens: tuple[int, int]
    tags: frozenset[str]
    outcome: str


uses = st.builds(
    Use,
    day=st.dates(FIRST, LAST),
    offset=st.sampled_from([-1, 0, 1, 3600 * 10**6, 82_799_999_999]).map(lambda us: timedelta(microseconds=us)),
    team=st.integers(0, 2),
    prompt_key=st.sampled_from(PROMPT_KEYS),
    version=st.integers(0, 2),
    model=st.sampled_from([*RATES, UNPRICED]),
    tokens=st.tuples(st.integers(1, 5000), st.integers(0, 5000)),
    tags=st.frozensets(st.sampled_from(["documents", "chat", "untagged"]), max_size=2),
    outcome=st.sampled_from(["success", "success", "broken", "failed", "simulated", "interrupted"]),
)
ranges = st.tuples(st.dates(FIRST, LAST), st.dates(FIRST, LAST)).map(sorted)


def record_of(use: Use, issued: Issued, zone: ZoneInfo) -> UsageRecord:
    usage = TokenUsage(input=use.tokens[0], output=use.tokens[1])
    changes: dict[str, dict[str, Any]] = {
        "success": {"usage": usage},
        "broken": {"usage": usage, "error_code": "upstream_broken"},
        "failed": {"usage": TokenUsage(), "usage_source": "none", "status": 500, "error_code": "server_error"},
        "simulated": {"usage": usage, "state": "simulated"},
        "interrupted": {
            "usage": TokenUsage(),
            "usage_source": "none",
            "state": "interrupted",
            "status": 0,
            "error_code": "interrupted",
        },
    }
    return make_record(
        issued.key,
        at=periods.start_of(use.day, zone) + use.offset,
        provider=use.model[0],
        model_requested=use.model[1],
        model=use.model[1],
        prompt_key=use.prompt_key,
        version=use.version,
        tags=tuple(sorted(use.tags)),
        **changes[use.outcome],
    )


def sums_of(use: Use) -> Counter[str]:
    """What one call adds to the sums, worked out from the product's rules and not from the ledger."""
    if use.outcome == "interrupted":
        return Counter(interrupted_count=1, error_count=1)
    if use.outcome == "failed":
        return Counter(error_count=1)
    tokens = Counter(request_count=1, input_tokens=use.tokens[0], output_tokens=use.tokens[1])
    tokens["error_count"] = tokens["failed_request_count"] = int(use.outcome == "broken")
    if use.model not in RATES:
        return tokens + Counter(unpriced_count=1)
    pico_usd = sum(count * rate for count, rate in zip(use.tokens, RATES[use.model], strict=True))
    return tokens + Counter(priced_count=1, cost=pico_usd)


def expected_by(name_of: Callable[[Use], Hashable], used: Iterable[Use]) -> dict[Hashable, Counter[str]]:
    groups: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for use in used:
        groups[name_of(use)] += sums_of(use)
    return {name: +sums for name, sums in groups.items()}


def shown(sums: dict[str, Any]) -> Counter[str]:
    """The same out of an answer or one of its rows."""
    found = Counter({name: amount for name, amount in sums.items() if name.endswith(("_count", "_tokens"))})
    found["cost"] = int(Decimal(sums["total_cost"]) * 10**12)
    return +found


def shown_by(name: str, rows: list[dict[str, Any]]) -> dict[Hashable, Counter[str]]:
    found = {row[name]: shown(row) for row in rows}
    assert len(found) == len(rows)
    assert [row["total_cost"] for row in rows] == sorted((row["total_cost"] for row in rows), reverse=True)
    return found


def version_of(use: Use) -> int | None:
    return use.version or (3 if use.prompt_key == "versioned" else None)


def day_of(use: Use, zone: ZoneInfo) -> date:
    return periods.local_day(periods.start_of(use.day, zone) + use.offset, zone)


class World(NamedTuple):
    zone: ZoneInfo
    teams: list[Issued]
    reader: Issued  # the key that asks; it spent nothing


def make_world(timezone: str) -> World:
    organization = make_organization(timezone=timezone)
    version = make_version(make_prompt(organization, "versioned"), number=3)
    prompts.activate(version=version, now=datetime(2025, 1, 1, tzinfo=UTC))
    spenders = [issue(make_team(organization, name)) for name in ("first", "archived", "revoked")]
    return World(ZoneInfo(timezone), spenders, issue(make_team(organization, "reader")))


@given(
    timezone=st.sampled_from(ZONES),
    drawn=st.lists(uses, max_size=14),
    days=ranges,
    provider=st.sampled_from(["", "openai", "anthropic"]),
    walked=st.sampled_from(sorted(LISTS)),
    limit=st.integers(3, 12),
)
# Every example writes to the database, so a failing one is shown as it was drawn: making it smaller takes minutes.
@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_list_adds_up_to_the_total_and_to_what_was_used(
    timezone: str, drawn: list[Use], days: list[date], provider: str, walked: str, limit: int
) -> None:
    world = make_world(timezone)
    for part in (drawn[::2], drawn[1::2]):
        receipt = post(
            *(record_of(use, world.teams[use.team], world.zone) for use in part), now=datetime(2026, 4, 8, tzinfo=UTC)
        )
        assert receipt.rejected_count == 0
    teams.archive(team=world.teams[1].team)
    keys.revoke(key=world.teams[2].key)

    period = Period(*days)
    counted = [
        use
        for use in drawn
        if day_of(use, world.zone) in period and use.outcome != "simulated" and provider in {"", use.model[0]}
    ]
    question = {"start": str(period.start), "end": str(period.end)} | ({"provider": provider} if provider else {})
    check_answers(world, question, counted)
    check_lists(world, question, period, counted)
    check_walk(world, question, walked, limit)
    check_dimensions(Scope(world.reader.organization.pk, period, provider), counted)


def check_answers(world: World, question: dict[str, str], counted: list[Use]) -> None:
    total = sum((sums_of(use) for use in counted), Counter[str]())
    assert shown(ask("monthly", world.reader.text, **question)) == total

    by_prompt = ask("by-prompt", world.reader.text, **question)
    assert shown(by_prompt) == total
    assert shown_by("prompt_key", by_prompt["prompts"]) == expected_by(lambda use: use.prompt_key or "unknown", counted)

    by_team = ask("by-team", world.reader.text, **question)
    assert shown(by_team) == total
    assert shown_by("team_name", by_team["teams"]) == expected_by(lambda use: world.teams[use.team].team.name, counted)

    for prompt_key in ("unknown", *PROMPT_KEYS[1:]):
        of_prompt = [use for use in counted if (use.prompt_key or "unknown") == prompt_key]
        answer = ask("version-comparison", world.reader.text, prompt_key=prompt_key, **question)
        assert shown(answer) == sum((sums_of(use) for use in of_prompt), Counter[str]())
        assert shown_by("version_number", answer["versions"]) == expected_by(version_of, of_prompt)


def check_lists(world: World, question: dict[str, str], period: Period, counted: list[Use]) -> None:
    total = sum((sums_of(use) for use in counted), Counter[str]())

    by_key = ask("by-key", world.reader.text, **question)
    assert shown(by_key) == total
    spenders: dict[Hashable, int] = {issued.key.pk: number for number, issued in enumerate(world.teams)}
    by_number = {spenders[key]: sums for key, sums in shown_by("api_key_id", by_key["keys"]).items()}
    assert by_number == expected_by(lambda use: use.team, counted)

    by_model = ask("by-model", world.reader.text, **question)
    assert shown(by_model) == total
    assert shown_by("model", by_model["models"]) == expected_by(lambda use: use.model[1], counted)

    daily = ask("daily", world.reader.text, **question)
    assert shown(daily) == total
    assert [row["day"] for row in daily["days"]] == [str(day) for day in period.days]
    on_days = {row["day"]: shown(row) for row in daily["days"] if shown(row)}
    assert on_days == expected_by(lambda use: str(day_of(use, world.zone)), counted)

    by_tag = ask("by-tag", world.reader.text, **question)
    assert shown(by_tag) == total  # each request once, though its tags have it once each
    of_tags = {(row["tag"], row["is_untagged"]): shown(row) for row in by_tag["tags"]}
    tagged = [(use, tag) for use in counted for tag in use.tags or {""}]
    expected: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for use, tag in tagged:
        expected[tag or "untagged", not tag] += sums_of(use)
    assert of_tags == {name: +sums for name, sums in expected.items()}


def check_walk(world: World, question: dict[str, str], endpoint: str, limit: int) -> None:
    """Page by page and as a file, the list has the rows of the whole answer."""
    if endpoint == "version-comparison":
        question = question | {"prompt_key": "versioned"}
    whole = ask(endpoint, world.reader.text, **question)
    rows, place = list[dict[str, Any]](), dict[str, str]()
    while True:
        page = ask(endpoint, world.reader.text, limit=f"{limit}", **question, **place)
        rows += page[LISTS[endpoint]]
        assert page["total_cost"] == whole["total_cost"]
        if page["next_cursor"] is None:
            break
        place = {"cursor": page["next_cursor"]}
    assert rows == whole[LISTS[endpoint]]
    file = send(endpoint, world.reader.text, {**question, "format": "csv"})
    written = csv.DictReader(io.StringIO(file.content.decode(), newline=""))
    assert [Decimal(line["total_cost"]) for line in written] == [row["total_cost"] for row in rows]


def check_dimensions(scope: Scope, counted: list[Use]) -> None:
    total = reports.get_total(scope)
    dimensions: tuple[Dimension, ...] = ("prompt_key", "team_id", "api_key_id", "version", "provider", "model", "day")
    for dimension in dimensions:
        groups = reports.sums_by(scope, dimension)
        assert sum(sums.cost_pico_usd for sums in groups.values()) == total.cost_pico_usd
        assert sum(sums.request_count for sums in groups.values()) == total.request_count
    assert set(reports.sums_by(scope, "model")) == {use.model[1] for use in counted}


def test_prompt_keys_over_the_days_cap_stay_in_the_sum(settings: Settings) -> None:
    settings.NEW_VALUES_PER_DAY = 2
    world = make_world("Asia/Kathmandu")
    post(*(make_record(world.teams[0].key, prompt_key=f"{number}") for number in range(6)))

    answer = ask("by-prompt", world.reader.text, start="2026-02-01", end="2026-02-28")

    assert {row["prompt_key"]: row["request_count"] for row in answer["prompts"]} == {"0": 1, "1": 1, "(other)": 4}
    assert sum(row["total_cost"] for row in answer["prompts"]) == answer["total_cost"] == Decimal("0.021")
