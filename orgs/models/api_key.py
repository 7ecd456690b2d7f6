"""A team's platform key, of which only the SHA-256 is kept, and the log that tells every process what was revoked."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone

from orgs import keys
from orgs.models.organization import Organization
from orgs.models.team import Team


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def active(self) -> "ApiKeyQuerySet":
        return self.filter(revoked_at=None)

    def of(self, organization: Organization) -> "ApiKeyQuerySet":
        return self.filter(organization=organization)

    def with_people(self) -> "ApiKeyQuerySet":
        """With the teams, and who made and who revoked each key, in the same query."""
        return self.select_related("team", "created_by", "revoked_by")

    def with_key(self, key: str) -> "ApiKeyQuerySet":
        return self.filter(key_hash=keys.digest(key))

    def with_prefix(self, beginning: str) -> "ApiKeyQuerySet":
        """Keys that begin with this text, as far as their stored first characters can tell."""
        start = beginning[: keys.PREFIX_LENGTH]
        # Not `startswith`: on SQLite that ignores case, and another key may be the same but for its case.
        return self.annotate(start=Left("prefix", len(start))).filter(start=start)


class ApiKey(models.Model):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="api_keys")
    # The team's organization, repeated here so that the key cache fills with one row of one table.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="api_keys")
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=keys.PREFIX_LENGTH, editable=False, db_index=True)
    last4 = models.CharField(max_length=4, editable=False)
    description = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # The form that asked for it: one that is sent twice makes one key.
    form_id = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What people call this key: its description, else its masked form."""
        return self.description or self.masked

    @property
    def masked(self) -> str:
        return f"{keys.MARK}...{self.last4}"

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None


class RevocationEntryQuerySet(models.QuerySet["RevocationEntry"]):
    def after(self, entry_id: int) -> "RevocationEntryQuerySet":
        return self.filter(id__gt=entry_id).order_by("id")


class RevocationEntry(models.Model):
    """One line of the log that every process polls. Written in the transaction of the act it tells of."""

    class Kind(models.TextChoices):
        KEY_REVOKED = "key_revoked", "Key revoked"
        ORGANIZATION_SUSPENDED = "organization_suspended", "Organization suspended"
        ORGANIZATION_RESUMED = "organization_resumed", "Organization resumed"

    kind = models.CharField(max_length=30, choices=Kind)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RevocationEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "revocation entries"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="key_revoked", api_key__isnull=False)
                | models.Q(kind__in=["organization_suspended", "organization_resumed"], api_key__isnull=True),
                name="orgs_revocationentry_names_its_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.pk})"
