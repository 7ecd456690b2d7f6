"""Roll-ups of spans that are over, condensed to fewer rows than days have. `analytics.condensing` writes them.

They say nothing that the daily roll-ups do not say, and may be deleted at any time. Only what a `CondensedSpan` vouches
for may be read; rows of other spans are out of date. A sum of 0 is NULL: most are, and NULL takes no room.
"""

from django.db import models
from django.db.models import Q

from analytics.models.rollups import FIGURE_COLUMNS, FIRST_TOKEN_COLUMNS, LATENCY_COLUMNS, SUM_COLUMNS

_IN_BUCKETS = {*LATENCY_COLUMNS, *FIRST_TOKEN_COLUMNS}


class SpanKind(models.IntegerChoices):
    DAY = 1
    WEEK = 7  # of a month: from its 1st, 8th, 15th and 22nd day on
    MONTH = 31


class CondensedKey(models.Model):
    """What both tables have. A row without a tag (NULL) counts all usage, whatever its tags; '' counts the untagged."""

    organization_id = models.BigIntegerField()
    kind = models.PositiveSmallIntegerField(choices=SpanKind.choices)
    tag = models.CharField(max_length=64, null=True)  # noqa: DJ001 - '' is a value of its own
    start = models.DateField()  # the first local day of the span
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200)

    class Meta:
        abstract = True


class CondensedTotals(CondensedKey):
    """By provider and model alone, of days, weeks and months."""

    class Meta:
        verbose_name_plural = "condensed totals"
        indexes = [models.Index(fields=("organization_id", "kind", "tag", "start"), name="condensed_totals_by_span")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.start} {self.provider} {self.model}"


class CondensedUsage(CondensedKey):
    """All that the daily roll-ups know, of days, weeks and months.

    Of days it has no fewer rows than those, but what is read together lies together.
    """

    team_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    prompt_key = models.CharField(max_length=128)
    version = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "condensed usage"
        indexes = [
            models.Index(fields=("organization_id", "kind", "start", "tag"), name="condensed_usage_by_span"),
            # Narrowed to a prompt or a key; with tags, because these are added up.
            *(
                models.Index(
                    fields=("organization_id", "kind", column, "start"),
                    name=f"condensed_{rows}_by_{name}",
                    condition=Q(tag__isnull=rows == "usage"),
                )
                for name, column in (("prompt", "prompt_key"), ("key", "api_key_id"))
                for rows in ("usage", "tags")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.start} {self.provider} {self.model}"


for _model, _columns in ((CondensedTotals, FIGURE_COLUMNS), (CondensedUsage, SUM_COLUMNS)):
    for _column in _columns:
        _field = models.IntegerField if _column in _IN_BUCKETS else models.BigIntegerField
        _model.add_to_class(_column, _field(null=True))


class CondensedSpan(models.Model):
    """That nothing was added to these days since they were looked at; once ready, their condensed rows may be read.

    Whatever changes the daily roll-ups of one of the days deletes it.
    """

    organization_id = models.BigIntegerField()
    kind = models.PositiveSmallIntegerField(choices=SpanKind.choices)
    start = models.DateField()
    is_ready = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("organization_id", "kind", "start"), name="condensed_span_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.start}"
