"""The people of an organization: who sees them, who changes roles, removing, leaving, and the last owner."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Membership, Organization
from orgs.services import invitations, members, organizations
from orgs.services.invitations import InvitationClosed
from tests.accounts.pages import text_of
from tests.analytics.at_once import threads, wait_for_waiting
from tests.factories import make_member, make_organization, make_user
from tests.orgs.people import (
    actions,
    client_of,
    make_invitation,
    make_owned,
    make_verified_user,
    role_of,
    statuses,
)

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def post(by: User, organization: Organization, name: str, *arguments: int, **fields: str) -> str:
    """The words of the page that it leads to."""
    address = reverse(name, args=[organization.slug, *arguments])
    return text_of(client_of(by).post(address, fields, follow=True))


def test_all_members_see_all_with_role_and_join_date_and_nobody_else_does() -> None:
    organization, owner = make_owned()
    joined = membership_of(make_member(organization, make_user("ada@example.com", name="Ada Lovelace"))).created_at

    assert statuses(organization, owner, "organization") == {
        "visitor": 401,
        "outsider": 404,
        "member": 200,
        "owner": 200,
    }
    page = text_of(client_of(owner).get(reverse("organization", args=[organization.slug])))
    assert "ada@example.com" in page
    assert "Ada Lovelace" in page
    assert f"{joined:%b} {joined:%Y}" in page
    assert "Make owner" in page


def test_members_read_and_change_nothing() -> None:
    organization, owner = make_owned()
    member = make_member(organization)

    page = client_of(member).get(reverse("organization", args=[organization.slug])).content.decode()
    assert reverse("invite", args=[organization.slug]) not in page
    assert "Make owner" not in page
    assert "Remove" not in page
    assert reverse("leave", args=[organization.slug]) in page
    assert reverse("audit", args=[organization.slug]) not in page
    expected = {"visitor": 401, "outsider": 404, "member": 403}
    owners = membership_of(owner).pk
    assert statuses(organization, owner, "member-role", method="post", args=[owners], role="member")["member"] == 403
    answers = statuses(organization, owner, "member-remove", method="post", args=[membership_of(member).pk])
    assert answers == {**expected, "owner": 302}


def test_an_owner_promotes_and_demotes() -> None:
    organization, owner = make_owned()
    member = make_member(organization, make_user("ada@example.com"))
    key = membership_of(member).pk

    assert "ada@example.com is an owner now." in post(owner, organization, "member-role", key, role="owner")
    assert role_of(member, organization) == "owner"
    assert "ada@example.com is a member now." in post(owner, organization, "member-role", key, role="member")
    assert role_of(member, organization) == "member"
    assert "Choose one of the roles" in post(owner, organization, "member-role", key, role="king")
    assert actions(organization)[-2:] == ["member.role_changed", "member.role_changed"]


def test_a_removed_member_is_out_with_the_next_request() -> None:
    organization, owner = make_owned()
    member = make_member(organization, make_user("ada@example.com"))
    theirs = client_of(member)
    address = reverse("dashboard", args=[organization.slug])
    assert theirs.get(address).status_code == 200

    question = client_of(owner).get(reverse("member-remove", args=[organization.slug, membership_of(member).pk]))
    assert "They lose access" in text_of(question)
    assert "has no access any more" in post(owner, organization, "member-remove", membership_of(member).pk)

    assert theirs.get(address).status_code == 404
    assert actions(organization)[-1] == "member.removed"


def test_the_question_comes_as_a_page_or_into_the_dialog() -> None:
    organization, owner = make_owned()
    address = reverse("member-remove", args=[organization.slug, membership_of(make_member(organization)).pk])

    page = client_of(owner).get(address)
    part = client_of(owner).get(address, headers={"HX-Request": "true"})

    assert "<html" in page.content.decode()
    assert "<html" not in part.content.decode()
    assert "Remove member" in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]


def test_a_member_leaves_and_is_out() -> None:
    organization, owner = make_owned()
    member = make_member(organization)

    assert "You lose access" in text_of(client_of(member).get(reverse("leave", args=[organization.slug])))
    assert f"You left {organization.name}" in post(member, organization, "leave")

    assert role_of(member, organization) is None
    assert actions(organization)[-1] == "member.left"
    assert statuses(organization, owner, "leave") == {"visitor": 401, "outsider": 404, "member": 200, "owner": 200}


def test_the_last_owner_neither_leaves_nor_is_demoted_nor_removed() -> None:
    organization, owner = make_owned()
    make_member(organization)
    key = membership_of(owner).pk

    assert "You are its only owner" in text_of(client_of(owner).get(reverse("leave", args=[organization.slug])))
    for words in (
        post(owner, organization, "leave"),
        post(owner, organization, "member-role", key, role="member"),
    ):
        assert "An organization needs an owner" in words
    # The page sends whoever would remove themselves to leaving.
    response = client_of(owner).post(reverse("member-remove", args=[organization.slug, key]))
    assert response.headers["Location"] == reverse("leave", args=[organization.slug])
    with pytest.raises(ValidationError, match="needs an owner"):
        members.remove(membership=membership_of(owner))
    assert role_of(owner, organization) == "owner"


def test_one_of_two_owners_may_go() -> None:
    organization, owner = make_owned()
    other = make_member(organization, role="owner")

    assert f"You left {organization.name}" in post(owner, organization, "leave")

    assert role_of(other, organization) == "owner"
    assert "An organization needs an owner" in post(other, organization, "leave")


def test_an_owner_reaches_nobody_of_another_organization() -> None:
    organization, owner = make_owned()
    stranger = make_member(make_organization())
    for name in ("member-role", "member-remove"):
        address = reverse(name, args=[organization.slug, membership_of(stranger).pk])
        assert client_of(owner).post(address, {"role": "owner"}).status_code == 404
    assert membership_of(stranger).role == "member"


def test_while_suspended_people_can_go_but_nobody_rises(client: Client) -> None:
    organization, owner = make_owned()
    member = make_member(organization)
    organizations.suspend(organization=organization)

    address = reverse("member-role", args=[organization.slug, membership_of(member).pk])
    assert client_of(owner).post(address, {"role": "owner"}).status_code == 403
    post(owner, organization, "member-remove", membership_of(member).pk)

    assert role_of(member, organization) is None


def test_removing_somebody_who_has_just_left_says_so() -> None:
    organization, _owner = make_owned()
    membership = membership_of(make_member(organization))
    members.leave(membership=membership_of(membership.user))

    with pytest.raises(members.NoLongerMember):
        members.remove(membership=membership)


# At the same moment


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each act returned or raised. All begin together, each on a connection of its own."""
    start = threading.Barrier(len(acts))
    outcomes: list[object] = [None] * len(acts)

    def run(number: int, act: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            start.wait(30)
            outcomes[number] = act()
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number, act]) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_one() -> None:
    for _ in range(5):
        organization, first = make_owned()
        second = make_member(organization, role="owner")
        theirs = [Membership.objects.get(user=user, organization=organization) for user in (first, second)]

        outcomes = at_once(
            partial(members.remove, membership=theirs[1], by=first),
            partial(members.change_role, membership=theirs[0], role="member", by=second),
        )

        assert [type(outcome) for outcome in outcomes].count(ValidationError) == 1, outcomes
        assert Membership.objects.owners().filter(organization=organization).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_does() -> None:
    for number in range(5):
        invitation = make_invitation(f"bob{number}@example.com")
        bob = make_verified_user(invitation.email)

        outcomes = at_once(*[partial(invitations.accept, invitation=invitation, by=bob)] * 3)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvitationClosed"] * 2 + ["Membership"]
        assert {outcome.state for outcome in outcomes if isinstance(outcome, InvitationClosed)} == {"accepted"}
        assert Membership.objects.filter(user=bob).count() == 1
        assert actions(invitation.organization).count("member.joined") == 1


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_either_accepted_or_revoked() -> None:
    for number in range(5):
        invitation = make_invitation(f"bob{number}@example.com")
        owner, bob = invitation.invited_by, make_verified_user(invitation.email)
        assert owner is not None

        outcomes = at_once(
            partial(invitations.accept, invitation=invitation, by=bob),
            partial(invitations.revoke, invitation=invitation, by=owner),
        )

        assert [type(outcome) for outcome in outcomes].count(InvitationClosed) == 1, outcomes
        invitation.refresh_from_db()
        assert (invitation.state == "accepted") == Membership.objects.filter(user=bob).exists()


@pytest.mark.production
@pytest.mark.django_db(transaction=True)
def test_an_acceptance_waits_for_the_organizations_lock() -> None:
    invitation = make_invitation()
    bob = make_verified_user(invitation.email)

    with threads(1) as start, transaction.atomic():
        Organization.objects.select_for_update(no_key=True).get(pk=invitation.organization_id)
        accepting = start(invitations.accept, invitation=invitation, by=bob)
        wait_for_waiting(1, "the acceptance waits")
        assert not Membership.objects.filter(user=bob).exists()
    accepting.result(timeout=60)
    assert Membership.objects.filter(user=bob).exists()
