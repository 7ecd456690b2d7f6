"""What people do to their own accounts: the verified address, the time zone they came with, leaving for good.

Signing in and up, passwords and second factors are allauth's, which `accounts.adapters` and `accounts.forms` adjust.
"""

from allauth.account.internal.flows import email_verification
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from config import mails
from orgs import access
from orgs.models import Membership, Organization
from orgs.models.organization import known_timezones
from orgs.services import audit, members

# --- The address ------------------------------------------------------------------------------------------------------


def has_verified_email(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the person has shown that the address of their account is theirs. One query."""
    if not isinstance(user, User):
        return False
    return bool(EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists())


def is_address_taken(email: str) -> bool:
    """By an account. That somebody asked to change to the address, and has not confirmed it, takes nothing."""
    if User.objects.filter(email=User.objects.normalize_email(email)).exists():
        return True
    return bool(EmailAddress.objects.filter(email=email.lower(), verified=True).exists())


@transaction.atomic
def mark_verified(*, user: User) -> None:
    """For those whose address is known to be theirs by another way than a mail: the demo's, and tests'."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def send_verification(request: HttpRequest, *, user: User) -> bool:
    """Whether a mail went out: only so many do in a while."""
    address, _ = EmailAddress.objects.get_or_create(user=user, email=user.email, defaults={"primary": True})
    if address.verified:
        return False
    return bool(email_verification.send_verification_email_to_address(request, address))


def request_email_change(request: HttpRequest, *, user: User, email: str) -> EmailAddress:
    """The account keeps its address until the new one is confirmed by the mail that is sent to it."""
    with transaction.atomic():
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"primary": True})
        drop_pending_addresses(user=user)
        address = EmailAddress.objects.create(user=user, email=email.lower())
    email_verification.send_verification_email_to_address(request, address)
    return address


def drop_pending_addresses(*, user: User) -> None:
    """A link to confirm a change of address must not outlive a new password: whoever asked for it may be a stranger."""
    EmailAddress.objects.filter(user=user, verified=False).exclude(email=user.email).delete()


def drop_claims(*, email: str) -> None:
    """Changes to this address that other accounts asked for: its owner is known now, by a provider's word."""
    EmailAddress.objects.filter(email=email.lower(), verified=False).exclude(user__email=email.lower()).delete()


# --- The second factor ------------------------------------------------------------------------------------------------


def turn_off_second_factor(*, user: User, by: AbstractBaseUser | None = None) -> None:
    """By staff, for somebody who has lost the phone and the recovery codes. The person is told by mail."""
    with transaction.atomic():
        if not Authenticator.objects.filter(user=user).delete()[0]:
            return
        _note(user, "member.second_factor_off", by)
    mails.send("emails/second_factor_off", to=user.email, context={})


# --- Locking ----------------------------------------------------------------------------------------------------------


def lock_account(*, user: User, by: AbstractBaseUser | None = None) -> None:
    """The person is signed out everywhere with the next request, and cannot sign in. The keys they made go on."""
    _set_active(user, by, is_active=False)


def unlock_account(*, user: User, by: AbstractBaseUser | None = None) -> None:
    _set_active(user, by, is_active=True)


@transaction.atomic
def _set_active(user: User, by: AbstractBaseUser | None, *, is_active: bool) -> None:
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.is_active != is_active:
        locked.is_active = is_active
        locked.save(update_fields=["is_active"])
        _note(locked, "member.unlocked" if is_active else "member.locked", by)
    user.is_active = is_active


def _note(user: User, action: str, by: AbstractBaseUser | None) -> None:
    """In the audit log of each organization that the person belongs to: what was done to the account concerns it."""
    for organization_id in (
        Membership.objects.filter(user=user).order_by("pk").values_list("organization_id", flat=True)
    ):
        audit.record(organization_id=organization_id, action=action, target=user.email, by=by)


# --- The person -------------------------------------------------------------------------------------------------------


def rename(*, user: User, name: str) -> None:
    user.name = " ".join(name.split())
    user.save(update_fields=["name"])


def proposed_timezone(user: AbstractBaseUser | AnonymousUser) -> str:
    """The browser's time zone at sign-up, for the organization that the person makes; UTC when it is not known."""
    return known_timezone(user.timezone) or "UTC" if isinstance(user, User) else "UTC"


def known_timezone(name: str) -> str:
    """The name, or nothing when it is not of the IANA list: it comes from a browser, so it may be anything."""
    return name if name in known_timezones() else ""


def organizations_owned_alone(user: User) -> list[Organization]:
    """Those that would have no owner without this person."""
    owned = access.memberships_of(user).owners()
    others = Membership.objects.owners().exclude(user_id=user.pk)
    return [
        membership.organization for membership in owned.exclude(organization_id__in=others.values("organization_id"))
    ]


@transaction.atomic
def delete_account(*, user: User) -> None:
    """For good. Raises `ValidationError` while the person is some organization's only owner.

    What they made in organizations stays there; the audit entries keep naming what was done, not by whom.
    """
    for membership in access.memberships_of(user).order_by("organization_id"):
        members.remove(membership=membership, by=user)
    user.delete()
