from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0013_index_of_rejected")]

    operations = [
        migrations.AlterField(
            "priceedit",
            "kind",
            models.CharField(
                choices=[
                    ("price_saved", "Price saved"),
                    ("price_deleted", "Price deleted"),
                    ("imported", "Prices imported"),
                    ("discount_saved", "Discount saved"),
                    ("discount_deleted", "Discount deleted"),
                    ("new_list", "New bundled price list"),
                    ("on_command", "Repriced on command"),
                ],
                max_length=32,
            ),
        ),
    ]
