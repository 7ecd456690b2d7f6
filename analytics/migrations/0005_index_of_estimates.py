from django.db import migrations, models


class AddIndex(migrations.AddIndex):
    """On PostgreSQL without holding up those who post, and so that an interrupted migration can be run again."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.remove_index(model, self.index, concurrently=True)
        schema_editor.add_index(model, self.index, concurrently=True)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("analytics", "0004_condensed_by_prompt_and_key")]

    operations = [
        AddIndex(
            "ledgerrecord",
            models.Index(
                fields=["organization_id", "-started_at"],
                name="usage_estimated",
                condition=models.Q(usage_source="estimated"),
            ),
        ),
    ]
