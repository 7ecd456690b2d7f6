"""Calls that the proxy refused although it knows the key: what people need when their first request fails."""

from django.db import models

from orgs.models.api_key import ApiKey
from orgs.models.organization import Organization


class RefusedCallQuerySet(models.QuerySet["RefusedCall"]):
    def of(self, organization_id: int) -> "RefusedCallQuerySet":
        """The last one first."""
        return self.filter(organization_id=organization_id).order_by("-created_at", "-id")


class RefusedCall(models.Model):
    """Nothing of the call but when, with which key and why. Only an organization's last few are kept."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=64)  # as in the header `x-aipc-error`
    created_at = models.DateTimeField()

    objects = RefusedCallQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["organization", "-created_at"], name="orgs_refused_by_organization")]

    def __str__(self) -> str:
        return self.code
