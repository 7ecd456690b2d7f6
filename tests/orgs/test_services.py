"""Organizations, members, teams and keys: what the services make, refuse and note."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orgs import keys as key_texts
from orgs.models import ApiKey, AuditEntry, Membership, Organization, RevocationEntry, Team
from orgs.services import keys, members, organizations, teams
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def actions(organization: Organization) -> list[str]:
    return list(AuditEntry.objects.of(organization).order_by("id").values_list("action", flat=True))


# Organizations


def test_an_organization_gets_a_slug_of_its_name_and_its_owner() -> None:
    owner = make_user()

    organization = organizations.create(name="  Acme   Research ", timezone="Asia/Kathmandu", owner=owner)

    assert (organization.name, organization.slug) == ("Acme Research", "acme-research")
    assert str(organization.tz) == "Asia/Kathmandu"
    assert Membership.objects.get(organization=organization, user=owner).is_owner
    assert actions(organization) == ["organization.created", "member.added"]


def test_a_taken_slug_gets_a_number() -> None:
    slugs = [organizations.create(name="Acme").slug for _ in range(3)]

    assert slugs == ["acme", "acme-2", "acme-3"]


@pytest.mark.parametrize(("name", "slug"), [("研究所", "organization"), ("--", "organization"), ("x" * 100, "x" * 56)])
def test_every_name_gives_a_slug(name: str, slug: str) -> None:
    assert organizations.create(name=name).slug == slug


@pytest.mark.parametrize(
    ("name", "timezone"), [("", "UTC"), ("x" * 101, "UTC"), ("Acme", "Mars/Olympus"), ("Acme", "")]
)
def test_a_bad_name_or_time_zone_is_refused(name: str, timezone: str) -> None:
    with pytest.raises(ValidationError):
        organizations.create(name=name, timezone=timezone)
    assert not Organization.objects.exists()


def test_suspending_and_resuming_are_logged_once_each() -> None:
    organization = make_organization()

    for act in (organizations.suspend, organizations.suspend, organizations.resume, organizations.resume):
        act(organization=organization)

    kinds = list(RevocationEntry.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["organization_suspended", "organization_resumed"]
    assert actions(organization)[1:] == ["organization.suspended", "organization.resumed"]
    organization.refresh_from_db()
    assert organization.is_active


def test_locking_gives_the_organizations_by_id() -> None:
    first, second = make_organization(), make_organization()

    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        transaction.atomic(),
    ):
        locked = organizations.lock_shared([second.pk, first.pk, second.pk, 999_999_999])

    assert locked == {first.pk: first, second.pk: second}
    assert organizations.lock_shared([]) == {}
    if connection.vendor == "postgresql":
        assert any("ORDER BY id FOR KEY SHARE" in query["sql"] for query in queries)


# Members


def test_a_person_belongs_to_an_organization_once() -> None:
    organization = make_organization()
    person = make_member(organization)

    with pytest.raises(ValidationError):
        members.add(organization=organization, user=person, role=Membership.Role.OWNER)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValidationError):
        members.add(organization=make_organization(), user=make_user(), role="king")


def test_the_last_owner_can_be_neither_removed_nor_made_a_member() -> None:
    owner = make_user()
    organization = make_organization(owner=owner)
    make_member(organization)
    membership = Membership.objects.get(user=owner)

    with pytest.raises(ValidationError, match="needs an owner"):
        members.remove(membership=membership)
    with pytest.raises(ValidationError, match="needs an owner"):
        members.change_role(membership=membership, role=Membership.Role.MEMBER)

    make_member(organization, role=Membership.Role.OWNER)
    members.change_role(membership=membership, role=Membership.Role.MEMBER, by=owner)
    members.remove(membership=membership, by=owner)
    assert not Membership.objects.filter(user=owner).exists()
    assert actions(organization)[-2:] == ["member.role_changed", "member.removed"]


# Teams


def test_a_team_name_is_taken_in_any_case_within_its_organization_only() -> None:
    organization = make_organization()
    teams.archive(team=teams.create(organization=organization, name="Backend"))

    with pytest.raises(ValidationError, match="already has a team of that name"):
        teams.create(organization=organization, name=" backEND ")
    assert teams.create(organization=make_organization(), name="Backend").name == "Backend"


def test_archiving_a_team_revokes_its_keys_and_no_others() -> None:
    team, boss = make_team(), make_user()
    (first, _), (other, _) = make_key(team), make_key()

    teams.archive(team=team, by=boss)
    teams.archive(team=team, by=boss)

    assert team.is_archived
    assert list(Team.objects.current()) == [other.team]
    assert list(ApiKey.objects.active()) == [other]
    assert RevocationEntry.objects.get().api_key == first
    assert actions(team.organization)[-2:] == ["api_key.revoked", "team.archived"]


def test_an_archived_team_gets_no_keys() -> None:
    team = make_team()
    teams.archive(team=team)

    with pytest.raises(ValidationError, match="archived"):
        keys.issue(team=team)


# Keys


def test_of_an_issued_key_only_the_digest_and_the_mask_are_kept() -> None:
    team, person = make_team(), make_user()

    record, key = keys.issue(team=team, by=person, description=" checkout ")

    record.refresh_from_db()
    assert bytes(record.key_hash) == key_texts.digest(key)
    assert (record.prefix, record.last4, record.masked) == (key[:12], key[-4:], key_texts.mask(key))
    assert (record.organization, record.created_by, record.label) == (team.organization, person, "checkout")
    everything = [str(row) for model in (ApiKey, AuditEntry) for row in model.objects.values()]
    assert not any(key in row for row in everything)


def test_a_key_without_description_is_called_by_its_mask() -> None:
    record, key = make_key()

    assert str(record) == f"apc_...{key[-4:]}"


def test_revoking_twice_is_logged_once_and_keeps_the_first_time() -> None:
    record, _ = make_key()
    person = make_user()

    keys.revoke(key=record, by=person)
    revoked_at = record.revoked_at
    keys.revoke(key=record)

    record.refresh_from_db()
    assert record.revoked_at == revoked_at
    assert RevocationEntry.objects.get().api_key == record
    entry = AuditEntry.objects.get(action="api_key.revoked")
    assert (entry.actor, entry.details) == (person, {"api_key_id": record.pk})


def test_keys_are_found_by_the_whole_key_and_by_how_they_begin() -> None:
    record, key = make_key()
    make_key()

    assert ApiKey.objects.with_key(key).get() == record
    assert ApiKey.objects.with_prefix(key[:9]).get() == record
    assert ApiKey.objects.with_prefix(key[:20]).get() == record
