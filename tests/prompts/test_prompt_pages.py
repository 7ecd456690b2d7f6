"""Registering, describing, archiving and restoring prompts, and a prompt's page: who may, what it says and does."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from orgs.models import AuditEntry, Organization, Team
from orgs.services import organizations
from prompts import services
from prompts.models import Prompt, PromptActivation, PromptVersion
from tests.factories import make_member, make_organization, make_prompt, make_team, make_user, make_version
from tests.orgs.people import client_of, everybody
from tests.prompts.prompt_pages import read, rows_of, said, text_of, url, use

pytestmark = pytest.mark.django_db

DASH = "\N{EN DASH}"
ACTS = ("edit/", "archive/", "restore/", "deactivate/", "versions/new/", "versions/1/activate/")


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def acme(owner: User) -> Organization:
    return make_organization("Acme", owner=owner)


@pytest.fixture
def team(acme: Organization) -> Team:
    return make_team(acme)


@pytest.fixture
def person(acme: Organization) -> User:
    return make_member(acme)


@pytest.fixture
def member(person: User) -> Client:
    return client_of(person)


def state() -> tuple[object, ...]:
    """Everything that these pages can change."""
    rows = (model.objects.order_by("pk").values_list() for model in (Prompt, PromptVersion, PromptActivation))
    return (*map(list, rows), AuditEntry.objects.count())


# --- Who ---


def test_members_read_and_write_as_owners_do_and_nobody_else(acme: Organization, owner: User) -> None:
    prompt = make_prompt(acme, "chat")
    make_version(prompt)
    for name, person in everybody(acme, owner).items():
        client = client_of(person)
        is_inside = name in {"owner", "member"}
        before = state()
        seen = client.get(url(acme, f"{prompt.pk}/")).status_code
        answers = {client.post(url(acme, f"{prompt.pk}/{act}")).status_code for act in ACTS}
        answers.add(client.post(url(acme, "new/"), {"key": f"by-{name}"}).status_code)
        if is_inside:
            assert seen == 200
            assert answers <= {200, 302}
            assert Prompt.objects.filter(key=f"by-{name}").exists()
        else:
            expected = 302 if isinstance(person, AnonymousUser) else 404
            assert (seen, answers, state()) == (expected, {expected}, before), name


def test_a_prompt_of_another_organization_is_not_found(member: Client, acme: Organization) -> None:
    elsewhere = make_version().prompt
    before = state()

    assert member.get(url(acme, f"{elsewhere.pk}/")).status_code == 404
    assert {member.post(url(acme, f"{elsewhere.pk}/{act}")).status_code for act in ACTS} == {404}
    assert member.get(url(acme, f"{10**30}/")).status_code == 404
    assert state() == before


def test_a_suspended_organizations_prompts_are_read_and_not_written(member: Client, acme: Organization) -> None:
    prompt = make_version(make_prompt(acme, "chat")).prompt
    organizations.suspend(organization=acme)
    before = state()

    pages = [read(member, url(acme)), read(member, url(acme, f"{prompt.pk}/"))]

    assert not any(
        f"prompts/{rest}" in page for page in pages for rest in ("new/", f"{prompt.pk}/archive", "1/activate")
    )
    answers = [member.post(url(acme, f"{prompt.pk}/{act}"), {"model": "gpt-4o"}) for act in ACTS]
    answers.append(member.post(url(acme, "new/"), {"key": "other"}))
    assert {answer.status_code for answer in answers} == {403}
    assert "is suspended, so nothing was changed" in text_of(answers[0].content.decode())
    assert state() == before


# --- Registering ---


def test_a_member_registers_a_prompt_and_lands_on_it(member: Client, acme: Organization, person: User) -> None:
    typed = {"key": " support/reply ", "name": "Support  replies", "description": "Asks before it sends."}

    answer = member.post(url(acme, "new/"), typed, follow=True)

    prompt = Prompt.objects.get()
    assert answer.redirect_chain == [(url(acme, f"{prompt.pk}/"), 302)]
    assert said(answer) == ["support/reply is registered. Next: its first version, or its code."]
    assert (prompt.key, prompt.name, prompt.is_auto_created) == ("support/reply", "Support replies", False)
    assert "Asks before it sends." in text_of(answer.content.decode())
    assert AuditEntry.objects.get(action="prompt.created").actor == person


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "Enter the key."),
        ("unknown", "“unknown” is what clients send that have no prompt."),
        ("(other)", "“(other)” stands for the prompt keys beyond a day's limit."),
        ("a\tb", "A prompt's key cannot hold control characters"),
        ("x" * 129, "At most 128 characters fit, and these are 129."),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_words(member: Client, acme: Organization, key: str, words: str) -> None:
    answer = member.post(url(acme, "new/"), {"key": key, "name": "Kept"})

    page = answer.content.decode()
    assert words in text_of(page)
    assert 'value="Kept"' in page
    assert not Prompt.objects.exists()


def test_a_key_that_is_taken_leads_to_its_prompt(member: Client, acme: Organization) -> None:
    make_prompt(make_organization(), "chat")
    taken = make_prompt(acme, "chat")

    page = member.post(url(acme, "new/"), {"key": "chat"}).content.decode()

    assert "There is a prompt with this key already." in text_of(page)
    assert f'href="{url(acme, f"{taken.pk}/")}"' in page
    services.archive(prompt=taken)
    page = member.post(url(acme, "new/"), {"key": "chat"}).content.decode()
    assert "There is a prompt with this key already, archived. Open chat to restore it" in text_of(page)
    assert Prompt.objects.of(acme.pk).count() == 1


# --- Describing, archiving, restoring ---


def test_describing_a_prompt_is_audited_and_takes_the_mark_away(
    member: Client, acme: Organization, person: User
) -> None:
    services.register_unseen(organization_id=acme.pk, keys=["chat"], now=timezone.now())
    prompt = Prompt.objects.get()
    assert "Auto-created" in text_of(read(member, url(acme, f"{prompt.pk}/")))
    dialog = member.get(url(acme, f"{prompt.pk}/edit/"), headers={"HX-Request": "true"}).content.decode()
    assert '<h2 id="dialog-title">' in dialog
    assert "<html" not in dialog

    for _ in range(2):
        member.post(url(acme, f"{prompt.pk}/edit/"), {"name": "<i>Chat</i>", "description": "First.\n\n<b>Second.</b>"})

    page = read(member, url(acme, f"{prompt.pk}/"))
    assert "&lt;i&gt;Chat&lt;/i&gt;" in page
    assert "<p>&lt;b&gt;Second.&lt;/b&gt;</p>" in page
    assert "Auto-created" not in text_of(page)
    entry = AuditEntry.objects.get(action="prompt.changed")
    assert (entry.actor, entry.target, entry.details) == (person, "chat", {"fields": "name, description"})


def test_archiving_says_what_it_means_and_can_be_undone(member: Client, acme: Organization) -> None:
    version = make_version(make_prompt(acme, "chat"), activate=True)
    address = url(acme, f"{version.prompt_id}/")

    question = text_of(read(member, f"{address}archive/"))
    answer = member.post(f"{address}archive/", follow=True)

    assert "Requests that name it go on working and count under it." in question
    assert "v1 is no longer active" in question
    assert said(answer) == ["chat is archived. What it spent stays in every report."]
    page = read(member, address)
    assert "Requests that name it would go on working and count here." in text_of(page)
    assert "versions/new/" not in page
    refused = member.post(f"{address}versions/1/activate/", follow=True)
    assert said(refused) == ["This prompt is archived. Restore it first."]
    assert member.get(f"{address}versions/new/").headers["Location"] == address
    restored = member.post(f"{address}restore/", follow=True)
    assert said(restored)[-1] == "chat is back on the list. None of its versions is active."
    member.post(f"{address}restore/")
    assert not PromptActivation.objects.open().exists()
    actions = ["prompt.archived", "prompt.restored"]
    assert (
        list(AuditEntry.objects.filter(action__in=actions).order_by("pk").values_list("action", flat=True)) == actions
    )


# --- A prompt's page ---


def test_a_prompts_page_has_its_versions_with_what_each_cost(member: Client, acme: Organization, team: Team) -> None:
    prompt = make_prompt(acme, "chat", name="Answers")
    make_version(prompt, temperature=0.7, max_tokens=800, note="As it began")
    make_version(prompt, model="claude-haiku-4-5", activate=True)
    make_version(prompt, model="a-model-nobody-sells")
    use(team, "chat", "2.00", 4, version=1, model="gpt-4o-2024-08-06", days_ago=50)
    use(team, "chat", "0.30", 3, version=2, provider="anthropic", model="claude-haiku-4-5")
    use(team, "chat", "0.01", 2, version=9, model="gpt-4o-mini-2024-07-18")
    use(team, "chat", "0.02", 1, version=0)
    use(team, "else", "7.00", 1, version=1)

    page = read(member, url(acme, f"{prompt.pk}/"))

    today = f"{timezone.now():%-d %b %Y}"
    rows = rows_of(page, "prompt-versions")
    assert rows[0] == (
        "v9 Not registered Requests name this number. Answered by gpt-4o-mini-2024-07-18 . "
        "2 $0.01 $0.005 Register v9 as gpt-4o-mini-2024-07-18 with details"
    )
    assert rows[1] == f"v3 a-model-nobody-sells no price known {DASH} {DASH} {today} 0 $0.00 {DASH} Activate v3"
    assert rows[2].startswith("v2 Active since ")
    assert f"claude-haiku-4-5 $1.00 in, $5.00 out per million {DASH} {DASH} {today} 3 $0.30 $0.10 Deactivate" in rows[2]
    assert rows[3] == (
        f"v1 gpt-4o As it began $2.50 in, $10.00 out per million 0.7 800 {today} 4 $2.00 $0.50 Activate v1"
    )
    assert rows[4] == "No version Requests that named no version while none was active. 1 $0.02 $0.02"
    words = text_of(page)
    assert "Spent in all $2.33 Requests 10 Per request $0.233 Active version v2 Last used today" in words
    assert "belongs to the version that was active when it started" in words
    assert '"prompt_key": "chat"' in page.replace("&quot;", '"')
    bars = page.split('<table class="compare-bars"')[1]
    for name in ("v1", "v2", "v9", "no version"):  # in the chart's colours
        number = re.search(rf'data-number="(\d)" data-name="{name}"', page)
        assert number
        assert re.search(rf'class="series-{number[1]}"[^>]*/></svg>{name}</th>', bars)
    recent = rows_of(read(member, url(acme, f"{prompt.pk}/?range=7d")), "prompt-versions")
    assert recent[3].endswith(f"0 $0.00 {DASH} Activate v1")


def test_the_page_leads_to_the_comparison_of_the_same_days_and_to_the_builder(
    member: Client, acme: Organization, team: Team
) -> None:
    prompt = make_prompt(acme, "a/b c")
    use(team, "a/b c", "1.00", version=1)

    page = read(member, url(acme, f"{prompt.pk}/?range=30d"))

    address = f"/app/{acme.slug}/versions/?prompt=a%2Fb+c&amp;range=30d"
    assert f'href="{address}" hx-get="{address}" hx-target="#dialog"' in page
    assert "v1" in text_of(member.get(address.replace("&amp;", "&")).content.decode())
    assert f'hx-get="/app/{acme.slug}/builder/?prompt=a%2Fb%20c" hx-target="#dialog"' in page


def test_an_unused_prompts_page_begins_with_its_first_version(member: Client, acme: Organization) -> None:
    prompt = make_prompt(acme, "fresh")

    page = read(member, url(acme, f"{prompt.pk}/"))

    assert "No version yet" in text_of(page)
    assert "Spent" not in text_of(page)
    assert f'href="{url(acme, f"{prompt.pk}/versions/new/")}"' in page


def test_when_which_version_was_active_is_told_in_the_organizations_time() -> None:
    tokyo = make_organization(timezone="Asia/Tokyo")
    prompt = make_prompt(tokyo, "chat")
    noon = datetime(2026, 3, 9, 12, tzinfo=UTC)
    make_version(prompt, activate=True, now=noon)
    make_version(prompt, activate=True, now=noon + timedelta(hours=4, seconds=5))

    page = text_of(read(client_of(make_member(tokyo)), url(tokyo, f"{prompt.pk}/")))

    assert "v2 10 Mar 2026, 01:00:05 Active v1 9 Mar 2026, 21:00:00 10 Mar 2026, 01:00:05" in page


def test_a_prompts_page_is_fifteen_queries_however_much_it_has(
    member: Client, acme: Organization, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    prompt = make_prompt(acme, "chat")
    for number in range(1, 40):
        make_version(prompt, activate=number % 3 == 0)
        use(team, "chat", "1.00", version=number + 2, days_ago=number)
    read(member, url(acme, f"{prompt.pk}/"))

    with django_assert_num_queries(15):
        read(member, url(acme, f"{prompt.pk}/"))
