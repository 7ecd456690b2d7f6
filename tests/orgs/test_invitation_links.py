"""What an invited person meets behind the link: new, with an account, with another address, too late."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import services
from accounts.models import User
from orgs.models import Invitation, Organization
from orgs.services import invitations, members, organizations
from tests.accounts.pages import is_signed_in, last_mail, link_in, sign_in, sign_up, text_of
from tests.factories import make_user
from tests.orgs.people import (
    actions,
    client_of,
    copied_path,
    mailed_path,
    make_invitation,
    make_owned,
    make_verified_user,
    role_of,
)

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

BOB = "bob@example.com"
CONSOLE = "django.core.mail.backends.console.EmailBackend"


def dashboard(organization: Organization) -> str:
    return reverse("dashboard", args=[organization.slug])


# New people


def test_a_new_person_signs_up_by_the_mailed_link_and_is_a_member(client: Client) -> None:
    invitation = make_invitation(role="owner")
    mail_count = len(mail.outbox)

    page = client.get(mailed_path(), follow=True)
    assert f"/accounts/signup/?email={BOB.replace('@', '%40')}" in page.content.decode()
    assert f'value="{BOB}"' in client.get("/accounts/signup/", {"email": BOB}).content.decode()
    response = sign_up(client, BOB)

    assert response.headers["Location"] == dashboard(invitation.organization)
    bob = User.objects.get(email=BOB)
    assert role_of(bob, invitation.organization) == "owner"
    assert services.has_verified_email(bob)
    assert len(mail.outbox) == mail_count  # no link to confirm what the invitation has shown
    assert actions(invitation.organization)[-1] == "member.joined"
    assert client.get(dashboard(invitation.organization)).status_code == 200


def test_signing_up_with_another_address_proves_nothing_and_joins_nothing(client: Client) -> None:
    invitation = make_invitation()

    client.get(mailed_path())
    response = sign_up(client, "eve@example.com")

    assert response.headers["Location"] == reverse("invitation")
    eve = User.objects.get(email="eve@example.com")
    assert not services.has_verified_email(eve)
    assert role_of(eve, invitation.organization) is None
    assert "This invitation is for another address" in text_of(client.get(reverse("invitation")))


def test_the_address_counts_as_confirmed_only_in_the_invitations_session() -> None:
    make_invitation()
    Client().get(mailed_path())

    sign_up(Client(), BOB)

    assert not services.has_verified_email(User.objects.get(email=BOB))


def test_a_copied_link_does_not_confirm_the_address(client: Client) -> None:
    invitation = make_invitation()

    client.get(copied_path(invitation))
    response = sign_up(client, BOB)

    assert response.headers["Location"] == reverse("invitation")
    bob = User.objects.get(email=BOB)
    assert not services.has_verified_email(bob)
    assert "nothing has shown yet" in text_of(client.get(reverse("invitation")))
    assert client.post(reverse("invitation")).headers["Location"] == reverse("invitation")
    assert role_of(bob, invitation.organization) is None

    client.post(link_in(last_mail(BOB), "/accounts/confirm-email/"))
    assert client.post(reverse("invitation")).headers["Location"] == dashboard(invitation.organization)
    assert role_of(bob, invitation.organization) == "member"


def test_without_a_mail_server_a_copied_link_is_enough_to_join_but_confirms_nothing(
    client: Client, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = CONSOLE
    invitation = make_invitation()

    client.get(copied_path(invitation))
    sign_up(client, BOB)

    bob = User.objects.get(email=BOB)
    assert role_of(bob, invitation.organization) == "member"
    assert not services.has_verified_email(bob)


def test_where_strangers_may_not_sign_up_the_invited_address_may_and_no_other(
    client: Client, settings: Settings
) -> None:
    settings.SIGNUP_OPEN = False
    make_invitation()
    client.get(mailed_path())

    assert "Only the invited address" in text_of(sign_up(client, "eve@example.com"))
    sign_up(client, BOB)
    sign_up(Client(), "eve@example.com")

    assert User.objects.filter(email=BOB).exists()
    assert not User.objects.filter(email="eve@example.com").exists()


# People with an account


@pytest.mark.parametrize("is_verified", [True, False])
def test_a_person_with_an_account_signs_in_and_accepts(client: Client, is_verified: bool) -> None:
    bob = make_verified_user(BOB) if is_verified else make_user(BOB)
    invitation = make_invitation()

    page = text_of(client.get(mailed_path(), follow=True))
    assert "Sign in and join" in page
    assert "Create account" not in page
    assert sign_in(client, bob).headers["Location"] == reverse("invitation")
    assert "You are signed in as" in text_of(client.get(reverse("invitation")))
    assert role_of(bob, invitation.organization) is None
    response = client.post(reverse("invitation"))

    assert response.headers["Location"] == dashboard(invitation.organization)
    assert role_of(bob, invitation.organization) == "member"
    assert services.has_verified_email(bob)  # the mailed link has shown it
    assert client.get(reverse("invitation")).status_code == 404  # the session has forgotten it


def test_a_copied_link_does_not_tell_whether_the_address_has_an_account() -> None:
    invitation = make_invitation()
    before = text_of(Client().get(copied_path(invitation), follow=True))
    make_user(BOB)

    assert text_of(Client().get(copied_path(invitation), follow=True)) == before
    assert "Create account and join" in before
    assert "Sign in and join" in before


def test_whoever_was_added_meanwhile_keeps_the_role_they_have() -> None:
    bob = make_verified_user(BOB)
    invitation = make_invitation()
    members.add(organization=invitation.organization, user=bob, role="owner")

    invitations.accept(invitation=invitation, by=bob)

    assert role_of(bob, invitation.organization) == "owner"
    assert Invitation.objects.get().state == "accepted"


# The wrong address


def test_another_address_gets_a_page_with_a_way_out_that_comes_back() -> None:
    invitation = make_invitation()
    eve = make_verified_user("eve@example.com")
    client = client_of(eve)

    page = client.get(mailed_path(), follow=True)

    assert "You are signed in as <strong>eve@example.com</strong>" in text_of(page)
    client.post(reverse("invitation"))
    assert role_of(eve, invitation.organization) is None
    with pytest.raises(invitations.NotInvited):
        invitations.accept(invitation=invitation, by=eve)

    response = client.post(reverse("logout"), {"next": mailed_path()})
    assert f'name="next" value="{mailed_path()}"' in page.content.decode()
    assert response.headers["Location"] == mailed_path()
    assert not is_signed_in(client)
    assert f"The invitation is for <strong>{BOB}</strong>" in text_of(client.get(mailed_path(), follow=True))


# Too late


def use(invitation: Invitation) -> None:
    invitations.accept(invitation=invitation, by=make_verified_user(BOB))


def revoke(invitation: Invitation) -> None:
    assert invitation.invited_by is not None
    invitations.revoke(invitation=invitation, by=invitation.invited_by)


def expire(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def delete(invitation: Invitation) -> None:
    organizations.delete(organization=invitation.organization)


@pytest.mark.parametrize(
    ("end", "words"), [(use, "was used"), (revoke, "was revoked"), (expire, "has expired"), (delete, "was revoked")]
)
def test_a_link_that_is_over_says_why_and_opens_nothing(end: object, words: str) -> None:
    invitation = make_invitation()
    began = Client()
    began.get(mailed_path())
    assert callable(end)
    end(invitation)

    response = Client().get(mailed_path(), follow=True)
    assert f"This invitation {words}" in text_of(response)

    if end is not use:
        # Whoever followed the link before its end signs up like a stranger.
        sign_up(began, BOB)
        bob = User.objects.get(email=BOB)
        assert role_of(bob, invitation.organization) is None
        assert not services.has_verified_email(bob)
        assert began.post(reverse("invitation")).headers["Location"] == reverse("invitation")
        with pytest.raises(invitations.InvitationClosed):
            invitations.accept(invitation=invitation, by=bob)


def test_a_used_link_leads_its_user_to_the_organization() -> None:
    invitation = make_invitation()
    bob = make_verified_user(BOB)
    invitations.accept(invitation=invitation, by=bob)

    page = text_of(client_of(bob).get(mailed_path(), follow=True))

    assert "You are a member of Acme" in page
    assert dashboard(invitation.organization) in page


def test_a_removed_member_does_not_come_back_by_the_old_link() -> None:
    organization, owner = make_owned()
    invitation = make_invitation(organization=organization, by=owner)
    bob = make_verified_user(BOB)
    membership = invitations.accept(invitation=invitation, by=bob)
    members.remove(membership=membership, by=owner)

    client = client_of(bob)
    assert "This invitation was used" in text_of(client.get(mailed_path(), follow=True))
    client.post(reverse("invitation"))
    assert role_of(bob, organization) is None


def test_without_an_invitation_there_is_nothing_to_accept(client: Client) -> None:
    assert client.get(reverse("invitation")).status_code == 404
    client.force_login(make_verified_user())
    assert client.post(reverse("invitation")).status_code == 404
