"""A big organization's records, prompts and keys, made inside PostgreSQL: the data of `benchmarks.dashboard`.

What is drawn at random is drawn with a fixed seed. Records come day by day in the order of their start, as posting
would have inserted them, and those of several organizations lie between each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.models import User
from analytics.models import SeenValue
from orgs.models import ApiKey, Membership, Organization, Team
from prompts.models import Prompt, PromptActivation, PromptVersion

TIMEZONE = "Europe/Berlin"
DAYS = 395  # thirteen months
TEAMS, KEYS, PROMPTS, VERSIONS = 12, 40, 200, 5
FEATURES, CUSTOMERS, REGIONS = 30, 20, 10  # the tags, sixty
SLOTS = 65_536

# Provider, name asked for, name that answers, pico-USD per token in and out. The last one has no price.
MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 150_000, 600_000),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 3_000_000, 15_000_000),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", 2_500_000, 10_000_000),
    ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 1_000_000, 5_000_000),
    ("openai", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 400_000, 1_600_000),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14", 2_000_000, 8_000_000),
    ("anthropic", "claude-opus-4-1", "claude-opus-4-1-20250805", 15_000_000, 75_000_000),
    ("openai", "house-model", "house-model", None, None),
)

# Which prompts a key calls, and how often: every prompt has a key of its own, and keys call up to thirty more. Volumes
# fall off like Zipf's, over keys and over the prompts of a key. A key's calls without a prompt are prompt 0.
_SLOTS = """
CREATE TEMP TABLE bench_slot AS
WITH pair AS (
    SELECT key, prompt, row_number() OVER (PARTITION BY key ORDER BY hashint4(prompt * 41 + key)) AS rank
    FROM generate_series(1, %(keys)s) AS key, generate_series(0, %(prompts)s) AS prompt
    WHERE prompt = 0 OR prompt %% %(keys)s + 1 = key
       OR abs(hashint4(key * 1009 + prompt)) %% %(prompts)s < 30 / sqrt(key)
), weighed AS (
    SELECT key, prompt, CASE prompt WHEN 0 THEN 0.05 ELSE 1 / power(rank, 0.9) END / power(key, 0.8) AS weight FROM pair
), summed AS (
    SELECT key, prompt, weight,
           sum(weight) OVER (ORDER BY key, prompt) AS until, sum(weight) OVER () AS total
    FROM weighed
)
SELECT slot, key, prompt
FROM summed, LATERAL generate_series(
    ceil((until - weight) / total * %(slots)s)::int, ceil(until / total * %(slots)s)::int - 1
) AS slot
"""

# From which day on a prompt has which version, and the model of each: one, and another one that stands in for it.
_VERSIONS = """
CREATE TEMP TABLE bench_version AS
SELECT prompt, version,
       %(first)s::date + (version - 1) * %(days)s / %(versions)s
           + CASE version WHEN 1 THEN 0 ELSE abs(hashint4(prompt * 7 + version)) %% 60 - 30 END AS since,
       floor(power(abs(hashint4(prompt * 13 + version)) %% 1000 / 1000.0, 2) * %(models)s)::int AS model,
       abs(hashint4(prompt)) %% %(models)s AS stand_in
FROM generate_series(0, %(prompts)s) AS prompt, generate_series(1, %(versions)s) AS version
"""

_MODELS = (
    "CREATE TEMP TABLE bench_model (model int, provider text, asked text, name text, rate_in bigint, rate_out bigint)"
)

_KEYS = "CREATE TEMP TABLE bench_key (organization_id bigint, key int, team_id bigint, api_key_id bigint)"

# One day of one organization.
_RECORDS = """
WITH drawn AS MATERIALIZED (
    SELECT %(midnight)s::timestamptz + (number - random()) / %(count)s * interval '24 hours' AS started_at,
           floor(random() * %(slots)s)::int AS slot,
           random() AS fate, random() AS which, random() AS tags, random() AS feature, random() AS customer,
           random() AS region, random() AS size, random() AS speed, md5(random()::text) AS noise
    FROM generate_series(1, %(count)s) AS number
), named AS (
    SELECT drawn.*, prompt, team_id, api_key_id, provider, asked, name, rate_in, rate_out,
           CASE prompt WHEN 0 THEN 0 ELSE version END AS version,
           CASE WHEN fate < 0.975 THEN 200 WHEN fate < 0.99 THEN 429 WHEN fate < 0.996 THEN 500 ELSE 400 END AS status,
           fate BETWEEN 0.0 AND 0.005 AS is_simulated, fate BETWEEN 0.005 AND 0.015 AS is_estimated,
           fate BETWEEN 0.015 AND 0.018 AS is_partial, fate BETWEEN 0.018 AND 0.019 AS is_interrupted,
           (80 * exp(size * 4.5))::bigint AS tokens_in, (40 * exp(which * which * 4))::bigint AS tokens_out,
           CASE WHEN size > 0.6 THEN (1200 * speed)::bigint ELSE 0 END AS tokens_cached,
           (250 * exp(speed * 3.5))::int AS latency
    FROM drawn
    JOIN bench_slot USING (slot)
    JOIN bench_key USING (key)
    JOIN (
        SELECT DISTINCT ON (prompt) prompt, version, model, stand_in
        FROM bench_version WHERE since <= %(day)s ORDER BY prompt, version DESC
    ) AS active USING (prompt)
    JOIN bench_model ON bench_model.model = CASE WHEN which < 0.93 THEN active.model ELSE stand_in END
    WHERE bench_key.organization_id = %(organization_id)s
), priced AS (
    SELECT named.*, status = 200 AND NOT is_interrupted AS is_request,
           CASE WHEN status <> 200 OR is_simulated OR is_interrupted THEN 0 ELSE 1 END AS used
    FROM named
)
INSERT INTO analytics_usagerecord (
    id, started_at, local_day, organization_id, team_id, api_key_id, prompt_key, version, tags, provider, route, method,
    metering, model_requested, model, status, error_code, is_streamed, state,
    input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, input_audio_tokens, output_tokens,
    output_audio_tokens, reasoning_tokens, web_searches, service_tier, speed, inference_geo, other_models, usage_source,
    is_usage_partial, cost_pico_usd, cost_status, price_revision, is_request, is_error, latency_ms, first_byte_ms,
    first_token_ms, finish_reason, sdk_retry_count, provider_request_id, segment_id
)
SELECT
    (lpad(to_hex(floor(extract(epoch FROM started_at) * 1000)::bigint), 12, '0') || '7' || substr(noise, 1, 3)
        || '8' || substr(noise, 4, 15))::uuid,
    started_at, %(day)s, %(organization_id)s, team_id, api_key_id,
    CASE prompt WHEN 0 THEN '' ELSE 'prompt-' || lpad(prompt::text, 3, '0') END, version,
    CASE
        WHEN tags < 0.25 THEN '[]'
        ELSE '["feature-' || (prompt * 7 + floor(power(feature, 2) * 4)::int) %% %(features)s || '"'
            || CASE WHEN tags < 0.65 THEN '' ELSE ',"customer-' || floor(power(customer, 3) * %(customers)s) || '"' END
            || CASE WHEN tags < 0.9 THEN '' ELSE ',"region-' || floor(power(region, 2) * %(regions)s) || '"' END || ']'
    END::jsonb,
    provider, CASE provider WHEN 'openai' THEN 'chat/completions' ELSE 'messages' END, 'POST', 'metered',
    asked, CASE WHEN status = 200 AND NOT is_interrupted THEN name ELSE '' END, status,
    CASE status WHEN 200 THEN '' ELSE 'rate_limit_error' END, feature < 0.4,
    CASE WHEN is_simulated THEN 'simulated' WHEN is_interrupted THEN 'interrupted' ELSE 'complete' END,
    used * tokens_in, used * tokens_cached, 0, 0, 0, used * tokens_out, 0, 0, 0, '', '', '', '[]',
    CASE WHEN used = 0 THEN 'none' WHEN is_estimated THEN 'estimated' ELSE 'provider' END, is_partial,
    CASE WHEN is_interrupted OR (used = 1 AND rate_in IS NULL) THEN NULL
         ELSE used * ((tokens_in + tokens_cached / 10) * COALESCE(rate_in, 0) + tokens_out * COALESCE(rate_out, 0)) END,
    CASE WHEN is_simulated THEN 'simulated' WHEN is_interrupted THEN 'interrupted'
         WHEN used = 1 AND rate_in IS NULL THEN 'unpriced' WHEN is_estimated THEN 'estimated'
         WHEN is_partial THEN 'partial' ELSE 'priced' END,
    1, is_request, status <> 200, latency, latency - 10, CASE WHEN feature < 0.4 THEN latency / 3 END,
    CASE status WHEN 200 THEN 'stop' ELSE '' END, 0, 'req_' || substr(noise, 8, 24), noise::uuid
FROM priced ORDER BY started_at
"""


@dataclass(frozen=True)
class Plan:
    """An organization to be made: what it is called and how many records it gets."""

    name: str
    records: int


def create(plans: Sequence[Plan], today: date, report: Callable[[str], None]) -> list[Organization]:
    """Make the organizations with all their records, and no roll-ups; the last day is `today`."""
    first = today - timedelta(days=DAYS - 1)
    with transaction.atomic(), connection.cursor() as cursor:
        # In the transaction that empties the table PostgreSQL need not log what goes into it.
        cursor.execute("TRUNCATE analytics_usagerecord")
        cursor.execute("SELECT setseed(0.5)")
        numbers = {"keys": KEYS, "prompts": PROMPTS, "slots": SLOTS, "versions": VERSIONS, "days": DAYS}
        cursor.execute(_SLOTS, numbers)
        cursor.execute(_VERSIONS, {**numbers, "first": first, "models": len(MODELS)})
        cursor.execute(_MODELS)
        models = [(number, *model) for number, model in enumerate(MODELS)]
        cursor.executemany("INSERT INTO bench_model VALUES (%s, %s, %s, %s, %s, %s)", models)
        cursor.execute(_KEYS)
        cursor.execute("ANALYZE bench_slot; ANALYZE bench_version; ANALYZE bench_model")
        organizations = [_create_organization(plan.name, first) for plan in plans]
        indexes = _drop_indexes("analytics_usagerecord")
        counts = [_records_by_day(plan.records, first) for plan in plans]
        given: dict[str, Any] = {"slots": SLOTS, "features": FEATURES, "customers": CUSTOMERS, "regions": REGIONS}
        for number in range(DAYS):
            day = first + timedelta(days=number)
            for organization, by_day in zip(organizations, counts, strict=True):
                midnight = datetime.combine(day, datetime.min.time(), tzinfo=organization.tz).astimezone(UTC)
                given |= {"organization_id": organization.pk, "day": day, "midnight": midnight}
                cursor.execute(_RECORDS, {**given, "count": by_day[number]})
            if number % 30 == 29:
                report(f"records until {day}")
        report("indexes of the records")
        for statement in indexes:
            cursor.execute(statement)
    return organizations


def _records_by_day(total: int, first: date) -> list[int]:
    """Growing by a half over the time, weekends at 60 %."""
    days = [first + timedelta(days=number) for number in range(DAYS)]
    weights = [(1 + number / DAYS / 2) * (0.6 if day.weekday() >= 5 else 1) for number, day in enumerate(days)]
    ends = [round(total * sum(weights[: number + 1]) / sum(weights)) for number in range(DAYS)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _create_organization(name: str, first: date) -> Organization:
    """With teams, keys, prompts, versions and activations that match what the records will say, and an owner."""
    organization = Organization.objects.create(name=name, slug=name.lower().replace(" ", "-"), timezone=TIMEZONE)
    owner = User.objects.create_user(f"{organization.slug}@example.com")
    Membership.objects.create(organization=organization, user=owner, role=Membership.Role.OWNER)
    teams = Team.objects.bulk_create(
        Team(organization=organization, name=f"Team {number:02}") for number in range(1, TEAMS + 1)
    )
    keys = ApiKey.objects.bulk_create(
        ApiKey(
            organization=organization,
            team=teams[number * 7 % TEAMS],
            key_hash=f"{organization.pk}-{number}".encode().ljust(32, b"."),
            prefix=f"apc_{number:04}",
            last4=f"{number:04}",
            description=f"service-{number:02}",
        )
        for number in range(1, KEYS + 1)
    )
    with connection.cursor() as cursor:
        rows = [(organization.pk, number, key.team_id, key.pk) for number, key in enumerate(keys, 1)]
        cursor.executemany("INSERT INTO bench_key VALUES (%s, %s, %s, %s)", rows)
    _create_prompts(organization)
    tags = {"feature": FEATURES, "customer": CUSTOMERS, "region": REGIONS}
    SeenValue.objects.bulk_create(
        SeenValue(organization_id=organization.pk, kind=SeenValue.Kind.TAG, value=f"{name}-{number}", day=first)
        for name, count in tags.items()
        for number in range(count)
    )
    return organization


def _create_prompts(organization: Organization) -> None:
    prompts = Prompt.objects.bulk_create(
        Prompt(organization=organization, key=f"prompt-{number:03}", name=f"Prompt {number:03}")
        for number in range(1, PROMPTS + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prompt, version, since, lead(since) OVER (PARTITION BY prompt ORDER BY version), asked "
            "FROM bench_version JOIN bench_model USING (model) WHERE prompt > 0 ORDER BY prompt, version"
        )
        found = cursor.fetchall()
    versions = PromptVersion.objects.bulk_create(
        PromptVersion(prompt=prompts[prompt - 1], number=number, model=model) for prompt, number, _, _, model in found
    )
    PromptActivation.objects.bulk_create(
        PromptActivation(
            prompt=version.prompt,
            version=version,
            active_from=datetime.combine(since, datetime.min.time(), tzinfo=organization.tz),
            active_until=until and datetime.combine(until, datetime.min.time(), tzinfo=organization.tz),
        )
        for version, (_, _, since, until, _) in zip(versions, found, strict=True)
    )


def _drop_indexes(table: str) -> list[str]:
    """Drop them, the primary key aside; returns the statements that make them again: sorting once is much faster."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass)",
            [table, table],
        )
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]
