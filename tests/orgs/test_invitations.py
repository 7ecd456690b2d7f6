"""Inviting: what owners may, what is refused, mailed and noted, and what a link is made of."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.backends.smtp import EmailBackend
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from orgs.models import AuditEntry, Invitation
from orgs.services import invitations, organizations
from tests.accounts.pages import last_mail, text_of
from tests.factories import make_member, make_organization, make_user
from tests.orgs.people import (
    actions,
    client_of,
    copied_path,
    mailed_path,
    make_invitation,
    make_owned,
    make_verified_user,
    statuses,
)

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_an_owner_invites_by_address_and_role(client: Client) -> None:
    organization, owner = make_owned()
    client.force_login(owner)

    response = client.post(
        reverse("invite", args=[organization.slug]), {"email": " Bob@Example.com ", "role": "owner"}, follow=True
    )

    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role, invitation.invited_by) == ("bob@example.com", "owner", owner)
    assert invitation.expires_at - invitation.created_at == timedelta(days=7)
    page = text_of(response)
    assert "The invitation is on its way to bob@example.com." in page
    assert invitations.link(invitations.copied_token(invitation)) in page
    assert actions(organization)[-1] == "invitation.sent"


def test_the_mail_says_who_invites_where_to_in_text_and_html() -> None:
    organization, owner = make_owned("R&D <Berlin>")

    make_invitation(organization=organization, by=owner)

    message = last_mail("bob@example.com")
    assert message.subject == f"{owner.email} invites you to R&D <Berlin> on AI Prompt Cost"
    assert mailed_path() in str(message.body)
    page = str(message.alternatives[0][0])
    assert "R&amp;D &lt;Berlin&gt;" in page
    assert "<Berlin>" not in page


@pytest.mark.parametrize(
    ("email", "role", "words"),
    [
        ("nobody", "member", "This is no e-mail address"),
        ("", "member", "Enter the e-mail address"),
        ("bob@example.com", "king", "Choose the role from the list"),
        (f"{'b' * 250}@example.com", "member", "At most 254 characters"),
    ],
)
def test_a_bad_address_or_role_is_refused(client: Client, email: str, role: str, words: str) -> None:
    organization, owner = make_owned()
    client.force_login(owner)

    response = client.post(reverse("invite", args=[organization.slug]), {"email": email, "role": role})

    assert response.status_code == 200
    assert words in text_of(response)
    assert not Invitation.objects.exists()
    assert not mail.outbox


def test_members_and_the_invited_are_not_invited_again(client: Client) -> None:
    organization, owner = make_owned()
    make_member(organization, make_user("ada@example.com"))
    make_invitation("bob@example.com", organization=organization, by=owner)
    client.force_login(owner)

    for email, words in [("Ada@example.com", "is a member already"), ("BOB@example.com", "is invited already")]:
        response = client.post(reverse("invite", args=[organization.slug]), {"email": email, "role": "member"})
        assert response.status_code == 200
        assert words in text_of(response)
    assert Invitation.objects.count() == 1


def test_an_expired_invitation_makes_room_for_a_new_one() -> None:
    organization, owner = make_owned()
    expired = make_invitation(organization=organization, by=owner, now=timezone.now() - timedelta(days=7, seconds=1))

    make_invitation(organization=organization, by=owner)

    expired.refresh_from_db()
    assert expired.state == "revoked"
    assert Invitation.objects.open().count() == 1


def test_one_address_has_one_open_invitation_in_an_organization() -> None:
    invitation = make_invitation()
    make_invitation()  # to another organization

    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(organization=invitation.organization, email=invitation.email)


def test_only_owners_invite_resend_and_revoke() -> None:
    organization, owner = make_owned()
    invitation = make_invitation(organization=organization, by=owner)

    expected = {"visitor": 401, "outsider": 404, "member": 403}
    invited = statuses(organization, owner, "invite", method="post", email="eve@example.com", role="member")
    assert invited == {**expected, "owner": 302}
    assert statuses(organization, owner, "invitation-resend", method="post", args=[invitation.pk])["member"] == 403
    assert statuses(organization, owner, "invitation-revoke", args=[invitation.pk]) == {**expected, "owner": 200}
    revoked = statuses(organization, owner, "invitation-revoke", method="post", args=[invitation.pk])
    assert revoked == {**expected, "owner": 302}
    assert Invitation.objects.filter(email="eve@example.com").count() == 1


def test_an_owner_reaches_no_other_organizations_invitation() -> None:
    foreign = make_invitation()
    organization, owner = make_owned()

    for name in ("invitation-resend", "invitation-revoke"):
        address = reverse(name, args=[organization.slug, foreign.pk])
        assert client_of(owner).post(address).status_code == 404
    foreign.refresh_from_db()
    assert foreign.is_usable


def test_an_owner_whose_address_is_not_confirmed_invites_nobody(client: Client) -> None:
    owner = make_user()
    organization = make_organization(owner=owner)
    client.force_login(owner)

    response = client.post(
        reverse("invite", args=[organization.slug]), {"email": "bob@example.com", "role": "member"}, follow=True
    )

    assert "Confirm your e-mail address first" in text_of(response)
    assert not Invitation.objects.exists()
    assert reverse("invite", args=[organization.slug]) not in response.content.decode()


def test_a_suspended_organization_invites_nobody() -> None:
    organization, owner = make_owned()
    organizations.suspend(organization=organization)

    response = client_of(owner).post(
        reverse("invite", args=[organization.slug]), {"email": "bob@example.com", "role": "member"}
    )

    assert response.status_code == 403
    assert not Invitation.objects.exists()


def test_sending_again_renews_the_same_link(client: Client) -> None:
    organization, owner = make_owned()
    invitation = make_invitation(organization=organization, by=owner, now=timezone.now() - timedelta(days=10))
    first = mailed_path()
    client.force_login(owner)

    client.post(reverse("invitation-resend", args=[organization.slug, invitation.pk]))

    invitation.refresh_from_db()
    assert invitation.is_usable
    assert len(mail.outbox) == 2
    assert mailed_path() == first
    assert actions(organization)[-1] == "invitation.sent_again"


def test_revoking_ends_it_once(client: Client) -> None:
    organization, owner = make_owned()
    invitation = make_invitation(organization=organization, by=owner)
    client.force_login(owner)
    address = reverse("invitation-revoke", args=[organization.slug, invitation.pk])

    assert "Its link stops working at once" in text_of(client.get(address))
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 404

    assert Invitation.objects.get().state == "revoked"
    assert actions(organization)[-1] == "invitation.revoked"
    with pytest.raises(invitations.InvitationClosed):
        invitations.send_again(invitation=invitation, by=owner)


@pytest.mark.parametrize("limited", ["organization", "person"])
def test_a_day_has_only_so_many_invitations(settings: Settings, limited: str) -> None:
    settings.INVITATIONS_PER_DAY = 2
    organization, owner = make_owned()
    invitation = make_invitation("a@example.com", organization=organization, by=owner)
    invitations.send_again(invitation=invitation, by=owner)
    if limited == "organization":
        other = make_verified_user()
        further: dict[str, Any] = {"organization": organization, "by": other}
    else:
        further = {"organization": make_organization(owner=owner), "by": owner}

    with pytest.raises(ValidationError, match="2 invitations were sent within a day"):
        make_invitation("b@example.com", **further)
    assert len(mail.outbox) == 2

    AuditEntry.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    make_invitation("b@example.com", **further)


def test_the_page_says_that_the_day_is_full(settings: Settings, client: Client) -> None:
    settings.INVITATIONS_PER_DAY = 0
    organization, owner = make_owned()
    client.force_login(owner)

    response = client.post(reverse("invite", args=[organization.slug]), {"email": "b@example.com", "role": "member"})

    assert response.status_code == 200
    assert "Try again tomorrow" in text_of(response)


def test_without_a_mail_server_the_invitation_stands_and_its_link_can_be_copied(
    settings: Settings, client: Client
) -> None:
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__qualname__}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # where nobody listens
    organization, owner = make_owned()
    client.force_login(owner)

    response = client.post(
        reverse("invite", args=[organization.slug]), {"email": "bob@example.com", "role": "member"}, follow=True
    )

    assert "could not be sent" in text_of(response)
    assert copied_path(Invitation.objects.get()) in text_of(response)


def test_members_see_who_is_invited_but_no_link(client: Client) -> None:
    organization, owner = make_owned()
    make_invitation(organization=organization, by=owner)
    client.force_login(make_member(organization))

    page = client.get(reverse("organization", args=[organization.slug])).content.decode()

    assert "bob@example.com" in page
    assert "/invitations/" not in page
    assert "/invite/" not in page


def test_the_database_holds_nothing_that_makes_a_link(settings: Settings) -> None:
    invitation = make_invitation()
    paths = mailed_path(), copied_path(invitation)
    row = " ".join(str(value) for value in Invitation.objects.values_list().get())

    assert paths[0] != paths[1]
    for path in paths:
        token = path.split("/")[-2]
        assert token.rpartition(".")[2] not in row
        assert invitations.find_followed(token) is not None
    tokens = [path.split("/")[-2] for path in paths]
    settings.SECRET_KEY = "another"
    assert [invitations.find_followed(token) for token in tokens] == [None, None]


def test_a_link_that_was_tampered_with_is_none() -> None:
    first, second = make_invitation("a@example.com"), make_invitation("b@example.com")
    token = invitations.mailed_token(first)
    number, nonce, kind, signature = token.split(".")

    for changed in [
        f"{second.pk}.{nonce}.{kind}.{signature}",
        f"{number}.{second.nonce}.{kind}.{signature}",
        f"{number}.{nonce}.c.{signature}",
        token[:-1],
        f"{number}.{nonce}.{kind}",
        "x",
        "é.é",
    ]:
        assert invitations.find_followed(changed) is None
        assert Client().get(reverse("invitation-link", args=[changed])).status_code == 404


def test_invitations_that_nobody_accepted_are_forgotten_in_the_end() -> None:
    now = timezone.now()
    over, open_still, accepted = (make_invitation(f"{name}@example.com") for name in ("over", "open", "accepted"))
    Invitation.objects.filter(pk=over.pk).update(expires_at=now - invitations.KEPT_AFTER - timedelta(minutes=1))
    Invitation.objects.filter(pk=open_still.pk).update(expires_at=now - invitations.KEPT_AFTER + timedelta(minutes=1))
    Invitation.objects.filter(pk=accepted.pk).update(
        expires_at=now - timedelta(days=900), accepted_at=now - timedelta(days=901)
    )

    assert invitations.remove_old(now=now) == 1
    assert set(Invitation.objects.all()) == {open_still, accepted}


def test_the_page_takes_the_same_queries_for_any_number_of_people(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    organization, owner = make_owned()
    for number in range(3):
        make_member(organization)
        make_invitation(f"{number}@example.com", organization=organization, by=owner)
    client.force_login(owner)
    client.get(reverse("organization", args=[organization.slug]))  # which the session remembers as the last seen

    # Session, person, access; invitations, members, own address twice (page, banner), the switcher's organizations.
    with django_assert_num_queries(8):
        client.get(reverse("organization", args=[organization.slug]))
