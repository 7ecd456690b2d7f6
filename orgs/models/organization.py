"""An organization and its members. Spend is counted in days of the organization's time zone."""

from datetime import datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone as clock

# How long a deleted organization can be had back, before its data goes for good.
PURGED_AFTER = timedelta(days=30)


# Looking takes milliseconds: all the files of the time zones are opened.
known_timezones = cache(available_timezones)


def validate_timezone(name: str) -> None:
    if name not in known_timezones():
        raise ValidationError(
            "%(name)s is not a time zone of the IANA list, like Europe/Berlin.",
            code="unknown_timezone",
            params={"name": name},
        )


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def active(self) -> "OrganizationQuerySet":
        return self.filter(is_active=True, deleted_at=None)

    def deleted_before(self, moment: datetime) -> "OrganizationQuerySet":
        return self.filter(deleted_at__lte=moment)

    def with_budget(self) -> "OrganizationQuerySet":
        return self.filter(monthly_budget_pico_usd__isnull=False)

    def with_member(self, user: AbstractBaseUser) -> "OrganizationQuerySet":
        return self.filter(memberships__user_id=user.pk)


class Organization(models.Model):
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone], help_text="IANA name.")
    is_active = models.BooleanField(default=True, help_text="A suspended organization's keys are refused.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Purged 30 days after.")
    monthly_budget_pico_usd = models.BigIntegerField(null=True, blank=True, editable=False, help_text="Empty: none.")
    budget_changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [
            ("suspend_organization", "Can suspend and resume organizations"),
            ("look_at_organization", "Can look at organizations as their members see them"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(name="") & ~models.Q(slug="") & ~models.Q(timezone=""),
                name="orgs_organization_texts_are_not_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(monthly_budget_pico_usd=None) | models.Q(monthly_budget_pico_usd__gt=0),
                name="orgs_organization_budget_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tz(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def accepts_keys(self) -> bool:
        return self.is_active and not self.is_deleted

    @property
    def purged_at(self) -> datetime | None:
        """The moment from which a deleted organization cannot be had back; None while it is not deleted."""
        return self.deleted_at + PURGED_AFTER if self.deleted_at else None


class MembershipQuerySet(models.QuerySet["Membership"]):
    def of(self, user: AbstractBaseUser) -> "MembershipQuerySet":
        return self.filter(user_id=user.pk).select_related("organization").order_by("organization__name", "id")

    def living(self) -> "MembershipQuerySet":
        """Without those of deleted organizations."""
        return self.filter(organization__deleted_at=None)

    def inside(self, organization: Organization) -> "MembershipQuerySet":
        """With their people: owners first, then by the time of joining."""
        return self.filter(organization=organization).select_related("user").order_by("-role", "created_at", "id")

    def owners(self) -> "MembershipQuerySet":
        return self.filter(role=Membership.Role.OWNER)


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        MEMBER = "member", "Member"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="orgs_membership_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "member"]), name="orgs_membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} ({self.get_role_display()})"

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER
