from django.db import migrations, models

_TAGS = "usage_by_tag"


class AddIndex(migrations.AddIndex):
    """On PostgreSQL without holding up those who post, and so that an interrupted migration can be run again."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.remove_index(model, self.index, concurrently=True)
        schema_editor.add_index(model, self.index, concurrently=True)


def add_index_by_tag(apps, schema_editor):
    # SQLite has no index into JSON values.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_TAGS}")
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {_TAGS} ON analytics_usagerecord USING gin (tags jsonb_path_ops)"
        )


def remove_index_by_tag(apps, schema_editor):
    schema_editor.execute(f"DROP INDEX IF EXISTS {_TAGS}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("analytics", "0002_condensed_usage")]

    operations = [
        AddIndex(
            "ledgerrecord",
            models.Index(fields=["organization_id", "prompt_key", "-started_at"], name="usage_by_prompt"),
        ),
        AddIndex("ledgerrecord", models.Index(fields=["team_id", "-started_at"], name="usage_by_team")),
        AddIndex("ledgerrecord", models.Index(fields=["api_key_id", "-started_at"], name="usage_by_key")),
        AddIndex(
            "ledgerrecord", models.Index(fields=["organization_id", "model", "-started_at"], name="usage_by_model")
        ),
        AddIndex(
            "ledgerrecord",
            models.Index(
                fields=["organization_id", "model_requested", "-started_at"],
                name="usage_by_model_requested",
                condition=models.Q(model=""),
            ),
        ),
        AddIndex(
            "ledgerrecord",
            models.Index(
                fields=["organization_id", "-started_at"], name="usage_errors", condition=models.Q(is_error=True)
            ),
        ),
        AddIndex(
            "ledgerrecord",
            models.Index(
                fields=["organization_id", "cost_status", "-started_at"],
                name="usage_uncommon",
                condition=~models.Q(cost_status="priced"),
            ),
        ),
        migrations.RunPython(add_index_by_tag, remove_index_by_tag),
        # `usage_uncommon` has what was in it.
        migrations.RemoveIndex("ledgerrecord", "usage_unpriced"),
    ]
