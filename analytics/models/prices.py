"""Prices that staff manage, on top of the bundled ones, and the revision that says whether a cost is up to date."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

RATE_COLUMNS = (
    "input_pico_usd",
    "cache_read_pico_usd",
    "cache_write_5m_pico_usd",
    "cache_write_1h_pico_usd",
    "input_audio_pico_usd",
    "output_pico_usd",
    "output_audio_pico_usd",
    "web_search_pico_usd",
)


def _rate() -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(null=True, blank=True)


class ModelPrice(models.Model):
    """Rates of one model from a moment on, for everybody or for one organization."""

    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    organization = models.ForeignKey("orgs.Organization", models.PROTECT, null=True, blank=True, related_name="+")
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True)  # exclusive

    # Pico-USD (1e-12 USD) per token. NULL: not sold apart, so the input or output rate holds.
    input_pico_usd = models.BigIntegerField(default=0)
    cache_read_pico_usd = _rate()
    cache_write_5m_pico_usd = _rate()
    cache_write_1h_pico_usd = _rate()
    input_audio_pico_usd = _rate()
    output_pico_usd = models.BigIntegerField(default=0)
    output_audio_pico_usd = _rate()
    web_search_pico_usd = models.BigIntegerField(default=0)  # per call

    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(*((f"{column}__gte", 0) for column in RATE_COLUMNS)), name="model_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True) | Q(effective_until__gt=F("effective_from")),
                name="model_price_ends_after_start",
            ),
            # Which of two prices holds from the same moment on would be anybody's guess.
            models.UniqueConstraint(
                fields=("provider", "model", "effective_from"),
                condition=Q(organization__isnull=True),
                name="model_price_once_for_all",
            ),
            models.UniqueConstraint(
                fields=("provider", "model", "effective_from", "organization"),
                condition=Q(organization__isnull=False),
                name="model_price_once_for_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}"


class PriceBookRevision(models.Model):
    """The one row that posting locks shared and saving a price locks exclusively. The first migration creates it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="price_book_revision_single")]

    def __str__(self) -> str:
        return str(self.revision)
