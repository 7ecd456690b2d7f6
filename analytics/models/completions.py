"""What calls created at a provider to be finished later: background responses, batches, and their files of results."""

from django.db import models
from django.db.models import Q


class CreatedObject(models.Model):
    """One object of a provider's, as far as two calls have to find each other: the one that created it, whose cost was
    pending, and the one whose answer told what it used. Whichever is posted first waits here for the other.

    Posting changes rows only while it has all of the organization's alone: `analytics.completions`.
    """

    organization_id = models.BigIntegerField()
    provider = models.CharField(max_length=32)
    object_id = models.CharField(max_length=128)  # the provider's
    alias_of = models.CharField(max_length=128, default="")  # of a file of results: the batch that it belongs to
    record_id = models.UUIDField(null=True)  # of the call that created it
    completion = models.JSONField(null=True)  # analytics.usage.Completion: counts and names, no content
    is_final = models.BooleanField(default=False)
    completed_at = models.DateTimeField(null=True)  # when the call began whose answer told the completion
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("organization_id", "provider", "object_id"), name="created_object_once")
        ]
        indexes = [
            # Both for what may go again: what nobody is known to have created, and what is settled.
            models.Index(
                fields=("organization_id", "created_at"), name="created_object_unclaimed", condition=Q(record_id=None)
            ),
            models.Index(
                fields=("created_at",), name="created_object_over", condition=Q(record_id=None) | Q(is_final=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.object_id}"
