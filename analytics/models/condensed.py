"""Roll-ups of spans that are over, condensed to fewer rows than days have. `analytics.condensing` writes them.

They say nothing that the daily roll-ups do not say, and may be deleted at any time. Only what a `CondensedSpan` vouches
for may be read; rows of other spans are out of date.
"""

from django.db import models

from analytics.models.rollups import DURATION_COLUMNS, FIGURE_COLUMNS


class SpanKind(models.IntegerChoices):
    DAY = 1
    WEEK = 7  # of a month: from its 1st, 8th, 15th and 22nd day on
    MONTH = 31


class CondensedSums(models.Model):
    """What both tables have. A row without a tag (NULL) counts all usage, whatever its tags; '' counts the untagged."""

    organization_id = models.BigIntegerField()
    kind = models.PositiveSmallIntegerField(choices=SpanKind.choices)
    tag = models.CharField(max_length=64, null=True)  # noqa: DJ001 - '' is a value of its own
    start = models.DateField()  # the first local day of the span
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200)

    class Meta:
        abstract = True


for _column in FIGURE_COLUMNS:
    CondensedSums.add_to_class(_column, models.BigIntegerField(db_default=0))


class CondensedTotals(CondensedSums):
    """By provider and model alone, of days, weeks and months."""

    class Meta:
        verbose_name_plural = "condensed totals"
        indexes = [models.Index(fields=("organization_id", "kind", "tag", "start"), name="condensed_totals_by_span")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.start} {self.provider} {self.model}"


class CondensedUsage(CondensedSums):
    """All that the daily roll-ups know, of weeks and months. In the durations NULL stands for 0."""

    team_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    prompt_key = models.CharField(max_length=128)
    version = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "condensed usage"
        indexes = [
            models.Index(fields=("organization_id", "kind", "tag", "start"), name="condensed_usage_by_span"),
            # Narrowed to one of these, the tags are added up.
            models.Index(fields=("organization_id", "kind", "prompt_key", "start"), name="condensed_usage_by_prompt"),
            models.Index(fields=("organization_id", "kind", "api_key_id", "start"), name="condensed_usage_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.start} {self.provider} {self.model}"


for _column in DURATION_COLUMNS:
    # Nearly all of them are 0 in nearly all rows, and NULL takes no room.
    CondensedUsage.add_to_class(_column, models.BigIntegerField(null=True))


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
