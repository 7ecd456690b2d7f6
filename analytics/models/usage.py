"""What posting writes besides the roll-ups: records, batch receipts, rejected lines, the values seen so far.

No column can hold prompt or answer text. Records have no foreign keys: what carries spend is archived, never deleted.
"""

from django.db import models
from django.db.models import Q


class CostStatus(models.TextChoices):
    PRICED = "priced"
    PARTIAL = "partial"  # Clamped or contradictory numbers: the cost may be off.
    UNPRICED = "unpriced"  # No known price: the cost is NULL, never 0.
    ESTIMATED = "estimated"  # The provider reported nothing; token counts come from text lengths.
    SIMULATED = "simulated"  # A sandbox answer: costs nothing and enters no total.
    INTERRUPTED = "interrupted"  # A crash cut the call off: known call, unknown cost.
    UNMETERED = "unmetered"  # Forwarded only; its usage cannot be read.
    PENDING = "pending"  # Its usage is told later, in the answer to another call: a background response, a batch.
    FREE = "free"  # Known to cost nothing, and no request: a list, a retrieval, a token count. Enters no total.


# What the roll-ups leave out, errors included.
UNCOUNTED = (CostStatus.SIMULATED, CostStatus.FREE)


class LedgerRecord(models.Model):
    """One proxied call, posted exactly once."""

    id = models.UUIDField(primary_key=True)  # UUIDv7, given by the proxy
    started_at = models.DateTimeField()
    local_day = models.DateField()  # in the organization's time zone
    organization_id = models.BigIntegerField()
    team_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    prompt_key = models.CharField(max_length=128, default="")  # "" means none
    version = models.PositiveIntegerField(default=0)  # 0 means none
    tags = models.JSONField(default=list)
    provider = models.CharField(max_length=32)
    route = models.CharField(max_length=128)
    method = models.CharField(max_length=16, default="POST")
    metering = models.CharField(max_length=16, default="metered")
    model_requested = models.CharField(max_length=200, default="")
    model = models.CharField(max_length=200, default="")  # the answering model; "" when none was named
    status = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=128, default="")
    is_streamed = models.BooleanField(default=False)
    state = models.CharField(max_length=16, default="complete")

    input_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_5m_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_1h_tokens = models.PositiveBigIntegerField(default=0)
    input_audio_tokens = models.PositiveBigIntegerField(default=0)
    input_image_tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    output_audio_tokens = models.PositiveBigIntegerField(default=0)
    output_image_tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    reasoning_tokens = models.PositiveBigIntegerField(default=0)  # inside output_tokens
    web_searches = models.PositiveBigIntegerField(default=0)
    file_searches = models.PositiveBigIntegerField(default=0, db_default=0)
    characters = models.PositiveBigIntegerField(default=0, db_default=0)
    audio_ms = models.PositiveBigIntegerField(default=0, db_default=0)
    service_tier = models.CharField(max_length=64, default="")
    speed = models.CharField(max_length=64, default="")
    inference_geo = models.CharField(max_length=64, default="")
    other_models = models.JSONField(default=list)  # of analytics.usage.OtherModelUsage
    usage_source = models.CharField(max_length=16, default="none")
    is_usage_partial = models.BooleanField(default=False)

    cost_pico_usd = models.PositiveBigIntegerField(null=True)
    cost_status = models.CharField(max_length=16, choices=CostStatus.choices)
    price_revision = models.BigIntegerField(default=0)
    previous_cost_pico_usd = models.PositiveBigIntegerField(null=True)

    is_request = models.BooleanField()
    is_error = models.BooleanField()
    latency_ms = models.PositiveIntegerField(default=0)
    first_byte_ms = models.PositiveIntegerField(null=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    finish_reason = models.CharField(max_length=64, default="")
    sdk_retry_count = models.PositiveIntegerField(default=0)
    provider_request_id = models.CharField(max_length=128, default="")
    # What a pending call created: the response or batch to which a later answer refers.
    object_id = models.CharField(max_length=128, default="", db_default="")
    completed_at = models.DateTimeField(null=True)  # when the call began whose answer told the usage of a pending one
    segment_id = models.UUIDField()

    class Meta:
        db_table = "analytics_usagerecord"
        verbose_name = "usage record"
        # The request log, newest first, whatever it is narrowed to: docs/adr/0007. PostgreSQL has one by tag as well,
        # made by a migration.
        indexes = [
            models.Index(fields=("organization_id", "-started_at"), name="usage_by_start"),
            models.Index(fields=("organization_id", "prompt_key", "-started_at"), name="usage_by_prompt"),
            models.Index(fields=("team_id", "-started_at"), name="usage_by_team"),
            models.Index(fields=("api_key_id", "-started_at"), name="usage_by_key"),
            models.Index(fields=("organization_id", "model", "-started_at"), name="usage_by_model"),
            models.Index(
                fields=("organization_id", "model_requested", "-started_at"),
                name="usage_by_model_requested",
                condition=Q(model=""),
            ),
            models.Index(fields=("organization_id", "-started_at"), name="usage_errors", condition=Q(is_error=True)),
            models.Index(
                fields=("organization_id", "-started_at"),
                name="usage_estimated",
                condition=Q(usage_source="estimated"),
            ),
            models.Index(
                fields=("organization_id", "cost_status", "-started_at"),
                name="usage_uncommon",
                condition=~Q(cost_status="priced"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class UsageBatch(models.Model):
    """The receipt of a journal segment: it was posted, whole, and never will be again."""

    segment_id = models.UUIDField(primary_key=True)
    line_count = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)  # of the segment's bytes, in hex digits
    inserted_count = models.PositiveIntegerField(default=0)  # The rest, if not rejected, was posted before.
    rejected_count = models.PositiveIntegerField(default=0)
    # Of the inserted ones: those that are gone since, by age or with their organization.
    removed_count = models.PositiveIntegerField(default=0, db_default=0)
    posted_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "usage batches"

    def __str__(self) -> str:
        return str(self.segment_id)


class RejectedRecord(models.Model):
    """A journal line that could not be posted. Its neighbours were; this one waits here for a person."""

    segment_id = models.UUIDField()
    line_number = models.PositiveIntegerField()  # from 1
    line = models.TextField()  # as it came (metadata only, at most 16 KiB), so that it can be posted again
    reason = models.TextField()
    organization_id = models.BigIntegerField(null=True)  # as the line says: `analytics.rejected`; 0 where it does not
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("segment_id", "line_number"), name="rejected_line_once")]
        indexes = [models.Index(fields=("organization_id",), name="rejected_by_organization")]

    def __str__(self) -> str:
        return f"{self.segment_id}:{self.line_number}"


class SeenValue(models.Model):
    """A value of a dimension that clients control, and the day when the organization first sent it.

    Only so many new values a day are let in (`NEW_VALUES_PER_DAY`). Prompt keys are remembered by the prompts.
    """

    class Kind(models.TextChoices):
        TAG = "tag"
        MODEL = "model"
        VERSION = "version"  # the prompt key and the number

    organization_id = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    value = models.CharField(max_length=256)
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("organization_id", "kind", "value"), name="seen_value_once")]
        indexes = [models.Index(fields=("organization_id", "kind", "day"), name="seen_value_by_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
