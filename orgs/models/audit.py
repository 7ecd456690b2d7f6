"""Who did what, and when. Entries are only ever added, by the services."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from orgs import audit_words
from orgs.models.organization import Organization


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def of(self, organization: Organization) -> "AuditEntryQuerySet":
        return self.filter(organization=organization)

    def about(self, subject: str) -> "AuditEntryQuerySet":
        """The subject is the part of the action before its dot."""
        return self.filter(action__startswith=f"{subject}.")

    def by(self, actor_id: int | None) -> "AuditEntryQuerySet":
        return self.filter(actor_id=actor_id)

    def naming(self, text: str) -> "AuditEntryQuerySet":
        return self.filter(target__icontains=text)

    def people(self) -> list[tuple[int, str]]:
        """Those who did something and still have an account: id and e-mail address."""
        pairs = self.exclude(actor=None).order_by("actor__email").values_list("actor_id", "actor__email").distinct()
        return list(pairs)

    def with_actors(self) -> "AuditEntryQuerySet":
        return self.select_related("actor")


class AuditEntry(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="audit_entries")
    actor = models.ForeignKey(  # None: a command or the service itself
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    action = models.CharField(max_length=50)  # subject.verb, like "api_key.revoked"
    target = models.CharField(max_length=300)
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["organization", "-created_at"], name="orgs_audit_by_organization")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    @property
    def words(self) -> str:
        """What was done, to be read after who did it."""
        return audit_words.say(self.action, self.target, self.details)
