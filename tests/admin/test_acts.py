"""What staff do: asked first where it harms, noted with their name, and answered."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics.models import RejectedRecord
from orgs.models import AuditEntry, Invitation, Organization, RevocationEntry
from tests.admin.staff import act, make_staff, page_of, signed_in
from tests.analytics.usage_lines import lines_of, make_record, post_lines
from tests.factories import make_key, make_member, make_organization, make_user
from tests.orgs.people import make_invitation

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def operator() -> User:
    return make_staff("Operator", "olga@staff.example.com")


@pytest.fixture
def site(operator: User) -> Client:
    return signed_in(operator)


def noted(organization: Organization) -> list[tuple[str, User | None]]:
    """The last act in its audit log."""
    return [(entry.words, entry.actor) for entry in AuditEntry.objects.of(organization)[:1]]


def test_suspending_asks_first_says_what_stops_and_tells_all_processes(site: Client, operator: User) -> None:
    acme, bolts = make_organization("Acme"), make_organization("Bolts")

    page = act(site, "suspend", acme, bolts, confirmed=False).content.decode()
    assert "refused within a second" in page
    assert "Acme" in page
    assert Organization.objects.active().count() == 2

    page = act(site, "suspend", acme, bolts).content.decode()
    assert "Suspended: Acme, Bolts." in page
    assert not Organization.objects.active().exists()
    assert RevocationEntry.objects.filter(kind="organization_suspended").count() == 2
    assert noted(acme) == [("suspended the organization: its keys are refused", operator)]

    assert "Resumed: Acme." in act(site, "resume", acme, confirmed=False).content.decode()
    assert noted(acme) == [("resumed the organization: its keys work again", operator)]


@pytest.mark.parametrize("role", ["", "Support"])
def test_who_may_only_read_does_nothing(role: str) -> None:
    key, _ = make_key()
    bob = make_user("bob@example.com")
    before = AuditEntry.objects.count()
    client = signed_in(make_staff(role))

    for name, row in (("suspend", key.organization), ("revoke", key), ("archive", key.team), ("lock", bob)):
        act(client, name, row)

    key.refresh_from_db()
    assert key.organization.is_active
    assert not key.is_revoked
    assert User.objects.get(pk=bob.pk).is_active
    assert AuditEntry.objects.count() == before


def test_the_buttons_of_a_records_page_are_the_acts_of_its_list(site: Client) -> None:
    key, _ = make_key(description="checkout")

    page = site.get(page_of(type(key), "change", key.pk)).content.decode()
    assert "Revoke for good" in page
    act(site, "revoke", key)

    key.refresh_from_db()
    assert key.is_revoked
    assert "Revoke for good" not in site.get(page_of(type(key), "change", key.pk)).content.decode()


def test_a_records_page_offers_only_what_is_left_to_do(site: Client) -> None:
    acme, bob = make_organization("Acme"), make_user("bob@example.com")

    def offered(row: Organization | User) -> list[str]:
        page = site.get(page_of(type(row), "change", row.pk)).content.decode()
        return [name for name in ("suspend", "resume", "lock", "unlock") if f'name="action" value="{name}"' in page]

    assert (offered(acme), offered(bob)) == (["suspend"], ["lock"])
    act(site, "suspend", acme)
    act(site, "lock", bob)
    assert (offered(acme), offered(bob)) == (["resume"], ["unlock"])


def test_an_invitation_is_sent_again_and_withdrawn(site: Client, operator: User) -> None:
    invitation = make_invitation("bob@example.com")
    mail.outbox.clear()

    assert "Sent again: bob@example.com" in act(site, "send_again", invitation).content.decode()
    assert [message.to for message in mail.outbox] == [["bob@example.com"]]
    assert "Withdrawn: bob@example.com" in act(site, "withdraw", invitation).content.decode()
    assert Invitation.objects.get().state == "revoked"
    assert noted(invitation.organization) == [("revoked the invitation of bob@example.com", operator)]
    assert "nothing to withdraw, it is revoked" in act(site, "withdraw", invitation).content.decode()
    assert "cannot be sent again" in act(site, "send_again", invitation).content.decode()


@pytest.mark.parametrize("state", ["pending", "expired", "revoked", "accepted"])
def test_invitations_are_found_by_their_state(site: Client, state: str) -> None:
    changes = {
        "pending": {},
        "expired": {"expires_at": timezone.now()},
        "revoked": {"revoked_at": timezone.now()},
        "accepted": {"accepted_at": timezone.now()},
    }
    for name, change in changes.items():
        Invitation.objects.filter(pk=make_invitation(f"{name}@example.com").pk).update(**change)

    page = site.get(page_of(Invitation), {"state": state}).content.decode()

    assert [name for name in changes if f"{name}@example.com" in page] == [state]


def test_a_locked_account_is_signed_out_and_its_organizations_read_why(site: Client, operator: User) -> None:
    acme = make_organization("Acme")
    bob = make_member(acme, make_user("bob@example.com"))
    session = signed_in(bob)
    assert session.get(f"/app/{acme.slug}/").status_code == 200

    assert "Locked: bob@example.com." in act(site, "lock", bob).content.decode()

    assert session.get(f"/app/{acme.slug}/").status_code == 302
    assert noted(acme) == [("locked the account of bob@example.com", operator)]
    act(site, "unlock", bob)
    assert noted(acme) == [("unlocked the account of bob@example.com", operator)]
    assert User.objects.get(pk=bob.pk).is_active
    assert LogEntry.objects.filter(object_id=str(bob.pk)).count() == 2


def test_nobody_locks_themselves_or_other_staff_or_lets_staff_in_without_the_second_factor(
    site: Client, operator: User
) -> None:
    boss = make_user("boss@example.com", is_staff=True, is_superuser=True)
    TOTP.activate(boss, "JBSWY3DPEHPK3PXP")

    page = act(site, "lock", boss, operator).content.decode()
    page += act(site, "turn_off", Authenticator.objects.get(user=boss)).content.decode()

    assert page.count("only superusers do that to staff") == 2
    assert "this is your own account" in page
    assert Authenticator.objects.filter(user=boss).exists()
    assert not User.objects.filter(is_active=False).exists()


def test_turning_off_the_second_factor_is_noted_where_the_person_works(site: Client, operator: User) -> None:
    acme = make_organization("Acme")
    bob = make_member(acme, make_user("bob@example.com"))
    TOTP.activate(bob, "JBSWY3DPEHPK3PXP")

    act(site, "turn_off", Authenticator.objects.get(user=bob))

    assert not Authenticator.objects.exists()
    assert noted(acme) == [("turned off the two-factor sign-in of bob@example.com", operator)]


@pytest.mark.django_db(transaction=True)
def test_posting_again_is_noted_with_the_organization_and_the_staff() -> None:
    operator = make_staff("Operator")
    key, _ = make_key()
    post_lines(["garbage", *lines_of(make_record(key, organization_id=key.organization_id + 1000))])
    RejectedRecord.objects.exclude(line="garbage").update(line=lines_of(make_record(key))[0])

    page = act(signed_in(operator), "post_again", *RejectedRecord.objects.all()).content.decode()

    assert "1 posted, 1 rejected again." in page
    assert noted(key.organization) == [("had 1 rejected records posted again", operator)]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_change_message()) == (operator, "Posted 2 rejected lines again.")
