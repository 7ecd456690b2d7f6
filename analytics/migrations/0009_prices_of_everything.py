from django.db import migrations, models

_RATES = (
    "input_pico_usd",
    "cache_read_pico_usd",
    "cache_write_5m_pico_usd",
    "cache_write_1h_pico_usd",
    "input_audio_pico_usd",
    "input_image_pico_usd",
    "output_pico_usd",
    "output_audio_pico_usd",
    "output_image_pico_usd",
    "web_search_pico_usd",
    "file_search_pico_usd",
    "character_pico_usd",
    "audio_hour_pico_usd",
)
_NEW = ("input_image", "output_image", "file_search", "character", "audio_hour")


def forget_searches_of_nothing(apps, schema_editor):
    """0 stood for a price that says nothing about searches. From now on it says that they are free."""
    prices = apps.get_model("analytics", "ModelPrice").objects
    prices.filter(web_search_pico_usd=0).update(web_search_pico_usd=None)


def remember_searches_of_nothing(apps, schema_editor):
    prices = apps.get_model("analytics", "ModelPrice").objects
    for rate in ("input_pico_usd", "output_pico_usd", "web_search_pico_usd"):
        prices.filter(**{rate: None}).update(**{rate: 0})


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_created_objects")]

    operations = [
        migrations.CreateModel(
            name="PriceChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.BigIntegerField()),
                ("provider", models.CharField(default="", max_length=32)),
                ("model", models.CharField(default="", max_length=200)),
                ("organization_id", models.BigIntegerField(null=True)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("done_organization_id", models.BigIntegerField(default=0)),
                ("done_until", models.DateTimeField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name="pricebookrevision",
            name="list_edition",
            field=models.CharField(default="", max_length=64),
        ),
        migrations.RemoveConstraint(model_name="modelprice", name="model_price_not_negative"),
        *(
            migrations.AddField(
                model_name="modelprice",
                name=f"{name}_pico_usd",
                field=models.BigIntegerField(blank=True, null=True),
            )
            for name in _NEW
        ),
        *(
            migrations.AlterField(
                model_name="modelprice", name=name, field=models.BigIntegerField(blank=True, null=True)
            )
            for name in ("input_pico_usd", "output_pico_usd", "web_search_pico_usd")
        ),
        migrations.AddConstraint(
            model_name="modelprice",
            constraint=models.CheckConstraint(
                condition=models.Q(*((f"{rate}__gte", 0) for rate in _RATES)), name="model_price_not_negative"
            ),
        ),
        migrations.RunPython(forget_searches_of_nothing, remember_searches_of_nothing),
    ]
