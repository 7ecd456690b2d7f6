"""An invitation to an organization, for one address, good for one use within its days.

Its link is made in `orgs.services.invitations`; nothing in this table is enough to make one.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone as clock

from orgs.models.organization import Membership, Organization

GOOD_FOR = timedelta(days=7)


def make_nonce() -> str:
    return secrets.token_hex(16)


def week_from_now() -> datetime:
    return clock.now() + GOOD_FOR


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def of(self, organization: Organization) -> "InvitationQuerySet":
        return self.filter(organization=organization)

    def open(self) -> "InvitationQuerySet":
        """Neither used nor revoked; expired ones too, since those can be sent again."""
        return self.filter(accepted_at=None, revoked_at=None)

    def with_inviters(self) -> "InvitationQuerySet":
        return self.select_related("organization", "invited_by")


class Invitation(models.Model):
    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        EXPIRED = "expired", "Expired"
        ACCEPTED = "accepted", "Accepted"
        REVOKED = "revoked", "Revoked"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField("e-mail address", max_length=254)
    role = models.CharField(max_length=10, choices=Membership.Role, default=Membership.Role.MEMBER)
    # The link's signature covers it, so that a link is of this row and of no other that ever had its id.
    nonce = models.CharField(max_length=32, default=make_nonce, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(default=week_from_now)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="orgs_invitation_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                name="orgs_invitation_accepted_or_revoked",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")) & ~models.Q(email=""),
                name="orgs_invitation_email_is_lower_case",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "member"]), name="orgs_invitation_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}"

    def state_at(self, now: datetime) -> "Invitation.State":
        """What became of it. The invitations of a deleted organization are revoked with it."""
        if self.accepted_at is not None:
            return self.State.ACCEPTED
        if self.revoked_at is not None or self.organization.is_deleted:
            return self.State.REVOKED
        return self.State.PENDING if self.expires_at > now else self.State.EXPIRED

    @property
    def state(self) -> "Invitation.State":
        return self.state_at(clock.now())

    @property
    def is_usable(self) -> bool:
        return self.state == self.State.PENDING
