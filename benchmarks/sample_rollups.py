"""The roll-ups of `benchmarks.sample_usage`, derived from its records in SQL.

It says once more what `analytics.rollups.sums_of` says of one record; `check_day` holds the two together.
"""

from datetime import date, timedelta

from django.db import connection, models, transaction

from analytics import rollups
from analytics.models import DailyTagUsage, DailyUsage
from analytics.models.rollups import DAILY_KEY, DAILY_TAG_KEY, FIRST_TOKEN_COLUMNS, LATENCY_COLUMNS, SUM_COLUMNS
from orgs.models import Organization

_PRICED = "is_request AND cost_status IN ('priced', 'partial', 'estimated')"
_COUNTS = {
    "request_count": "is_request",
    "priced_count": _PRICED,
    "unpriced_count": "is_request AND cost_status = 'unpriced'",
    "partial_count": "is_request AND cost_status = 'partial'",
    "estimated_count": "is_request AND cost_status = 'estimated'",
    "unmetered_count": "is_request AND cost_status = 'unmetered'",
    "pending_count": "is_request AND cost_status = 'pending'",
    "interrupted_count": "cost_status = 'interrupted'",
    "error_count": "is_error",
    "failed_request_count": "is_request AND is_error",
    "latency_count": "is_request",
    "first_token_count": "is_request AND first_token_ms IS NOT NULL",
}
_SUMS = {
    "cost_pico_usd": "cost_pico_usd",
    "latency_sum_ms": "latency_ms) FILTER (WHERE is_request",
    "first_token_sum_ms": "first_token_ms) FILTER (WHERE is_request",
}
_BOUNDS = "ARRAY[" + ", ".join(f"{bound!r}::float8" for bound in (0.0, *rollups.BUCKET_BOUNDS_MS)) + "]"


def _value_of(column: str) -> str:
    if column in _COUNTS:
        return f"count(*) FILTER (WHERE {_COUNTS[column]})"
    for names, duration in ((LATENCY_COLUMNS, "latency_bucket"), (FIRST_TOKEN_COLUMNS, "first_token_bucket")):
        if column in names:
            return f"count(*) FILTER (WHERE is_request AND {duration} = {names.index(column)})"
    return f"COALESCE(sum({_SUMS.get(column, column)}), 0)"


def _insert(model: type[models.Model], key: tuple[str, ...]) -> str:
    values = {
        "day": "local_day",
        "model": "COALESCE(NULLIF(model, ''), model_requested)",
        **{column: _value_of(column) for column in SUM_COLUMNS},
    }
    columns = (*key, *SUM_COLUMNS)
    tags = "CROSS JOIN LATERAL jsonb_array_elements_text(CASE tags WHEN '[]' THEN '[\"\"]' ELSE tags END) AS tag"
    return f"""
        INSERT INTO {model._meta.db_table} ({", ".join(columns)})
        SELECT {", ".join(values.get(column, column) for column in columns)}
        FROM analytics_usagerecord {tags if "tag" in key else ""}
        CROSS JOIN LATERAL (SELECT width_bucket(latency_ms, {_BOUNDS}) - 1 AS latency_bucket,
                                   width_bucket(first_token_ms, {_BOUNDS}) - 1 AS first_token_bucket) AS buckets
        WHERE organization_id = %s AND cost_status NOT IN ('simulated', 'free') AND local_day = %s
          AND started_at >= %s::date - interval '2 days' AND started_at < %s::date + interval '3 days'
        GROUP BY {", ".join(str(number) for number in range(1, len(key) + 1))}
    """


def create(organizations: list[Organization], first: date, last: date) -> None:
    """Empty both roll-ups and fill them from the records of these organizations and days."""
    statements = [_insert(DailyUsage, DAILY_KEY), _insert(DailyTagUsage, DAILY_TAG_KEY)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {DailyUsage._meta.db_table}, {DailyTagUsage._meta.db_table}")
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL jit = off; SET LOCAL work_mem = '256MB'")
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            for organization in organizations:
                for statement in statements:
                    cursor.execute(statement, [organization.pk, day, day, day])


def check_day(organization: Organization, day: date) -> int:
    """Compute the day by `analytics.rollups` and compare; returns how many rows were the same. Changes nothing."""
    with transaction.atomic():
        derived = _rows_of(organization, day)
        rollups.rebuild(organization.pk, day, day)
        rebuilt = _rows_of(organization, day)
        transaction.set_rollback(True)
    if derived != rebuilt:
        raise AssertionError(f"the roll-ups of {day} are not those that analytics.rollups makes")
    return len(derived)


def _rows_of(organization: Organization, day: date) -> set[tuple[object, ...]]:
    rows: set[tuple[object, ...]] = set()
    for model, key in ((DailyUsage, DAILY_KEY), (DailyTagUsage, DAILY_TAG_KEY)):
        found = model.objects.filter(organization_id=organization.pk, day=day)
        # A row of zeros is as good as none: posting writes none.
        rows |= {row for row in found.values_list(*key, *SUM_COLUMNS) if any(row[len(key) :])}
    return rows
