import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0009_prices_of_everything"),
        ("orgs", "0006_monthly_budget"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Discount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(blank=True, default="", max_length=32)),
                ("basis_points", models.PositiveSmallIntegerField()),
                ("effective_from", models.DateTimeField()),
                ("effective_until", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="PriceEdit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.BigIntegerField(unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("price_saved", "Price saved"),
                            ("price_deleted", "Price deleted"),
                            ("imported", "Prices imported"),
                            ("discount_saved", "Discount saved"),
                            ("discount_deleted", "Discount deleted"),
                            ("new_list", "New bundled price list"),
                        ],
                        max_length=32,
                    ),
                ),
                ("subject", models.CharField(max_length=500)),
                ("organization_id", models.BigIntegerField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("figures", models.JSONField(default=dict)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "price change",
            },
        ),
        migrations.CreateModel(
            name="PriceEditLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=32)),
                ("model", models.CharField(default="", max_length=200)),
                ("organization_id", models.BigIntegerField(null=True)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PriceEffect",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.BigIntegerField()),
                ("month", models.DateField()),
                ("figures", models.JSONField()),
            ],
        ),
        migrations.AlterModelOptions(name="pricechange", options={"verbose_name": "outstanding repricing"}),
        migrations.AlterConstraint(
            model_name="modelprice",
            name="model_price_ends_after_start",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("effective_until__isnull", True),
                    ("effective_until__gt", models.F("effective_from")),
                    _connector="OR",
                ),
                name="model_price_ends_after_start",
                violation_error_message="The end must come after the start. Leave it empty for a price that holds on.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="modelprice",
            name="model_price_once_for_all",
            constraint=models.UniqueConstraint(
                condition=models.Q(("organization__isnull", True)),
                fields=("provider", "model", "effective_from"),
                name="model_price_once_for_all",
                violation_error_message="There is a price for everybody from that moment on. Change that one, or choose another moment.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="modelprice",
            name="model_price_once_for_one",
            constraint=models.UniqueConstraint(
                condition=models.Q(("organization__isnull", False)),
                fields=("provider", "model", "effective_from", "organization"),
                name="model_price_once_for_one",
                violation_error_message="There is a price of this organization from that moment on. Change that one, or choose another moment.",
            ),
        ),
        migrations.AddField(
            model_name="discount",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="discount",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="orgs.organization"
            ),
        ),
        migrations.AddField(
            model_name="priceedit",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="edit",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="analytics.priceedit"
            ),
        ),
        migrations.AddField(
            model_name="priceeditline",
            name="edit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="analytics.priceedit"
            ),
        ),
        migrations.AddField(
            model_name="priceeffect",
            name="edit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="effects", to="analytics.priceedit"
            ),
        ),
        migrations.AddConstraint(
            model_name="discount",
            constraint=models.CheckConstraint(
                condition=models.Q(("basis_points__gte", 0), ("basis_points__lte", 10000)),
                name="discount_is_a_percentage",
            ),
        ),
        migrations.AddConstraint(
            model_name="discount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("effective_until__isnull", True),
                    ("effective_until__gt", models.F("effective_from")),
                    _connector="OR",
                ),
                name="discount_ends_after_start",
                violation_error_message="The end must come after the start. Leave it empty while it holds on.",
            ),
        ),
        migrations.AddConstraint(
            model_name="discount",
            constraint=models.UniqueConstraint(
                fields=("organization", "provider", "effective_from"),
                name="discount_once",
                violation_error_message="There is a discount of this organization and provider from that moment on.",
            ),
        ),
        migrations.AddIndex(
            model_name="priceeditline",
            index=models.Index(fields=["provider", "model", "-id"], name="price_edit_by_model"),
        ),
        migrations.AddConstraint(
            model_name="priceeffect",
            constraint=models.UniqueConstraint(fields=("edit", "organization_id", "month"), name="price_effect_once"),
        ),
    ]
