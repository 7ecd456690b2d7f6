"""The invitation by which a browser session came: what signing up and signing in make of it.

The session holds the invitation's id and nonce, which alone open nothing, and by which of its two links it came.
"""

from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse

from accounts import services
from accounts.models import User
from orgs.models import Membership
from orgs.services import invitations
from orgs.services.invitations import Followed, InvitationClosed

SESSION_KEY = "invitation"
_CONSOLE = "django.core.mail.backends.console.EmailBackend"


class Unconfirmed(Exception):
    """The account has the invited address, but nothing shows that it is its holder's."""


@dataclass(frozen=True, slots=True)
class _Found:
    followed: Followed | None


def remember(request: HttpRequest, followed: Followed) -> None:
    """Keep it for the time of signing in or up."""
    invitation = followed.invitation
    request.session[SESSION_KEY] = [invitation.pk, invitation.nonce, followed.is_mailed]
    _keep(request, followed)


def forget(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)
    _keep(request, None)


def find(request: HttpRequest) -> Followed | None:
    """What this session came by, whatever became of it. One query for each request that asks."""
    kept = getattr(request, "_followed_invitation", None)
    if kept is None:
        kept = _keep(request, _read(request))
    return cast(_Found, kept).followed


def _read(request: HttpRequest) -> Followed | None:
    if SESSION_KEY not in request.session:
        return None
    number, nonce, is_mailed = request.session[SESSION_KEY]
    invitation = invitations.find(number, nonce)
    return Followed(invitation, is_mailed) if invitation else None


def _keep(request: HttpRequest, followed: Followed | None) -> _Found:
    kept = _Found(followed)
    request._followed_invitation = kept  # type: ignore[attr-defined]
    return kept


# --- What signing up asks ---------------------------------------------------------------------------------------------


def find_invited_address(request: HttpRequest) -> str | None:
    """The address that may sign up by this session's invitation, while that holds."""
    followed = find(request)
    return followed.invitation.email if followed and followed.invitation.is_usable else None


def is_invited(request: HttpRequest) -> bool:
    """Whether this session came by an invitation that still holds."""
    return find_invited_address(request) is not None


def may_sign_up(request: HttpRequest, email: str) -> bool:
    """Where strangers may not, an invitation opens the door for its own address only."""
    return bool(settings.SIGNUP_OPEN) or email.lower() == find_invited_address(request)


def is_address_proven(request: HttpRequest, email: str) -> bool:
    """Whether the session came by the link that only the mail to this address holds."""
    followed = find(request)
    return bool(followed and followed.is_mailed and email.lower() == find_invited_address(request))


def find_landing_path(request: HttpRequest) -> str | None:
    """Where an invited person goes first after signing in or up; None for everybody else."""
    return reverse("invitation") if is_invited(request) else None


def is_without_mail() -> bool:
    """Whether mails are only printed, so that links have to be passed on by hand."""
    return bool(settings.EMAIL_BACKEND == _CONSOLE)


# --- Joining ----------------------------------------------------------------------------------------------------------


def may_join(request: HttpRequest, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether nothing but the person's word is missing: theirs is the invited address, and it is shown to be theirs.

    Where mails only go to the console, nobody could confirm an address: there the owner's copied link is enough.
    """
    email = find_invited_address(request)
    if email is None or not isinstance(user, User) or user.email != email:
        return False
    return is_address_proven(request, email) or is_without_mail() or services.has_verified_email(user)


def join(request: HttpRequest, *, user: User) -> Membership:
    """Accept the session's invitation, which is forgotten then.

    Raises what `orgs.services.invitations.accept` does, and `Unconfirmed`.
    """
    followed = find(request)
    if followed is None:
        raise InvitationClosed("revoked")
    invitation = followed.invitation
    if invitation.is_usable and user.email == invitation.email and not may_join(request, user):
        raise Unconfirmed
    membership = invitations.accept(invitation=invitation, by=user)
    if followed.is_mailed:
        services.mark_verified(user=user)
    forget(request)
    return membership


def join_at_sign_up(request: HttpRequest, *, user: User) -> Membership | None:
    """Signing up by an invitation is saying yes to it. None where something is missing: its page says what."""
    try:
        return join(request, user=user) if may_join(request, user) else None
    except InvitationClosed:  # just now
        return None
