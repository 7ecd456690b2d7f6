"""The daily roll-ups, which every page and endpoint reads. `analytics.rollups` writes them; nothing else does.

Key columns are never NULL: `''` and `0` mean none. Simulated and free calls are not in here.
"""

from typing import Any

from django.db import models

# Of each histogram: bucket 0 holds what is below 32 ms, each next one reaches sqrt(2) times as far, the last one any.
HISTOGRAM_BUCKETS = 28
LATENCY_COLUMNS = tuple(f"latency_b{number:02}" for number in range(HISTOGRAM_BUCKETS))
FIRST_TOKEN_COLUMNS = tuple(f"first_token_b{number:02}" for number in range(HISTOGRAM_BUCKETS))

DAILY_KEY = ("organization_id", "day", "team_id", "api_key_id", "prompt_key", "version", "provider", "model")
DAILY_TAG_KEY = ("organization_id", "day", "tag", *DAILY_KEY[2:])


def _sum() -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(default=0, db_default=0)


class DailySums(models.Model):
    """What both roll-ups have: the key without the tag, the sums, the histograms."""

    organization_id = models.BigIntegerField()
    day = models.DateField()  # in the organization's time zone
    team_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    prompt_key = models.CharField(max_length=128, default="")
    version = models.PositiveIntegerField(default=0)
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=200, default="")  # the answering model, else the requested one

    # request_count = priced + unpriced + unmetered + pending; partial and estimated are among the priced.
    request_count = _sum()
    priced_count = _sum()
    unpriced_count = _sum()
    partial_count = _sum()
    estimated_count = _sum()
    unmetered_count = _sum()
    pending_count = _sum()  # whose usage is told later
    # Beside the requests: calls that a crash cut off, and calls that failed, of which some are requests too.
    interrupted_count = _sum()
    error_count = _sum()
    failed_request_count = _sum()
    cost_pico_usd = _sum()
    input_tokens = _sum()
    cache_read_tokens = _sum()
    cache_write_5m_tokens = _sum()
    cache_write_1h_tokens = _sum()
    input_audio_tokens = _sum()
    input_image_tokens = _sum()
    output_tokens = _sum()
    output_audio_tokens = _sum()
    output_image_tokens = _sum()
    reasoning_tokens = _sum()
    web_searches = _sum()
    file_searches = _sum()
    characters = _sum()
    audio_ms = _sum()
    # Of requests only.
    latency_sum_ms = _sum()
    latency_count = _sum()
    first_token_sum_ms = _sum()
    first_token_count = _sum()

    class Meta:
        abstract = True


for _column in LATENCY_COLUMNS + FIRST_TOKEN_COLUMNS:
    DailySums.add_to_class(_column, models.IntegerField(default=0, db_default=0))

SUM_COLUMNS = tuple(field.attname for field in DailySums._meta.local_fields if field.attname not in DAILY_KEY)
DURATION_COLUMNS = tuple(name for name in SUM_COLUMNS if name.startswith(("latency_", "first_token_")))
FIGURE_COLUMNS = tuple(name for name in SUM_COLUMNS if name not in DURATION_COLUMNS)


class DailyUsage(DailySums):
    class Meta:
        verbose_name_plural = "daily usage"
        constraints = [models.UniqueConstraint(fields=DAILY_KEY, name="daily_usage_key")]

    def __str__(self) -> str:
        return f"{self.day} {self.provider} {self.model}"


class DailyTagUsage(DailySums):
    """Every tag of a request gets its full cost, and `''` those of requests without tags: tags overlap by nature."""

    tag = models.CharField(max_length=64, default="")

    class Meta:
        verbose_name_plural = "daily usage by tag"
        constraints = [models.UniqueConstraint(fields=DAILY_TAG_KEY, name="daily_tag_usage_key")]

    def __str__(self) -> str:
        return f"{self.day} {self.tag} {self.provider} {self.model}"
