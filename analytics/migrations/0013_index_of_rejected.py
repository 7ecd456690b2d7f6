from importlib import import_module

from django.db import migrations, models

AddIndex = import_module("analytics.migrations.0005_index_of_estimates").AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("analytics", "0012_organization_of_rejected")]

    operations = [
        AddIndex("rejectedrecord", models.Index(fields=["organization_id"], name="rejected_by_organization")),
    ]
