from django.db import migrations

_KEY = ("organization_id", "day", "team_id", "api_key_id", "prompt_key", "version", "provider", "model")
_TAGS = {
    "postgresql": "LEFT JOIN LATERAL jsonb_array_elements_text(tags) AS each (value) ON TRUE",
    "sqlite": "LEFT JOIN json_each(tags) AS each ON TRUE",
}
# Apart, because each has an index.
_FOUND = """
SELECT * FROM analytics_usagerecord WHERE is_error AND is_request
UNION ALL SELECT * FROM analytics_usagerecord WHERE cost_status = 'pending' AND is_request AND NOT is_error
"""
_COUNT = """
UPDATE {rollup} SET
    failed_request_count = counted.failed,
    unpriced_count = {rollup}.unpriced_count + {rollup}.pending_count - counted.pending,
    pending_count = counted.pending
FROM (
    SELECT {values},
           SUM(CASE WHEN is_error THEN 1 ELSE 0 END) AS failed,
           SUM(CASE WHEN cost_status = 'pending' THEN 1 ELSE 0 END) AS pending
    FROM ({found}) AS found {tags}
    GROUP BY {numbers}
) AS counted
WHERE {same}
"""


def count(apps, schema_editor):
    """Of the days that still have records. May be run again."""
    # Keeps posting out, which counts in the same rows.
    list(apps.get_model("orgs", "Organization").objects.order_by("pk").select_for_update().values_list("pk"))
    for rollup, key in (("analytics_dailyusage", _KEY), ("analytics_dailytagusage", (*_KEY, "tag"))):
        values = {
            "day": "local_day AS day",
            "model": "COALESCE(NULLIF(model, ''), model_requested) AS model",
            "tag": "COALESCE(each.value, '') AS tag",
        }
        schema_editor.execute(
            _COUNT.format(
                rollup=rollup,
                found=_FOUND,
                values=", ".join(values.get(name, name) for name in key),
                tags=_TAGS[schema_editor.connection.vendor] if "tag" in key else "",
                numbers=", ".join(str(number) for number in range(1, len(key) + 1)),
                same=" AND ".join(f"{rollup}.{name} = counted.{name}" for name in key),
            )
        )
    apps.get_model("analytics", "CondensedSpan").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("analytics", "0006_more_quantities")]

    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
