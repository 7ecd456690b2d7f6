from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orgs", "0006_monthly_budget")]

    operations = [
        migrations.AlterModelOptions(
            name="organization",
            options={
                "ordering": ["name", "id"],
                "permissions": [
                    ("suspend_organization", "Can suspend and resume organizations"),
                    ("look_at_organization", "Can look at organizations as their members see them"),
                ],
            },
        ),
    ]
