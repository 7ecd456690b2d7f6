from django.db import migrations, models

_NEW_QUANTITIES = ("input_image_tokens", "output_image_tokens", "file_searches", "characters", "audio_ms")
_NEW_SUMS = ("pending_count", "failed_request_count", *_NEW_QUANTITIES)
_FIGURES = (
    "request_count",
    "priced_count",
    "unpriced_count",
    "partial_count",
    "estimated_count",
    "unmetered_count",
    "pending_count",
    "interrupted_count",
    "error_count",
    "failed_request_count",
    "cost_pico_usd",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "reasoning_tokens",
    "web_searches",
    "file_searches",
    "characters",
    "audio_ms",
)
_DURATIONS = ("latency_sum_ms", "latency_count", "first_token_sum_ms", "first_token_count")
_BUCKETS = tuple(f"{name}_b{number:02}" for name in ("latency", "first_token") for number in range(28))
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


class AddColumns(migrations.SeparateDatabaseAndState):
    """Numbers that begin at 0, without the table being written anew (SQLite) or read once for each (PostgreSQL)."""

    def __init__(self, model, names, field):
        self.model, self.names, self.field = model, names, field
        operations = [migrations.AddField(model, name, field(default=0, db_default=0)) for name in names]
        super().__init__(database_operations=operations, state_operations=operations)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        model = to_state.apps.get_model(app_label, self.model)
        added = []
        for name in self.names:
            parameters = model._meta.get_field(name).db_parameters(schema_editor.connection)
            check = f" CHECK ({parameters['check']})" if parameters["check"] else ""
            added.append(f"ADD COLUMN {name} {parameters['type']} DEFAULT 0 NOT NULL{check}")
        for columns in [", ".join(added)] if schema_editor.connection.vendor == "postgresql" else added:
            schema_editor.execute(f"ALTER TABLE {model._meta.db_table} {columns}")


def _key():
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("organization_id", models.BigIntegerField()),
        ("kind", models.PositiveSmallIntegerField(choices=[(1, "Day"), (7, "Week"), (31, "Month")])),
        ("tag", models.CharField(max_length=64, null=True)),
        ("start", models.DateField()),
        ("provider", models.CharField(max_length=32)),
        ("model", models.CharField(max_length=200)),
    ]


def _sums(*names):
    return [(name, (models.IntegerField if name in _BUCKETS else models.BigIntegerField)(null=True)) for name in names]


def _index(name, *fields, **conditions):
    return models.Index(fields=["organization_id", "kind", *fields], name=name, **conditions)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_index_of_estimates")]

    operations = [
        # What was condensed is made again, with all columns. First, because condensing locks these before it reads.
        migrations.RunSQL("DELETE FROM analytics_condensedspan", migrations.RunSQL.noop),
        migrations.DeleteModel("CondensedTotals"),
        migrations.DeleteModel("CondensedUsage"),
        migrations.CreateModel(
            "CondensedTotals",
            [*_key(), *_sums(*_FIGURES)],
            {
                "verbose_name_plural": "condensed totals",
                "indexes": [_index("condensed_totals_by_span", "tag", "start")],
            },
        ),
        migrations.CreateModel(
            "CondensedUsage",
            [
                *_key(),
                ("team_id", models.BigIntegerField()),
                ("api_key_id", models.BigIntegerField()),
                ("prompt_key", models.CharField(max_length=128)),
                ("version", models.PositiveIntegerField()),
                *_sums(*_FIGURES, *_DURATIONS, *_BUCKETS),
            ],
            {
                "verbose_name_plural": "condensed usage",
                "indexes": [
                    _index("condensed_usage_by_span", "start", "tag"),
                    *(
                        _index(f"condensed_{rows}_by_{name}", column, "start", condition=models.Q(tag__isnull=is_null))
                        for name, column in (("prompt", "prompt_key"), ("key", "api_key_id"))
                        for rows, is_null in (("usage", True), ("tags", False))
                    ),
                ],
            },
        ),
        AddColumns("dailyusage", _NEW_SUMS, models.BigIntegerField),
        AddColumns("dailytagusage", _NEW_SUMS, models.BigIntegerField),
        AddColumns("ledgerrecord", _NEW_QUANTITIES, models.PositiveBigIntegerField),
        migrations.AddField("ledgerrecord", "object_id", models.CharField(default="", db_default="", max_length=128)),
        migrations.AlterField(
            "ledgerrecord",
            "cost_status",
            models.CharField(choices=[(name, name.capitalize()) for name in _COST_STATUSES], max_length=16),
        ),
    ]
