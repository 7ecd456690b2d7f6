from django.db import migrations, models

from accounts import roles


class Migration(migrations.Migration):
    """The groups Support, Operator and Admin. Their rights are about models of all apps, which are named, not used."""

    dependencies = [
        ("accounts", "0002_user_timezone"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("orgs", "0007_staff_rights"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "ordering": ["email"],
                "permissions": [
                    ("lock_user", "Can lock and unlock accounts"),
                    ("give_roles", "Can make people staff and give them roles"),
                ],
            },
        ),
        migrations.AlterField(
            model_name="user",
            name="is_active",
            field=models.BooleanField(default=True, help_text="A locked account cannot sign in."),
        ),
        migrations.RunPython(roles.set_aside, migrations.RunPython.noop),
        migrations.RunPython(roles.write_groups, migrations.RunPython.noop),
    ]
