"""What the database itself refuses, whoever writes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from orgs.models import ApiKey, Membership, Organization, RevocationEntry, Team
from tests.factories import make_key, make_member, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def assert_refused(model: Any, /, **values: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(**values)


def test_organizations_need_a_name_and_a_slug_of_their_own() -> None:
    taken = make_organization()

    assert_refused(Organization, name="", slug="a")
    assert_refused(Organization, name="A", slug="")
    assert_refused(Organization, name="A", slug="a", timezone="")
    assert_refused(Organization, name="A", slug=taken.slug)


def test_a_membership_is_one_of_the_known_roles_and_once_per_person() -> None:
    organization = make_organization()
    person = make_member(organization)

    assert_refused(Membership, organization=organization, user=person)
    assert_refused(Membership, organization=make_organization(), user=person, role="king")


def test_team_names_differ_by_more_than_case() -> None:
    team = make_team(name="Backend")

    assert_refused(Team, organization=team.organization, name="BACKEND")
    assert_refused(Team, organization=team.organization, name="")


def test_two_keys_never_share_a_digest() -> None:
    record, _ = make_key()

    assert_refused(
        ApiKey,
        team=record.team,
        organization=record.organization,
        key_hash=record.key_hash,
        prefix="apc_",
        last4="x4f2",
    )


def test_a_log_entry_names_its_subject() -> None:
    record, _ = make_key()
    of_key, of_organization = RevocationEntry.Kind.KEY_REVOKED, RevocationEntry.Kind.ORGANIZATION_SUSPENDED

    assert_refused(RevocationEntry, kind=of_key, organization=record.organization)
    assert_refused(RevocationEntry, kind=of_organization, organization=record.organization, api_key=record)
    assert_refused(RevocationEntry, kind="other", organization=record.organization)


def test_what_carries_spend_cannot_be_deleted() -> None:
    record, _ = make_key()

    for row in (record.team, record.organization):
        with pytest.raises(ProtectedError):
            row.delete()


def test_a_person_who_leaves_the_service_leaves_their_acts_behind() -> None:
    organization = make_organization()
    person = make_member(organization)
    record, _ = make_key(make_team(organization))
    ApiKey.objects.update(created_by=person, created_at=datetime(2026, 1, 1, tzinfo=UTC))

    person.delete()

    record.refresh_from_db()
    assert record.created_by is None
    assert not Membership.objects.exists()
