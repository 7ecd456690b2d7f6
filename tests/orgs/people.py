"""What the tests about people and invitations share: those who ask, and the links they get."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import User
from orgs.models import AuditEntry, Invitation, Membership, Organization
from orgs.services import invitations
from tests.accounts.pages import last_mail, link_in
from tests.factories import make_member, make_organization, make_user


def make_verified_user(email: str = "", **fields: Any) -> User:
    user = make_user(email, **fields)
    services.mark_verified(user=user)
    return user


def make_owned(name: str = "Acme") -> tuple[Organization, User]:
    """An organization and its owner, who may invite."""
    owner = make_verified_user()
    return make_organization(name, owner=owner), owner


def make_invitation(email: str = "bob@example.com", role: str = "member", **facts: Any) -> Invitation:
    """Into an organization called Acme, unless the test gives one with its owner (`organization=`, `by=`)."""
    if "organization" not in facts:
        facts["organization"], facts["by"] = make_owned()
    invitation, was_sent = invitations.invite(email=email, role=role, **facts)
    assert was_sent
    return invitation


def mailed_path(email: str = "bob@example.com") -> str:
    """The path of the link in the last mail to this address."""
    return link_in(last_mail(email), "/invitations/")


def copied_path(invitation: Invitation) -> str:
    return urlsplit(invitations.link(invitations.copied_token(invitation))).path


def everybody(organization: Organization, owner: User) -> dict[str, User | AnonymousUser]:
    return {
        "owner": owner,
        "member": make_member(organization),
        "outsider": make_member(make_organization()),
        "visitor": AnonymousUser(),
    }


def client_of(user: User | AnonymousUser) -> Client:
    client = Client()
    if isinstance(user, User):
        client.force_login(user)
    return client


def statuses(
    organization: Organization,
    owner: User,
    page: str,
    /,
    *,
    method: str = "get",
    args: Sequence[int] = (),
    **fields: str,
) -> dict[str, int]:
    """What each kind of person gets there; the owner asks last, since it is their act that counts."""
    people = everybody(organization, owner)
    address = reverse(page, args=[organization.slug, *args])
    answers = {}
    for kind in ("visitor", "outsider", "member", "owner"):
        response = getattr(client_of(people[kind]), method)(address, fields)
        is_sent_away = response.status_code == 302 and "/login/" in response.headers["Location"]
        answers[kind] = 401 if is_sent_away else response.status_code
    return answers


def actions(organization: Organization) -> list[str]:
    return list(AuditEntry.objects.of(organization).order_by("id").values_list("action", flat=True))


def role_of(user: User, organization: Organization) -> str | None:
    return Membership.objects.filter(user=user, organization=organization).values_list("role", flat=True).first()
