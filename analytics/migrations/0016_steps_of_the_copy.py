from django.db import migrations


class OnPostgreSQL(migrations.RunSQL):
    """Trial mode has no copy."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    """Numbers for the steps of carrying over, beyond those that a copy has from the ids of the changes."""

    dependencies = [("analytics", "0015_record_copies")]

    operations = [
        OnPostgreSQL(
            [
                "CREATE SEQUENCE analytics_recordcopy_step",
                "SELECT setval('analytics_recordcopy_step', (SELECT last_value FROM analytics_recordchange_id_seq))",
            ],
            [
                (
                    "SELECT setval('analytics_recordchange_id_seq', greatest((SELECT last_value FROM "
                    "analytics_recordchange_id_seq), (SELECT last_value FROM analytics_recordcopy_step)))"
                ),
                "DROP SEQUENCE analytics_recordcopy_step",
            ],
        ),
    ]
