"""Negotiated discounts; what staff did to the prices, by whom, and what that made of the costs of posted records."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

WHOLE = 10_000  # basis points: hundredths of a percent


class Discount(models.Model):
    """So much less than its prices say does an organization pay a provider, from a moment on.

    Which of two discounts of the same organization and provider holds is never a question: they do not overlap, which
    `price_book.save_discount` sees to under the lock of the price book's revision.
    """

    organization = models.ForeignKey("orgs.Organization", models.PROTECT, related_name="+")
    provider = models.CharField(max_length=32, blank=True, default="")  # "" for those without a discount of their own
    basis_points = models.PositiveSmallIntegerField()  # 1,250 is 12.5 percent
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True)  # exclusive
    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(basis_points__gte=0, basis_points__lte=WHOLE), name="discount_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True) | Q(effective_until__gt=F("effective_from")),
                name="discount_ends_after_start",
                violation_error_message="The end must come after the start. Leave it empty while it holds on.",
            ),
            models.UniqueConstraint(
                fields=("organization", "provider", "effective_from"),
                name="discount_once",
                violation_error_message="There is a discount of this organization and provider from that moment on.",
            ),
        ]

    def __str__(self) -> str:
        return f"{say_percent(self.basis_points)} at {self.provider or 'all providers'}"


class PriceEdit(models.Model):
    """One change of the price book. It stays; what is left to do because of it is in `PriceChange`."""

    class Kind(models.TextChoices):
        PRICE_SAVED = "price_saved", "Price saved"
        PRICE_DELETED = "price_deleted", "Price deleted"
        IMPORTED = "imported", "Prices imported"
        DISCOUNT_SAVED = "discount_saved", "Discount saved"
        DISCOUNT_DELETED = "discount_deleted", "Discount deleted"
        NEW_LIST = "new_list", "New bundled price list"
        ON_COMMAND = "on_command", "Repriced on command"

    revision = models.BigIntegerField(unique=True)  # the one that it brought
    kind = models.CharField(max_length=32, choices=Kind.choices)
    subject = models.CharField(max_length=500)  # in words: which prices
    organization_id = models.BigIntegerField(null=True)  # NULL: for everybody, or for several
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    figures = models.JSONField(default=dict)  # the sum of its effects so far
    finished_at = models.DateTimeField(null=True)  # when all records that it concerns had been looked at

    class Meta:
        verbose_name = "price change"

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"


class PriceEditLine(models.Model):
    """A price or discount before and after an edit, by its columns. NULL: there was none, or is none."""

    edit = models.ForeignKey(PriceEdit, models.CASCADE, related_name="lines")
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200, default="")  # "" of a discount
    organization_id = models.BigIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=("provider", "model", "-id"), name="price_edit_by_model")]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}".rstrip()


class PriceEffect(models.Model):
    """What an edit made of an organization's month so far. Written in the transactions that reprice the records."""

    edit = models.ForeignKey(PriceEdit, models.CASCADE, related_name="effects")
    organization_id = models.BigIntegerField()
    month = models.DateField()  # its first day
    figures = models.JSONField()  # `analytics.repricing.Figures` of the records that changed: exact at any size

    class Meta:
        constraints = [models.UniqueConstraint(fields=("edit", "organization_id", "month"), name="price_effect_once")]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.month:%Y-%m}"


def say_percent(basis_points: int) -> str:
    """ "12.5 %"."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + " %"
