"""Teams and the keys made with them: names, first keys, forms that are sent twice, archiving by the page's rule."""

from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from orgs.models import ApiKey, AuditEntry, Team
from orgs.services import keys, teams
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_a_team_is_renamed_to_a_free_name_and_the_old_one_is_noted() -> None:
    team, person = make_team(name="backend"), make_user()

    teams.rename(team=team, name="  Platform  team ", by=person)
    teams.rename(team=team, name="Platform team", by=person)
    teams.rename(team=team, name="platform team", by=person)  # its own name, in another case

    team.refresh_from_db()
    assert team.name == "platform team"
    entries = AuditEntry.objects.filter(action="team.renamed").order_by("id")
    assert [(entry.target, entry.details["before"]) for entry in entries] == [
        ("Platform team", "backend"),
        ("platform team", "Platform team"),
    ]


def test_a_taken_name_is_refused_be_it_of_an_archived_team() -> None:
    team = make_team(name="backend")
    teams.archive(team=make_team(team.organization, "old"))

    for name in ("OLD", ""):
        with pytest.raises(ValidationError):
            teams.rename(team=team, name=name)
    team.refresh_from_db()
    assert team.name == "backend"


def test_a_team_comes_with_its_key_or_not_at_all() -> None:
    organization = make_organization()

    key, _ = teams.create_with_key(organization=organization, name="Default", description="first")
    with pytest.raises(ValidationError):
        teams.create_with_key(organization=organization, name="Other", description="x" * 201)

    assert [team.name for team in Team.objects.all()] == ["Default"]
    assert list(ApiKey.objects.all()) == [key]


def test_a_form_makes_one_key_whichever_way_it_comes() -> None:
    team, form_id = make_team(), uuid4()
    first, _ = keys.issue(team=team, form_id=form_id)

    with pytest.raises(keys.AlreadyIssued) as caught:
        keys.issue(team=make_team(team.organization), form_id=form_id)
    with pytest.raises(keys.AlreadyIssued):
        teams.create_with_key(organization=team.organization, name="Another", form_id=form_id)

    assert caught.value.record == first
    assert not Team.objects.filter(name="Another").exists()
    assert keys.issue(team=team)[0].form_id is keys.issue(team=team)[0].form_id is None


def test_archiving_with_revoked_keys_only_names_the_active_ones() -> None:
    team = make_team()
    first, _ = make_key(team, "checkout")
    keys.revoke(key=make_key(team, "notebook")[0])

    with pytest.raises(ValidationError, match=r"Revoke its active keys first: checkout\."):
        teams.archive(team=team, revoke_keys=False)
    team.refresh_from_db()
    assert not team.is_archived
    keys.revoke(key=first)
    teams.archive(team=team, revoke_keys=False)
    assert team.is_archived


def test_a_key_remembers_who_revoked_it() -> None:
    person = make_user()
    (by_person, _), (by_command, _) = make_key(), make_key()

    keys.revoke(key=by_person, by=person)
    keys.revoke(key=by_person, by=make_user())
    keys.revoke(key=by_command)

    by_person.refresh_from_db()
    by_command.refresh_from_db()
    assert (by_person.revoked_by, by_command.revoked_by) == (person, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_team", [True, False])
def test_a_form_sent_twice_at_the_same_moment_makes_one_key(has_team: bool) -> None:
    organization = make_organization()
    team = make_team(organization) if has_team else None
    form_id, start, outcomes = uuid4(), Barrier(2), list[str]()

    def send() -> None:
        start.wait(60)
        try:
            if team is not None:
                keys.issue(team=team, form_id=form_id)
            else:
                teams.create_with_key(organization=organization, name="Default", form_id=form_id)
            outcomes.append("made")
        except keys.AlreadyIssued:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == ["made", "refused"]
    assert ApiKey.objects.count() == 1
