"""A team: whom the spend of its keys is attributed to."""

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from orgs.models.organization import Organization


class TeamQuerySet(models.QuerySet["Team"]):
    def current(self) -> "TeamQuerySet":
        return self.filter(archived_at=None)

    def with_active_key_counts(self) -> "TeamQuerySet":
        """Each with `active_key_count`."""
        return self.annotate(active_key_count=models.Count("api_keys", filter=models.Q(api_keys__revoked_at=None)))

    def of(self, organization: Organization) -> "TeamQuerySet":
        return self.filter(organization=organization)


class Team(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=100)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            # An archived team keeps its name: reports of past spend would otherwise show two teams as one.
            models.UniqueConstraint(
                models.F("organization"),
                Lower("name"),
                name="orgs_team_name_once_per_organization",
                violation_error_message="This organization already has a team of that name.",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="orgs_team_name_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None
