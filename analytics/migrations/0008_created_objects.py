from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0007_count_failed_requests")]

    operations = [
        migrations.CreateModel(
            name="CreatedObject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.BigIntegerField()),
                ("provider", models.CharField(max_length=32)),
                ("object_id", models.CharField(max_length=128)),
                ("alias_of", models.CharField(default="", max_length=128)),
                ("record_id", models.UUIDField(null=True)),
                ("completion", models.JSONField(null=True)),
                ("is_final", models.BooleanField(default=False)),
                ("completed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("record_id", None)),
                        fields=["organization_id", "created_at"],
                        name="created_object_unclaimed",
                    ),
                    models.Index(
                        condition=models.Q(("record_id", None), ("is_final", True), _connector="OR"),
                        fields=["created_at"],
                        name="created_object_over",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "provider", "object_id"), name="created_object_once"
                    )
                ],
            },
        ),
        migrations.AddField("ledgerrecord", "completed_at", models.DateTimeField(null=True)),
    ]
