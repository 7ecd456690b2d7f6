from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0011_how_complete")]

    operations = [migrations.AddField("rejectedrecord", "organization_id", models.BigIntegerField(null=True))]
