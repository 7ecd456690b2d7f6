"""Adding versions, registering the numbers that requests named, and which one is active, through the pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import price_book
from analytics.models import ModelPrice
from orgs.models import ApiKey, AuditEntry, Organization
from prompts import services
from prompts.models import Prompt, PromptActivation, PromptVersion
from tests.analytics.rollup_rows import spend
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_member, make_organization, make_prompt, make_team, make_version
from tests.orgs.people import client_of
from tests.prompts.prompt_pages import read, rows_of, said, text_of, url, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Organization:
    return make_organization("Acme")


@pytest.fixture
def prompt(acme: Organization) -> Prompt:
    return make_prompt(acme, "chat")


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme))[0]


@pytest.fixture
def person(acme: Organization) -> User:
    return make_member(acme)


@pytest.fixture
def member(person: User) -> Client:
    return client_of(person)


def of(prompt: Prompt, rest: str = "") -> str:
    return url(prompt.organization, f"{prompt.pk}/{rest}")


def active(prompt: Prompt) -> int | None:
    return PromptActivation.objects.active_numbers(prompt.organization_id).get(prompt.pk)


def add(client: Client, prompt: Prompt, **typed: object) -> str:
    """What the page says, which is the prompt's where the version was added."""
    response = client.post(of(prompt, "versions/new/"), {"latest": 0, "model": "gpt-4o", **typed}, follow=True)
    return " ".join(said(response)) + " " + text_of(response.content.decode())


# --- Adding ---


def test_a_version_is_added_with_all_that_was_typed(member: Client, prompt: Prompt, person: User) -> None:
    page = add(member, prompt, temperature="0.25", max_tokens="400", note="Shorter", is_active="on")

    version = PromptVersion.objects.get()
    assert (version.number, version.model, version.temperature, version.max_tokens) == (1, "gpt-4o", 0.25, 400)
    assert (version.note, active(prompt)) == ("Shorter", 1)
    assert page.startswith("v1 is registered with gpt-4o, and active: requests that name no version count as it")
    acts = AuditEntry.objects.filter(actor=person).order_by("pk").values_list("action", "details")
    assert list(acts) == [("prompt.version_added", {"version": 1}), ("prompt.version_activated", {"version": 1})]


def test_the_form_is_filled_in_as_the_latest_version_is(member: Client, prompt: Prompt) -> None:
    first = read(member, of(prompt, "versions/new/"))
    make_version(prompt, number=4, model="gpt-4.1", temperature=0.5, max_tokens=300)
    second = read(member, of(prompt, "versions/new/"))

    assert 'name="is_active" ' in first
    assert "checked" in first.split('name="is_active"')[1][:200]
    assert all(f'value="{value}"' in second for value in ("gpt-4.1", "0.5", "300", "4"))
    assert 'placeholder="5"' in second
    assert "checked" not in second.split('name="is_active"')[1][:200]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"model": " "}, "Enter the model."),
        ({"temperature": "2.1"}, "The temperature is a number from 0 to 2, like 0.7."),
        ({"temperature": "nan"}, "The temperature is a number from 0 to 2, like 0.7."),
        ({"max_tokens": "0"}, "The limit is at least 1 token."),
        ({"number": "0"}, "Version numbers start at 1."),
        ({"number": str(2**31)}, "Version numbers go up to 2,147,483,647."),
        ({"number": "3"}, "This prompt already has a version of that number."),
        ({"latest": "2"}, "Version 3 was added meanwhile. Send this once more to add version 4."),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_kept(
    member: Client, prompt: Prompt, typed: dict[str, str], words: str
) -> None:
    make_version(prompt, number=3)

    page = add(member, prompt, **{"latest": "3", "note": "Kept", **typed})

    assert words in page
    assert PromptVersion.objects.count() == 1


def test_a_form_sent_twice_makes_one_version_and_sent_again_the_next(member: Client, prompt: Prompt) -> None:
    add(member, prompt)
    refused = member.post(of(prompt, "versions/new/"), {"latest": 0, "model": "gpt-4o"})

    assert PromptVersion.objects.count() == 1
    assert '<input type="hidden" name="latest" value="1"' in refused.content.decode()
    assert "v2 is registered" in add(member, prompt, latest=1)


def test_models_of_both_providers_are_suggested_at_the_organizations_prices(
    member: Client, acme: Organization, prompt: Prompt
) -> None:
    own = {"provider": "openai", "effective_from": timezone.now() - timedelta(days=1), "organization": acme}
    for model in ("gpt-4o", "our-own-model"):
        price_book.save_price(price=ModelPrice(**own, model=model, input_pico_usd=7_000_000, output_pico_usd=9_000_000))
    page = text_of(read(member, of(prompt, "versions/new/")))

    assert "gpt-4o $7.00 $9.00" in page
    assert "our-own-model $7.00 $9.00" in page
    assert "gpt-4o-mini $0.15 $0.60" in page
    assert "claude-haiku-4-5 $1.00 $5.00" in page
    elsewhere = make_prompt()
    other = text_of(read(client_of(make_member(elsewhere.organization)), of(elsewhere, "versions/new/")))
    assert "gpt-4o $2.50 $10.00" in other
    assert "our-own-model" not in other


# --- Numbers that nobody registered ---


def test_one_click_registers_a_number_with_the_model_that_was_seen(member: Client, prompt: Prompt, key: ApiKey) -> None:
    use(key, "chat", "1.00", 2, version=7, model="gpt-4o-mini-2024-07-18")
    use(key, "chat", "1.00", 9, version=7, provider="anthropic", model="claude-haiku-4-5-20251001", days_ago=1)
    make_version(prompt, number=2)

    page = read(member, of(prompt))
    assert "Answered by claude-haiku-4-5-20251001 and 1 more." in rows_of(page, "prompt-versions")[0]
    filled = read(member, of(prompt, "versions/new/?number=7"))
    assert all(f'value="{value}"' in filled for value in ("7", "claude-haiku-4-5-20251001"))

    answer = member.post(of(prompt, "versions/new/"), {"number": 7, "model": "claude-haiku-4-5-20251001"}, follow=True)

    assert said(answer) == ["v7 is registered with claude-haiku-4-5-20251001."]
    row = rows_of(answer.content.decode(), "prompt-versions")[0]
    assert row.startswith("v7 claude-haiku-4-5-20251001")
    assert "11 $2.00" in row
    assert active(prompt) is None


def test_a_number_whose_model_nobody_knows_is_registered_by_the_form(
    member: Client, prompt: Prompt, key: ApiKey
) -> None:
    use(key, "chat", "1.00", 2, version=7, model="")

    page = read(member, of(prompt))

    assert f'href="{of(prompt, "versions/new/?number=7")}">Register</a>' in page
    assert member.post(of(prompt, "versions/new/"), {"number": 7, "model": ""}).status_code == 200
    assert not PromptVersion.objects.exists()


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**31), "9" * 40, "٣"])
def test_a_number_that_cannot_be_is_not_filled_in(member: Client, prompt: Prompt, number: str) -> None:
    assert "Add a version" in text_of(read(member, of(prompt, f"versions/new/?number={number}")))


def test_the_comparison_leads_to_the_registration(member: Client, acme: Organization, prompt: Prompt) -> None:
    spend(make_team(acme), "1", on=timezone.now().date().isoformat(), prompt_key="chat", version=7)

    assert f'href="{of(prompt, "versions/new/?number=7")}"' in read(member, f"/app/{acme.slug}/versions/?prompt=chat")
    services.archive(prompt=prompt)
    assert "versions/new/" not in read(member, f"/app/{acme.slug}/versions/?prompt=chat")


# --- Which is active ---


def test_activating_and_deactivating_decide_for_requests_from_then_on(
    member: Client, prompt: Prompt, key: ApiKey
) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    make_version(prompt, activate=True, now=long_ago)
    make_version(prompt)
    request: dict[str, Any] = {"prompt_key": "chat", "at": long_ago + timedelta(hours=1)}
    post(make_record(key, **request))

    answer = member.post(of(prompt, "versions/2/activate/"), follow=True)
    assert said(answer) == ["v2 is active. Requests that name no version count as v2 from now on."]
    post(make_record(key, **request), make_record(key, prompt_key="chat", at=timezone.now()))
    answer = member.post(of(prompt, "deactivate/"), {"number": 2}, follow=True)
    assert said(answer) == ["No version is active. Requests that name none count as “no version” from now on."]
    post(
        make_record(key, prompt_key="chat", at=timezone.now()),
        make_record(key, prompt_key="chat", at=timezone.now(), version=1),
    )

    rows = rows_of(read(member, of(prompt)), "prompt-versions")
    counts = {row.split(" gpt-4o")[0].split(" Requests")[0]: row for row in rows}
    assert list(counts) == ["v2", "v1", "No version"]
    assert " 1 $0.0035 " in counts["v2"]
    assert " 3 $0.0105 " in counts["v1"]
    assert " 1 $0.0035 " in counts["No version"]


def test_a_version_that_was_not_seen_as_active_is_not_ended(member: Client, prompt: Prompt) -> None:
    make_version(prompt)
    make_version(prompt, activate=True)

    answer = member.post(of(prompt, "deactivate/"), {"number": 1}, follow=True)

    assert said(answer) == ["Version 2 was made active meanwhile, and it still is. Nothing was changed."]
    assert active(prompt) == 2


def test_a_version_that_is_not_there_is_not_found(member: Client, prompt: Prompt) -> None:
    make_version(number=5)

    assert member.post(of(prompt, "versions/5/activate/")).status_code == 404
    assert member.post(of(prompt, f"versions/{10**30}/activate/")).status_code == 404
    assert member.get(of(prompt, "versions/5/activate/")).status_code == 405
