"""Prices that staff manage, on top of the bundled ones, and the revision that says whether a cost is up to date."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

# By the bucket that the rate is of (`analytics.pricing.BUCKETS`).
RATE_COLUMNS: Mapping[str, str] = {
    "input": "input_pico_usd",
    "cache_read": "cache_read_pico_usd",
    "cache_write_5m": "cache_write_5m_pico_usd",
    "cache_write_1h": "cache_write_1h_pico_usd",
    "input_audio": "input_audio_pico_usd",
    "input_image": "input_image_pico_usd",
    "output": "output_pico_usd",
    "output_audio": "output_audio_pico_usd",
    "output_image": "output_image_pico_usd",
    "web_searches": "web_search_pico_usd",
    "file_searches": "file_search_pico_usd",
    "characters": "character_pico_usd",
    "audio_ms": "audio_hour_pico_usd",
}


def _rate() -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(null=True, blank=True)


class ModelPrice(models.Model):
    """Rates of one model from a moment on, for everybody or for one organization."""

    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    organization = models.ForeignKey("orgs.Organization", models.PROTECT, null=True, blank=True, related_name="+")
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True)  # exclusive

    # Pico-USD (1e-12 USD) per token; 0 is free. NULL: not sold apart, so the rate of the input or output holds; and of
    # these themselves: not sold by the token.
    input_pico_usd = _rate()
    cache_read_pico_usd = _rate()
    cache_write_5m_pico_usd = _rate()
    cache_write_1h_pico_usd = _rate()
    input_audio_pico_usd = _rate()
    input_image_pico_usd = _rate()
    output_pico_usd = _rate()
    output_audio_pico_usd = _rate()
    output_image_pico_usd = _rate()
    # NULL: not known, so what used it makes a cost partial, or leaves the record without one.
    web_search_pico_usd = _rate()  # per search
    file_search_pico_usd = _rate()  # per search
    character_pico_usd = _rate()  # of a text to be spoken
    audio_hour_pico_usd = _rate()  # of a recording

    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(*((f"{column}__gte", 0) for column in RATE_COLUMNS.values())),
                name="model_price_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True) | Q(effective_until__gt=F("effective_from")),
                name="model_price_ends_after_start",
                violation_error_message="The end must come after the start. Leave it empty for a price that holds on.",
            ),
            # Which of two prices holds from the same moment on would be anybody's guess.
            models.UniqueConstraint(
                fields=("provider", "model", "effective_from"),
                condition=Q(organization__isnull=True),
                name="model_price_once_for_all",
                violation_error_message="There is a price for everybody from that moment on. Change that one, or "
                "choose another moment.",
            ),
            models.UniqueConstraint(
                fields=("provider", "model", "effective_from", "organization"),
                condition=Q(organization__isnull=False),
                name="model_price_once_for_one",
                violation_error_message="There is a price of this organization from that moment on. Change that one, "
                "or choose another moment.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}"


class PriceBookRevision(models.Model):
    """The one row that posting locks shared and saving a price locks exclusively. The first migration creates it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=1)
    # Which edition of the bundled list all records are priced by, or are about to be. "" before the first look.
    list_edition = models.CharField(max_length=64, default="")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="price_book_revision_single")]

    def __str__(self) -> str:
        return str(self.revision)


class PriceChange(models.Model):
    """Records that a change of prices concerns, and how far they have been priced again. Gone when all of them are.

    Those with a `price_revision` below `revision` are behind, unless they were found unchanged.
    """

    # What staff did; NULL where an earlier release has noted it.
    edit = models.ForeignKey("analytics.PriceEdit", models.CASCADE, null=True, related_name="changes")
    revision = models.BigIntegerField()  # the one that the change brought
    provider = models.CharField(max_length=32, default="")  # "" for the records of all providers
    model = models.CharField(max_length=200, default="")  # "" for those of all models
    organization_id = models.BigIntegerField(null=True)  # NULL for those of all organizations
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)  # exclusive
    # Organizations come in the order of their ids, the records of each in the order of their start.
    done_organization_id = models.BigIntegerField(default=0)
    done_until = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)  # Somebody is at it, and says so again until then.
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "outstanding repricing"

    def __str__(self) -> str:
        return f"{self.revision}: {self.provider} {self.model}".rstrip()
