"""The audit log: owners alone read it, in words, filtered, page by page."""

import re
from pathlib import Path

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from orgs import audit_words
from orgs.models import Membership, Organization
from orgs.services import audit, keys, members, organizations, teams
from scripts.hermetic import ROOT
from tests.accounts.pages import text_of
from tests.factories import make_member, make_organization, make_user
from tests.orgs.people import client_of, make_invitation, make_owned, statuses

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def address(organization: Organization, query: str = "") -> str:
    return reverse("audit", args=[organization.slug]) + query


def test_owners_alone_read_it() -> None:
    organization, owner = make_owned()

    assert statuses(organization, owner, "audit") == {"visitor": 401, "outsider": 404, "member": 403, "owner": 200}


def test_it_says_who_did_what_in_words() -> None:
    organization, owner = make_owned("Acme")
    team = teams.create(organization=organization, name="Search", by=owner)
    key, _ = keys.issue(team=team, by=owner, description="checkout")
    keys.revoke(key=key)
    make_invitation(organization=organization, by=owner, role="owner")
    member = make_member(organization, make_user("ada@example.com"))
    members.remove(membership=Membership.objects.get(user=member), by=owner)

    page = text_of(client_of(owner).get(address(organization)))

    for words in (
        "created the organization Acme",
        "created the team Search",
        "created the API key checkout for the team Search",
        "revoked the API key checkout",
        "invited bob@example.com as an owner",
        "removed ada@example.com, who was a member",
    ):
        assert words in page
    assert page.index("removed ada") < page.index("invited bob") < page.index("created the organization")
    assert "The service" in page


def test_the_filter_narrows_by_what_who_and_name() -> None:
    organization, owner = make_owned()
    other = make_member(organization, make_user("ada@example.com"), role="owner")
    teams.create(organization=organization, name="Search", by=owner)
    teams.create(organization=organization, name="Mobile", by=other)
    client = client_of(owner)

    def found(query: str) -> str:
        page: str = text_of(client.get(address(organization, query)))
        return page

    assert "Search" in found("?subject=team")
    assert "created the organization" not in found("?subject=team")
    assert "Mobile" in found(f"?person={other.pk}")
    assert "the team Search" not in found(f"?person={other.pk}")
    assert "added ada@example.com" in found("?person=0")
    assert "the team" not in found("?person=0")
    assert "Mobile" in found("?text=mob")
    assert "the team Search" not in found("?text=mob")
    assert "Nothing found" in found("?text=nowhere")
    assert "Mobile" in found("?subject=nonsense&person=x&page=x")


def test_nothing_of_another_organization_is_in_it() -> None:
    organization, owner = make_owned()
    foreign = make_organization("Foreign", owner=make_user("eve@example.com"))
    teams.create(organization=foreign, name="Spies")

    page = client_of(owner).get(address(organization)).content.decode()

    assert "Spies" not in page
    assert "eve@example.com" not in page


def test_long_logs_have_pages_that_keep_the_filter(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    organization, owner = make_owned()
    for number in range(120):
        audit.record(organization_id=organization.pk, action="team.created", target=f"T{number:03}", by=owner)
    client = client_of(owner)
    client.get(address(organization))

    # Session, person, access; people for the filter, count, entries; own address, the switcher's organizations.
    with django_assert_num_queries(8):
        first = text_of(client.get(address(organization, "?subject=team")))
    assert "T119" in first
    assert "T069" not in first
    assert "1\u201350 of 120" in first
    assert "?subject=team&amp;page=2" in first
    last = text_of(client.get(address(organization, "?subject=team&page=3")))
    assert "T000" in last
    assert "Older" not in last
    assert "101\u2013120 of 120" in text_of(client.get(address(organization, "?subject=team&page=99")))


def test_times_are_those_of_the_organization() -> None:
    owner = make_user()
    organization = organizations.create(name="Acme", timezone="Asia/Kathmandu", owner=owner)
    moment = organization.audit_entries.latest("id").created_at.astimezone(organization.tz)

    assert f"{moment:%H:%M}" in text_of(client_of(owner).get(address(organization)))


def test_every_action_of_the_code_has_words() -> None:
    found = set()
    for app in ("accounts", "proxy", "prompts", "analytics", "orgs"):
        for file in Path(ROOT, app).rglob("*.py"):
            found |= set(re.findall(rf'"((?:{"|".join(audit_words.SUBJECTS)})\.[a-z_]+)"', file.read_text()))

    assert {"member.joined", "api_key.issued", "prompt.archived"} <= found
    assert {action for action in found if not audit_words.is_known(action)} == set()


def test_an_action_without_words_is_spelled_out() -> None:
    assert audit_words.say("api_key.moved_on", "checkout", {}) == "api key moved on: checkout"
    assert audit_words.say("team.renamed", "B {x}", {}) == "team renamed: B {x}"
    assert audit_words.say("team.renamed", "B {x}", {"before": "{a}"}) == "renamed the team {a} to B {x}"
