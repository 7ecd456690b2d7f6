"""What owners are told about a month's budget: a row for each threshold reached, so that nobody is told twice."""

from datetime import datetime

from django.db import models

from orgs.models.organization import Organization

THRESHOLDS = (80, 100)  # percent of the budget


class BudgetAlertQuerySet(models.QuerySet["BudgetAlert"]):
    def unsent(self) -> "BudgetAlertQuerySet":
        return self.filter(sent_at=None)

    def free(self, now: datetime) -> "BudgetAlertQuerySet":
        """Those that no worker is just sending."""
        return self.filter(models.Q(leased_until=None) | models.Q(leased_until__lte=now))


class BudgetAlert(models.Model):
    """A threshold of an organization's budget in one calendar month. `analytics.budget_alerts` has the rules.

    Who inserts the row owes the owners a mail: until `sent_at` is set, others try it again when `leased_until` is over.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    month = models.DateField(help_text="Its first day.")
    threshold = models.PositiveSmallIntegerField(help_text="Percent of the budget.")
    budget_pico_usd = models.BigIntegerField(help_text="Under which the threshold was seen reached.")
    spent_pico_usd = models.BigIntegerField()
    is_armed = models.BooleanField(
        default=False, help_text="Under a higher budget since, and below it: may be told again."
    )
    reached_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    mailed_user_ids = models.JSONField(default=list, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = BudgetAlertQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "month", "threshold"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "month", "threshold"], name="orgs_budget_alert_once_a_month"
            ),
            models.CheckConstraint(
                condition=models.Q(threshold__in=THRESHOLDS), name="orgs_budget_alert_threshold_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["reached_at"], condition=models.Q(sent_at=None), name="orgs_budget_alert_unsent")
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.month:%B %Y} for {self.organization_id}"
