"""Inviting people to an organization, and their joining it.

A link's token is the invitation's id and nonce with a signature by the service's secret key, so it can be made again at
any time and reading the database is not enough to make one. There are two of them for each invitation: the mailed one
shows that its holder reads the invited address's mail; the copied one, which owners see, shows nothing.

Raises: InvitationClosed (.state: accepted, revoked or expired), NotInvited (it is for another address).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone as clock

from config import mails
from orgs.models import AuditEntry, Invitation, Membership, Organization
from orgs.models.invitation import GOOD_FOR
from orgs.services import audit, members

_MAILED, _COPIED = "m", "c"
_SENT = ("invitation.sent", "invitation.sent_again")
KEPT_AFTER = timedelta(days=90)  # its last day


class InvitationClosed(Exception):
    """It was used, revoked, or its days are over."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class NotInvited(Exception):
    """The invitation is for another address."""


@dataclass(frozen=True, slots=True)
class Followed:
    """An invitation whose link somebody followed."""

    invitation: Invitation
    is_mailed: bool  # by the link that only the mail holds


# --- Links ------------------------------------------------------------------------------------------------------------


def _signer() -> signing.Signer:
    return signing.Signer(salt="orgs.invitation", sep=".")


def mailed_token(invitation: Invitation) -> str:
    return _signer().sign(f"{invitation.pk}.{invitation.nonce}.{_MAILED}")


def copied_token(invitation: Invitation) -> str:
    return _signer().sign(f"{invitation.pk}.{invitation.nonce}.{_COPIED}")


def link(token: str) -> str:
    """The public address."""
    return mails.absolute(reverse("invitation-link", args=[token]))


def find_followed(token: str) -> Followed | None:
    """The invitation, whatever became of it. None when the link is not one of ours."""
    try:
        number, nonce, kind = _signer().unsign(token).split(".")
    except (signing.BadSignature, ValueError):
        return None
    invitation = find(int(number), nonce)
    return Followed(invitation, is_mailed=kind == _MAILED) if invitation else None


def find(invitation_id: int, nonce: str) -> Invitation | None:
    found = Invitation.objects.filter(pk=invitation_id, nonce=nonce)
    return found.select_related("organization", "invited_by").first()


def remove_old(*, now: datetime) -> int:
    """Forget invitations that nobody accepted, and the addresses in them. Returns how many.

    Owners may send one again for as long as its row is there. What was accepted stays: it says who invited whom.
    """
    unanswered = Invitation.objects.filter(accepted_at=None, expires_at__lt=now - KEPT_AFTER)
    return unanswered.delete()[0]


# --- The owners' side -------------------------------------------------------------------------------------------------


def invite(
    *, organization: Organization, email: str, role: str, by: AbstractBaseUser, now: datetime | None = None
) -> tuple[Invitation, bool]:
    """The invitation, and whether its mail went out: where it did not, there is the link to copy.

    `by` has a verified address: the caller sees to that. Raises `ValidationError` for an address that belongs to a
    member or has an invitation, for a bad address or role, and when too many were sent today.
    """
    now, email = now or clock.now(), email.strip().lower()
    with transaction.atomic():
        locked = _lock(organization.pk)
        _require_room(locked, by)
        _require_new(locked, email, now)
        invitation = Invitation(
            organization=locked,
            email=email,
            role=role,
            invited_by_id=by.pk,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
        invitation.full_clean(validate_constraints=False)
        invitation.save(force_insert=True)
        _record(invitation, "invitation.sent", by)
    return invitation, _send(invitation, by)


def send_again(*, invitation: Invitation, by: AbstractBaseUser, now: datetime | None = None) -> bool:
    """Another mail with the same link, which is good for seven days from now. Returns whether it went out.

    Raises `InvitationClosed` when it was used or revoked, and `ValidationError` when too many were sent today.
    """
    now = now or clock.now()
    with transaction.atomic():
        locked = _lock_open(invitation, now)
        _require_room(locked.organization, by)
        locked.expires_at = invitation.expires_at = now + GOOD_FOR
        locked.save(update_fields=["expires_at"])
        _record(locked, "invitation.sent_again", by)
    return _send(locked, by)


@transaction.atomic
def revoke(*, invitation: Invitation, by: AbstractBaseUser, now: datetime | None = None) -> None:
    """Its links stop working at once. Raises `InvitationClosed` when it was used or revoked before."""
    now = now or clock.now()
    locked = _lock_open(invitation, now)
    locked.revoked_at = invitation.revoked_at = now
    locked.save(update_fields=["revoked_at"])
    _record(locked, "invitation.revoked", by)


def _lock(organization_id: int) -> Organization:
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _lock_open(invitation: Invitation, now: datetime) -> Invitation:
    organization = _lock(invitation.organization_id)
    locked = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    locked.organization = organization
    if locked.state_at(now) not in (Invitation.State.PENDING, Invitation.State.EXPIRED):
        raise InvitationClosed(locked.state_at(now))
    return locked


def _require_room(organization: Organization, by: AbstractBaseUser) -> None:
    """Mails to strangers are limited for each organization, and for each person over all of theirs."""
    sent = AuditEntry.objects.filter(action__in=_SENT, created_at__gt=clock.now() - timedelta(days=1))
    for whose in (models.Q(organization=organization), models.Q(actor_id=by.pk)):
        if sent.filter(whose).count() >= settings.INVITATIONS_PER_DAY:
            raise ValidationError(
                "%(limit)d invitations were sent within a day, which is the most. Try again tomorrow.",
                code="too_many",
                params={"limit": settings.INVITATIONS_PER_DAY},
            )


def _require_new(organization: Organization, email: str, now: datetime) -> None:
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise ValidationError({"email": f"{email} is a member already."}, code="member")
    earlier = Invitation.objects.of(organization).open().filter(email=email).first()
    if earlier is None:
        return
    if earlier.expires_at > now:
        raise ValidationError(
            {"email": f"{email} is invited already. The invitation below can be sent again or revoked."},
            code="invited",
        )
    # An expired one makes room; its link stays dead.
    Invitation.objects.filter(pk=earlier.pk).update(revoked_at=now)


def _send(invitation: Invitation, by: AbstractBaseUser) -> bool:
    context = {
        "invitation": invitation,
        "organization": invitation.organization,
        "inviter": by.get_username(),
        "link": link(mailed_token(invitation)),
        "days": GOOD_FOR.days,
    }
    return mails.send("emails/invitation", to=invitation.email, context=context)


def _record(invitation: Invitation, action: str, by: AbstractBaseUser) -> None:
    audit.record(
        organization_id=invitation.organization_id,
        action=action,
        target=invitation.email,
        by=by,
        role=invitation.role,
    )


# --- The invited person's side ----------------------------------------------------------------------------------------


@transaction.atomic
def accept(*, invitation: Invitation, by: AbstractBaseUser, now: datetime | None = None) -> Membership:
    """Join. The caller has made sure that the address of `by` is theirs.

    Raises `NotInvited` when that is not the invited address, and `InvitationClosed` when the invitation was used,
    revoked or has expired: of two who accept at the same moment one gets this.
    """
    now = now or clock.now()
    if by.get_username() != invitation.email:
        raise NotInvited
    organization = _lock(invitation.organization_id)
    usable = Invitation.objects.open().filter(pk=invitation.pk, expires_at__gt=now)
    if organization.is_deleted or not usable.update(accepted_at=now, accepted_by=by.pk):
        seen = Invitation.objects.select_related("organization").get(pk=invitation.pk)
        raise InvitationClosed(seen.state_at(now))
    invitation.accepted_at = now
    membership = Membership.objects.filter(organization=organization, user_id=by.pk).first()
    if membership is None:
        membership = members.join(organization=organization, user=by, role=invitation.role, now=now)
    return membership
