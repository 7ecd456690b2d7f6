from django.db import migrations, models

_SUMS = (
    "pending_count",
    "failed_request_count",
    "input_image_tokens",
    "output_image_tokens",
    "file_searches",
    "characters",
    "audio_ms",
)
_DURATIONS = (
    "latency_sum_ms",
    "latency_count",
    "first_token_sum_ms",
    "first_token_count",
    *(f"{name}_b{number:02}" for name in ("latency", "first_token") for number in range(28)),
)
_QUANTITIES = ("input_image_tokens", "output_image_tokens", "file_searches", "characters", "audio_ms")
_COST_STATUSES = (
    "priced",
    "partial",
    "unpriced",
    "estimated",
    "simulated",
    "interrupted",
    "unmetered",
    "pending",
    "free",
)


def _sum(model):
    # What is condensed is never made without its sums.
    defaults = {"db_default": 0} if model.startswith("condensed") else {"default": 0, "db_default": 0}
    return models.BigIntegerField(**defaults)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_index_of_estimates")]

    operations = [
        # What is condensed lacks the new columns. First, because condensing locks them before it reads the roll-ups.
        migrations.RunSQL("DELETE FROM analytics_condensedspan", migrations.RunSQL.noop),
        *(
            migrations.AddField(model, name, _sum(model))
            for model in ("dailyusage", "dailytagusage", "condensedtotals", "condensedusage")
            for name in _SUMS
        ),
        *(migrations.AddField("condensedusage", name, models.BigIntegerField(null=True)) for name in _DURATIONS),
        *(
            migrations.AddField("ledgerrecord", name, models.PositiveBigIntegerField(default=0, db_default=0))
            for name in _QUANTITIES
        ),
        migrations.AddField("ledgerrecord", "object_id", models.CharField(default="", db_default="", max_length=128)),
        migrations.AlterField(
            "ledgerrecord",
            "cost_status",
            models.CharField(choices=[(name, name.capitalize()) for name in _COST_STATUSES], max_length=16),
        ),
    ]
